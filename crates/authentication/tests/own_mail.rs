//! What we sign and seal holds when we verify it ourselves.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail")]

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_authentication::{
    ArcResult, DkimKey, DkimKeyKind, DkimResult, DmarcResult, Letter, Sealer, Signer, SigningKey,
    Verdict, Verifier, VerifierSettings, make_dkim_key,
};
use postern_dns::FixedZone;
use postern_mail::ReversePath;

/// Bodies that others are known to canonicalize in different ways, and plain ones.
const BODIES: [&str; 8] = [
    "",
    "Hello\r\n",
    "no line end",
    "Hello \t you \r\n",
    "Hello\r\n\r\n\r\n",
    "Hello\r\n \r\n\t\r\n",
    " \r\n",
    "\u{fc}\r\n.\r\n",
];

fn key(kind: DkimKeyKind) -> Arc<DkimKey> {
    Arc::new(DkimKey::from_pem(make_dkim_key(kind).unwrap().as_bytes()).unwrap())
}

/// A domain with keys, and those who sign and seal with them.
struct Own {
    signer: Signer,
    sealer: Sealer,
    verifier: Verifier,
}

impl Own {
    fn new() -> Self {
        let [rsa, ed] = [DkimKeyKind::Rsa2048, DkimKeyKind::Ed25519].map(key);
        let zone: FixedZone = format!(
            "rsa._domainkey.example.org TXT {}\n\
             ed._domainkey.example.org TXT {}\n\
             _dmarc.example.org TXT v=DMARC1; p=reject\n",
            rsa.public_record(),
            ed.public_record(),
        )
        .parse()
        .unwrap();
        let signing = |selector: &str, key: &Arc<DkimKey>| SigningKey {
            domain: "example.org".parse().unwrap(),
            selector: selector.to_owned(),
            key: Arc::clone(key),
            from: None,
            until: None,
        };
        Self {
            signer: Signer::new(vec![signing("rsa", &rsa), signing("ed", &ed)])
                .with_lifetime(Duration::from_secs(3600)),
            sealer: Sealer {
                domain: "example.org".parse().unwrap(),
                selector: "rsa".to_owned(),
                key: rsa,
            },
            verifier: Verifier::new(Arc::new(zone), VerifierSettings::default()),
        }
    }

    async fn verify(&self, message: &str) -> Verdict {
        let (reverse_path, _) = ReversePath::parse_prefix("<jo@example.org>").unwrap();
        let letter = Letter {
            client: "192.0.2.1".parse().unwrap(),
            helo: &"mail.example.org".parse().unwrap(),
            reverse_path: &reverse_path,
            hostname: &"mx1.example.com".parse().unwrap(),
            content: &[Bytes::copy_from_slice(message.as_bytes())],
        };
        self.verifier.verify(&letter).await
    }
}

fn with(fields: &[u8], message: &str) -> String {
    format!("{}{message}", std::str::from_utf8(fields).unwrap())
}

fn message(body: &str) -> String {
    format!("From: Jo <jo@mail.example.org>\r\nSubject: a\r\n \t b \r\nTo: x\r\n\r\n{body}")
}

#[tokio::test]
async fn our_signatures_hold() {
    let own = Own::new();
    for body in BODIES {
        let message = message(body);
        let pieces = [Bytes::copy_from_slice(message.as_bytes())];
        let fields = own.signer.sign_whole(&pieces, SystemTime::now()).unwrap();
        let verdict = own.verify(&with(&fields, &message)).await;
        let results: Vec<_> = verdict.dkim.iter().map(|it| it.result).collect();
        assert_eq!(
            results,
            [DkimResult::Pass; 2],
            "{body:?}: {:?}",
            verdict.dkim
        );
        assert_eq!(verdict.dmarc.result, DmarcResult::Pass, "{body:?}");
    }
}

#[tokio::test]
async fn what_is_added_to_signed_mail_breaks_it() {
    let own = Own::new();
    let message = message("Hello\r\n");
    let pieces = [Bytes::copy_from_slice(message.as_bytes())];
    let fields = own.signer.sign_whole(&pieces, SystemTime::now()).unwrap();
    let signed = with(&fields, &message);
    for changed in [
        format!("Subject: other\r\n{signed}"),
        format!("Cc: other@example.net\r\n{signed}"),
        format!("Content-Type: text/html\r\n{signed}"),
        format!("{signed}more\r\n"),
    ] {
        let verdict = own.verify(&changed).await;
        assert!(
            verdict.dkim.iter().all(|it| it.result != DkimResult::Pass),
            "{changed:?}"
        );
        assert_eq!(verdict.dmarc.result, DmarcResult::Fail, "{changed:?}");
    }
}

#[tokio::test]
async fn our_seals_hold_upon_one_another() {
    let own = Own::new();
    for body in BODIES {
        let mut message = message(body);
        for sets in 0..3 {
            let verdict = own.verify(&message).await;
            assert_eq!(verdict.arc.sets, sets, "{body:?}");
            let pieces = [Bytes::copy_from_slice(message.as_bytes())];
            let set = own
                .sealer
                .seal(&pieces, &verdict, "mx1.example.org")
                .unwrap();
            message = with(&set, &message);
            let verdict = own.verify(&message).await;
            assert_eq!(
                verdict.arc.result,
                ArcResult::Pass,
                "{body:?}: {:?}",
                verdict.arc
            );
            message = format!("Received: by somebody\r\n{message}");
        }
    }
}
