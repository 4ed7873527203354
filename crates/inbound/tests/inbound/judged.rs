//! What the tests of judged mail share: domains with records, and a house that asks for them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use postern_authentication::{
    DkimKey, DkimKeyKind, Sealer, Signer, SigningKey, Verifier, VerifierSettings, make_dkim_key,
};
use postern_dns::{Dns, FixedZone};
use postern_inbound::{Authentication, Judgement, Listener, Quarantine};

use crate::{
    client::Client,
    house::{House, Plan},
};

/// Domains that differ in what they publish. Clients come from 127.0.0.1.
pub(crate) const ZONE: &str = "\
    good.example TXT v=spf1 ip4:127.0.0.1 -all\n\
    _dmarc.good.example TXT v=DMARC1; p=reject\n\
    bank.example TXT v=spf1 -all\n\
    _dmarc.bank.example TXT v=DMARC1; p=reject\n\
    shop.example TXT v=spf1 -all\n\
    _dmarc.shop.example TXT v=DMARC1; p=quarantine\n\
    strict.example TXT v=spf1 -all\n\
    slow.example TXT v=spf1 ip4:127.0.0.1 -all\n\
    _dmarc.slow.example TXT FAIL timeout\n\
    silent.example MX 0 .\n\
    mute.example MX FAIL timeout\n";

pub(crate) const ENFORCE: Judgement = Judgement::Enforce(Quarantine::Mark);

/// A house in the making.
pub(crate) struct Court {
    pub(crate) plan: Plan,
    pub(crate) authentication: Authentication,
}

impl Court {
    /// One that asks the records of [`ZONE`] and these.
    pub(crate) fn new(records: &str) -> Self {
        let zone: FixedZone = format!("{ZONE}{records}").parse().unwrap();
        Self::asking(Arc::new(zone), VerifierSettings::default())
    }

    pub(crate) fn asking(dns: Arc<dyn Dns>, settings: VerifierSettings) -> Self {
        Self {
            plan: Plan::new(),
            authentication: Authentication {
                verifier: Arc::new(Verifier::new(dns, settings)),
                authserv_id: "mx.own.example".to_owned(),
                received_spf: false,
                temperror_limit: Duration::from_secs(3600),
                signer: Arc::default(),
                sealer: None,
            },
        }
    }

    pub(crate) fn judging(mut self, judgement: Judgement) -> Self {
        self.plan = self.plan.judging(judgement);
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Authentication)) -> Self {
        change(&mut self.authentication);
        self
    }

    pub(crate) fn listening(mut self, change: impl FnOnce(&mut Listener)) -> Self {
        change(&mut self.plan.settings.listeners[0]);
        self
    }

    pub(crate) fn serve(mut self) -> House {
        self.plan.settings.authentication = Some(Arc::new(self.authentication));
        self.plan.serve()
    }
}

/// A key of a domain, and the record that publishes it.
pub(crate) struct Key {
    pub(crate) domain: String,
    pub(crate) key: Arc<DkimKey>,
}

impl Key {
    pub(crate) fn of(domain: &str) -> Self {
        let pem = make_dkim_key(DkimKeyKind::Ed25519).unwrap();
        Self {
            domain: domain.to_owned(),
            key: Arc::new(DkimKey::from_pem(pem.as_bytes()).unwrap()),
        }
    }

    pub(crate) fn record(&self) -> String {
        let public = self.key.public_record();
        format!("s._domainkey.{} TXT {public}\n", self.domain)
    }

    pub(crate) fn signer(&self) -> Arc<Signer> {
        Arc::new(Signer::new(vec![SigningKey {
            domain: self.domain.parse().unwrap(),
            selector: "s".to_owned(),
            key: Arc::clone(&self.key),
            from: None,
            until: None,
        }]))
    }

    pub(crate) fn sealer(&self) -> Arc<Sealer> {
        Arc::new(Sealer {
            domain: self.domain.parse().unwrap(),
            selector: "s".to_owned(),
            key: Arc::clone(&self.key),
        })
    }

    /// The message below a signature.
    pub(crate) fn signed(&self, message: &str) -> String {
        let pieces = [Bytes::from(message.to_owned())];
        let now = std::time::SystemTime::now();
        let fields = self.signer().sign_whole(&pieces, now).unwrap();
        format!("{}{message}", String::from_utf8(fields.to_vec()).unwrap())
    }
}

/// A message of this author.
pub(crate) fn by(author: &str) -> String {
    format!("From: jo@{author}\r\nSubject: hello\r\n\r\nHello\r\n")
}

/// The reply to this content, from a reverse-path at this domain.
pub(crate) async fn reply_to(client: &mut Client, from: &str, content: &str) -> String {
    let from = match from {
        "" => String::new(),
        domain => format!("jo@{domain}"),
    };
    client.envelope(&from, "mo@own.example").await;
    client.say("DATA", "354").await;
    client.send(content.as_bytes()).await;
    client.say(".", "").await
}
