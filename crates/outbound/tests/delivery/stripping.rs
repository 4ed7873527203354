//! STARTTLS taken away by somebody on the way (T4, T12, P23): where TLS is demanded, nothing of
//! a message is said in clear, on no connection and to no host.

use std::time::Duration;

use postern_mail::TlsWish;
use postern_policy::{ChannelLevel, OutboundTerms, Partner, PartnerName, Stage};

use crate::{
    published::{Published, Succession, policy, sound, submit, wrong_tlsa},
    scripted::{Say, Scripted, obliging},
    world::{Plan, World},
};

/// How long is waited for a host that says nothing when a handshake is due.
const HANDSHAKE: Duration = Duration::from_millis(300);

/// What a host says to one command, and to all others what an obliging one does.
const SCRIPTS: &[(&str, Say)] = &[
    ("EHLO", Say::This("250 scripted.example")),
    ("EHLO", Say::This("250-STARTTLS\r\n250 SIZE")),
    ("EHLO", Say::This("250-scripted.example\r\n250 XSTARTTLSX")),
    ("EHLO", Say::This("500 what?")),
    ("EHLO", Say::This("421 later")),
    ("EHLO", Say::Cut),
    ("", Say::This("220 scripted.example STARTTLS")),
    ("", Say::Cut),
    ("STAR", Say::This("454 4.7.0 not now")),
    ("STAR", Say::This("502 no")),
    ("STAR", Say::This("554 no")),
    ("STAR", Say::This("250 ok")),
    ("STAR", Say::This("hello")),
    ("STAR", Say::This("220 go\r\n250 ok")),
    ("STAR", Say::This("220 go")), // and then SMTP, where a handshake is due
    ("STAR", Say::Cut),
];

async fn stripped(command: &'static str, say: &'static Say) -> Scripted {
    Scripted::start(move |heard| {
        let verb = heard.line.get(..4).unwrap_or(heard.line);
        match verb {
            _ if verb == command => say.clone(),
            "EHLO" if command == "STAR" => Say::This("250-hi\r\n250 STARTTLS"),
            _ => obliging(heard.line),
        }
    })
    .await
}

#[track_caller]
fn check_nothing_was_said(host: &Scripted, what: &str) {
    for command in ["MAIL", "RCPT", "DATA", "BDAT", "AUTH"] {
        assert_eq!(host.count(command), 0, "{command} after {what}");
    }
    assert!(host.contents().is_empty());
}

#[tokio::test]
async fn a_partner_that_demands_tls_is_told_nothing_in_clear() {
    for (command, say) in SCRIPTS {
        let hosts = [stripped(command, say).await, stripped(command, say).await];
        let name: PartnerName = "Ministry".parse().unwrap();
        let terms = OutboundTerms {
            hosts: hosts
                .iter()
                .map(|host| host.address.to_string().parse().unwrap())
                .collect(),
            ..OutboundTerms::requiring(ChannelLevel::Encrypted)
        };
        let partner = Partner::builder(name, Stage::Enforce)
            .domain("to.example".parse().unwrap())
            .outbound(terms);
        let world = World::start(Plan {
            partners: vec![partner.build().unwrap()],
            handshake_timeout: HANDSHAKE,
            ..Plan::default()
        });
        let failure = world
            .until_deferred(submit(&world, TlsWish::Unstated).await)
            .await;
        assert!(failure.status().to_string().starts_with("4."));
        for host in &hosts {
            check_nothing_was_said(host, &format!("{say:?} to {command:?}"));
        }
    }
}

/// The same under what the destination publishes; and its report will tell.
#[tokio::test]
async fn a_destination_that_publishes_a_policy_is_told_nothing_in_clear() {
    for (command, say) in SCRIPTS {
        let host = stripped(command, say).await;
        let port = host.address.port();
        let zone = format!(
            "$PROOF secure\nto.example MX 1 mx.to.example\nmx.to.example A {}\n",
            host.address.ip()
        );
        let dane = format!("{zone}_{port}._tcp.mx.to.example TLSA {}", wrong_tlsa());
        let enforced = Succession::of([policy("enforce", &["mx.to.example"])]);
        for (zone, sts) in [(dane, Succession::of([])), (zone, enforced)] {
            let published = Published::with(&[&sound]).await;
            let world = World::start(Plan {
                sts,
                mx_port: port,
                handshake_timeout: HANDSHAKE,
                ..published.plan(zone)
            });
            world
                .until_deferred(submit(&world, TlsWish::Unstated).await)
                .await;
            let what = format!("{say:?} to {command:?}");
            check_nothing_was_said(&host, &what);
            let counted = published.accounts.results();
            assert!(counted.iter().all(|it| !it.ends_with(" met")), "{what}");
            assert_eq!(!counted.is_empty(), is_about_tls(command, say), "{what}");
        }
    }
}

/// Whether the session came so far that there was or was not to be TLS.
fn is_about_tls(command: &str, say: &Say) -> bool {
    command == "STAR" || !matches!(say, Say::Cut | Say::This("421 later"))
}
