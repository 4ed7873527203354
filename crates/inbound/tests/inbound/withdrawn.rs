//! P4: a certificate that was good when a session began, and is not any more at its next MAIL.

use std::sync::Arc;

use postern_policy::{Denied, DeniedCertificate, Exclusivity, Stage};
use postern_testkit::RevocationList;
use postern_tls::{CertificateSummary, CrlSource, RevocationCheck, SpkiPin, UnknownStatus};
use rustls_pki_types::UnixTime;

use crate::{
    client::Client,
    house::Plan,
    log::Log,
    pki::{Pki, plain_policy},
};

const OUT: &str = "out.ministry.example";

#[tokio::test]
async fn a_revoked_certificate_ends_the_mail_of_a_session_under_way() {
    let list = Arc::new(CrlSource::new("ministry.crl"));
    let lists = RevocationCheck::new([Arc::clone(&list)], UnknownStatus::Accept);
    let plan = Plan::with(|pki| {
        let (enforce, shared) = (Stage::Enforce, Exclusivity::Shared);
        vec![pki.partner_checking("ministry", enforce, shared, Some(lists))]
    });
    let house = plan.serve();
    let out = house.pki.client(OUT);
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;

    // Nothing but the list changes: no reload, no new handshake.
    let revoked = RevocationList::numbered(1).revoking(out.leaf());
    let revoked = house.pki.ministry.crl(&revoked);
    list.replace(&revoked, UnixTime::now()).unwrap();
    let reply = client
        .say("MAIL FROM:<jo@ministry.example>", "550-5.7.1 ")
        .await;
    assert!(reply.contains("revoked"), "{reply}");
    // As somebody else's it is as good as none.
    client
        .deliver("jo@stranger.example", "mo@own.example")
        .await;
    let partners = house.queued().await.into_iter().map(|it| it.origin.partner);
    let partners: Vec<_> = partners.collect();
    assert_eq!(partners, [Some("ministry".to_owned()), None]);
}

/// A policy with the ministry as a partner that refuses a key.
fn denying(pki: &Pki, key: SpkiPin) -> Arc<postern_policy::Policy> {
    let ministry = pki.partner("ministry", Stage::Enforce, Exclusivity::Shared);
    let denied = Denied {
        what: DeniedCertificate::Key(key),
        reason: "stolen on Monday".into(),
    };
    Arc::new(plain_policy(vec![ministry]).with_denied(vec![denied]))
}

#[tokio::test]
async fn a_denied_certificate_ends_all_mail_of_a_session_under_way() {
    let (log, _guard) = Log::begin();
    let plan = Plan::with(|pki| vec![pki.partner("ministry", Stage::Enforce, Exclusivity::Shared)]);
    let house = plan.serve();
    let out = house.pki.client(OUT);
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&out)).await;
    client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;

    let mut settings = house.settings.clone();
    let key = CertificateSummary::of(out.leaf())
        .contents
        .unwrap()
        .spki_pin;
    settings.policy = denying(&house.pki, key);
    house.control.replace(&settings).unwrap();
    for sender in ["jo@ministry.example", "jo@stranger.example", ""] {
        let reply = client
            .say(&format!("MAIL FROM:<{sender}>"), "550-5.7.1 ")
            .await;
        assert!(reply.contains("stolen on Monday"), "{reply}");
    }
    let is_of_it = |line: &String| line.contains("MAIL refused over a certificate that is denied");
    let told: Vec<_> = log.lines().into_iter().filter(is_of_it).collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    for (line, of_partner) in told.into_iter().zip([true, false, false]) {
        assert!(line.contains(" WARN "), "{line}");
        assert!(line.contains("stolen on Monday"), "{line}");
        assert_eq!(line.contains("partner=ministry"), of_partner, "{line}");
    }
    // Who shows another certificate is not concerned.
    let other = house.pki.client(OUT);
    let mut client = Client::greet_tls(house.address, &house.pki.public, Some(&other)).await;
    client
        .deliver("jo@ministry.example", "mo@own.example")
        .await;
}
