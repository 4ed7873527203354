//! What the daemon tells and does beside its messages.

use postern_admin::{ClientError, FreezeOrder, Reloaded, ReportOrder, Whose};

use crate::{
    idle::{line, partner, report_line},
    running::Running,
};

#[tokio::test]
async fn a_reload_that_is_refused_says_why() {
    let running = Running::start().await;
    let errors = vec!["postern.toml:1:1: no".to_owned()];
    let refused = running.client.reload().await.unwrap();
    assert_eq!(refused, Reloaded::Refused { errors });
}

#[tokio::test]
async fn partners_are_listed_page_by_page_and_shown_by_name() {
    let running = Running::start().await;
    let first = running.client.partners(0).await.unwrap();
    assert_eq!(first.partners, [line("Ministry & Co")]);
    let second = running.client.partners(first.next.unwrap()).await.unwrap();
    assert_eq!((second.partners, second.next), (vec![line("Bank")], None));

    let shown = running.client.partner("Ministry & Co").await.unwrap();
    assert_eq!(shown, partner("Ministry & Co"));
    let unknown = running.client.partner("Bänk/1").await.unwrap_err();
    assert!(
        matches!(&unknown, ClientError::NoSuchPartner(_)),
        "{unknown:?}"
    );
    let expected = "there is no partner \"Bänk/1\"; did you mean \"Bank\"?";
    assert_eq!(unknown.to_string(), expected);
}

#[tokio::test]
async fn reports_are_listed_page_by_page_and_shown_by_name() {
    let running = Running::start().await;
    let first = running.client.reports(0).await.unwrap();
    let names: Vec<_> = first.reports.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(
        (names.as_slice(), first.next),
        (&["d-1", "t/2"][..], Some(2))
    );
    let second = running.client.reports(2).await.unwrap();
    assert_eq!((second.reports.len(), second.next), (1, None));

    let shown = running.client.report("t/2").await.unwrap();
    assert_eq!(shown.line, report_line("t/2"));
    let missing = running.client.report("../../etc/passwd").await.unwrap_err();
    assert!(
        matches!(&missing, ClientError::NoSuchReport(_)),
        "{missing:?}"
    );
    assert_eq!(
        missing.to_string(),
        "there is no report \"../../etc/passwd\""
    );
}

#[tokio::test]
async fn an_order_for_reports_says_which() {
    let running = Running::start().await;
    let order = ReportOrder {
        domain: Some("example.org".to_owned()),
        dry_run: true,
        ..ReportOrder::default()
    };
    let sent = running.client.send_reports(&order).await.unwrap();
    assert_eq!(sent.notes, ["Some(\"example.org\") true"]);
    for (day, expected) in [
        ("yesterday", "yesterday is no day"),
        ("2026-11-22", "the disk is full"),
    ] {
        let order = ReportOrder {
            day: Some(day.to_owned()),
            ..ReportOrder::default()
        };
        let refused = running.client.send_reports(&order).await.unwrap_err();
        let makes_sense = !matches!(&refused, ClientError::BadRequest(_));
        assert_eq!(makes_sense, day != "yesterday", "{refused:?}");
        assert_eq!(refused.to_string(), expected);
    }
}

#[tokio::test]
async fn what_keeps_mail_from_going_is_told() {
    let running = Running::start().await;
    let client = &running.client;
    let to = [
        "<a@frozen.example>",
        "<b@frozen.example>",
        "<c@free.example>",
    ];
    let id = running.accept("<>", to.map(str::to_owned)).await;
    let shown = client.show(id, 0).await.unwrap();
    let domains: Vec<_> = shown.delays.iter().map(|it| it.domain.as_str()).collect();
    assert_eq!(domains, ["frozen.example"]);
    let free = client
        .delay(&"free.example".parse().unwrap())
        .await
        .unwrap();
    assert!(!free.is_one());
    assert_eq!(client.destinations().await.unwrap().left_out, 7);
    let freezer = client.frozen().await.unwrap();
    assert_eq!(freezer.trouble.as_deref(), Some("the file is damaged"));
    assert_eq!(client.thaw(Whose::All).await.unwrap(), freezer);
    client.flush(Whose::All).await.unwrap();

    let freeze = async |whose: Whose| {
        let reason = "no disk".to_owned();
        client
            .freeze(&FreezeOrder { whose, reason })
            .await
            .unwrap_err()
    };
    let domain = freeze(Whose::Domain("a.example".parse().unwrap())).await;
    assert!(matches!(&domain, ClientError::Refused(it) if it == "no disk"));
    let partner = freeze(Whose::Partner("Bnak".to_owned())).await;
    assert!(
        matches!(partner, ClientError::NoSuchPartner(_)),
        "{partner:?}"
    );
    let all = freeze(Whose::All).await;
    assert!(matches!(all, ClientError::BadRequest(_)), "{all:?}");
}
