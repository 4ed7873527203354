//! Messages are listed, shown and changed.

use std::time::SystemTime;

use postern_admin::{Change, ChangeOrder, ClientError, Hold, Listing, Origin, RecipientState};

use crate::running::Running;

#[tokio::test]
async fn a_message_is_looked_at_and_worked_with() {
    let running = Running::start().await;
    let client = &running.client;
    let id = running
        .accept("<a@one.example>", ["<b@two.example>".to_owned()])
        .await;
    let other = running.accept("<>", ["<c@three.example>".to_owned()]).await;

    let page = client.list(&Listing::default()).await.unwrap();
    assert_eq!(page.next, None);
    let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [id, other]);

    let reason = "what is this?".to_owned();
    client
        .change(
            id,
            &Change::Hold {
                reason: reason.clone(),
            },
        )
        .await
        .unwrap();
    let held = Listing {
        hold: Some(Hold::Held),
        ..Listing::default()
    };
    let page = client.list(&held).await.unwrap();
    assert_eq!(page.messages.len(), 1);
    assert_eq!(page.messages[0].hold.as_ref(), Some(&reason));
    assert_eq!(client.status().await.unwrap().queue.held, 1);

    client.change(id, &Change::Release).await.unwrap();
    client.change(id, &Change::Retry).await.unwrap();
    let shown = client.show(id, 0).await.unwrap();
    assert_eq!(shown.hold, None);
    assert_eq!(shown.origin, Origin::Postern);
    assert_eq!(shown.reverse_path, "<a@one.example>");
    assert_eq!(shown.recipients[0].forward_path, "<b@two.example>");
    assert_eq!(shown.recipients[0].state, RecipientState::Waiting);

    client.change(id, &Change::Remove).await.unwrap();
    let gone = client.show(id, 0).await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        format!("there is no message {id} in the queue")
    );
    assert!(matches!(gone, ClientError::NoSuchMessage(_)));
    let gone = client.change(id, &Change::Retry).await.unwrap_err();
    assert!(matches!(gone, ClientError::NoSuchMessage(_)));
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let running = Running::start().await;
    for number in 0..5 {
        let to = format!("<x@to{}.example>", number % 2);
        running
            .accept(&format!("<a@from{number}.example>"), [to])
            .await;
    }
    let odd = Listing {
        to: "to1.example".parse().ok(),
        limit: Some(1),
        ..Listing::default()
    };
    let first = running.client.list(&odd).await.unwrap();
    assert_eq!(first.messages[0].reverse_path, "<a@from1.example>");
    let after = first.next;
    assert!(after.is_some());
    let second = running
        .client
        .list(&Listing { after, ..odd })
        .await
        .unwrap();
    assert_eq!(second.messages[0].reverse_path, "<a@from3.example>");
    let by_sender = Listing {
        from: "from4.example".parse().ok(),
        ..Listing::default()
    };
    let found = running.client.list(&by_sender).await.unwrap();
    assert_eq!(found.messages.len(), 1);
}

#[tokio::test]
async fn many_recipients_come_in_parts() {
    let running = Running::start().await;
    let to = (0..1500).map(|number| format!("<x{number}@to.example>"));
    let id = running.accept("<a@from.example>", to).await;
    let first = running.client.show(id, 0).await.unwrap();
    assert_eq!(
        (first.recipients.len(), first.next_recipient),
        (1000, Some(1000))
    );
    let second = running.client.show(id, 1000).await.unwrap();
    assert_eq!(
        (second.recipients.len(), second.next_recipient),
        (500, None)
    );
    assert_eq!(second.recipients[0].forward_path, "<x1000@to.example>");
    let beyond = running.client.show(id, usize::MAX).await.unwrap();
    assert_eq!((beyond.recipients.len(), beyond.next_recipient), (0, None));
    let page = running.client.list(&Listing::default()).await.unwrap();
    assert_eq!(page.messages[0].recipients.len(), 20);
    assert_eq!(page.messages[0].recipients_total, 1500);
}

#[tokio::test]
async fn messages_are_changed_by_filter() {
    let running = Running::start().await;
    let client = &running.client;
    let to = |domain: &str| [format!("<b@{domain}>")];
    for _ in 0..3 {
        running.accept("<>", to("new.ministry.example")).await;
        running
            .accept("<a@one.example>", to("old.ministry.example"))
            .await;
        running.accept("<a@one.example>", to("else.example")).await;
    }
    let order = |change: Change, which: Listing, dry_run| ChangeOrder {
        change,
        which,
        dry_run,
    };
    let hold = || Change::Hold {
        reason: "Audit of March".to_owned(),
    };
    let check = async |order: ChangeOrder, expected: (usize, usize)| {
        let done = client.change_all(&order).await.unwrap();
        assert_eq!((done.matched, done.changed), expected, "{order:?}");
        assert_eq!(done.next, None, "{order:?}");
    };
    let ministry = Listing {
        partner: Some("Ministry & Co".to_owned()),
        ..Listing::default()
    };
    check(order(hold(), ministry.clone(), true), (3, 0)).await;
    check(order(hold(), ministry.clone(), false), (3, 3)).await;
    let listed = client.list(&ministry).await.unwrap();
    assert_eq!(listed.messages.len(), 3, "an exception is nobody's");
    let audited = Listing {
        reason: Some("audit of".to_owned()),
        ..Listing::default()
    };
    let first = Listing {
        limit: Some(1),
        ..audited.clone()
    };
    check(order(Change::Release, first, false), (1, 1)).await;
    check(order(Change::Release, audited.clone(), false), (2, 2)).await;
    check(order(Change::Release, audited, false), (0, 0)).await;
    let notices = Listing {
        from: Some("<>".parse().unwrap()),
        ..Listing::default()
    };
    check(order(Change::Remove, notices, false), (3, 3)).await;
    let below = Listing {
        to: Some("*.example".parse().unwrap()),
        recipient: Some("<B@ELSE.example>".to_owned()),
        received_before: Some(SystemTime::now().into()),
        ..Listing::default()
    };
    check(order(Change::Retry, below.clone(), false), (3, 3)).await;
    let none = Listing {
        received_after: below.received_before,
        ..below
    };
    check(order(Change::Remove, none, false), (0, 0)).await;

    let summary = client.summary().await.unwrap();
    let lines: Vec<_> = summary.domains.iter().collect();
    let counted: Vec<_> = lines
        .iter()
        .map(|it| (it.domain.as_deref().unwrap(), it.waiting))
        .collect();
    assert_eq!(counted, [("else.example", 3), ("old.ministry.example", 3)]);
    assert_eq!(summary.total.waiting, 6);
    assert_eq!(summary.total.by_age.len(), summary.age_minutes.len() + 1);

    let nobody = Listing {
        partner: Some("Bnak".to_owned()),
        ..Listing::default()
    };
    let refused = client.list(&nobody).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::NoSuchPartner(_)),
        "{refused:?}"
    );
}
