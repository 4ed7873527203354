//! What the full verification of a message costs: `cargo bench -p postern-authentication`.
//!
//! A message of 10 KiB with one signature by RSA-2048, SPF for HELO and MAIL FROM, DMARC, and no
//! chain, with all answers of the DNS in memory: what a message costs that comes from a domain
//! whose mail has just been seen. The aim is 350 us of the processor.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints what it found, and stops where it finds what it did not expect"
)]

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use postern_authentication::{
    DkimKey, DkimKeyKind, DmarcResult, Letter, Signer, SigningKey, SpfResult, Verifier,
    VerifierSettings, make_dkim_key,
};
use postern_dns::FixedZone;
use postern_mail::{Domain, Host, ReversePath};
use tokio::runtime::{Builder, Runtime};

const TRIES: u32 = 20;
const MESSAGES: u32 = 200;

fn main() {
    println!("the verification of a message of 10 KiB, the best of {TRIES} x {MESSAGES}");
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    for kind in [None, Some(DkimKeyKind::Rsa2048), Some(DkimKeyKind::Ed25519)] {
        let sample = Sample::new(kind);
        let tries = (0..TRIES).map(|_| {
            let begin = Instant::now();
            (0..MESSAGES).for_each(|_| sample.verify(&runtime));
            begin.elapsed()
        });
        let best = tries.min().unwrap_or(Duration::MAX) / MESSAGES;
        let what = kind.map_or_else(|| "no signature".to_owned(), |kind| format!("{kind:?}"));
        println!(
            "{:8.2} us  SPF, DMARC and {what}",
            best.as_nanos() as f64 / 1000.0
        );
    }
}

struct Sample {
    verifier: Verifier,
    content: Vec<Bytes>,
    helo: Host,
    hostname: Domain,
    reverse_path: ReversePath,
}

impl Sample {
    fn new(kind: Option<DkimKeyKind>) -> Self {
        let lines = "An ordinary line of text, as long as lines usually are in mail.\r\n";
        let message = Bytes::from(format!(
            "Received: from somewhere.example (192.0.2.7)\r\n\tby mx.author.example; Mon, 23 Nov 2026 12:00:00 +0000\r\n\
             From: Jo <jo@author.example>\r\nTo: Mo <mo@here.example>\r\nSubject: Good news\r\n\
             Date: Mon, 23 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@author.example>\r\n\r\n{}",
            lines.repeat(10 * 1024 / lines.len())
        ));
        let mut zone = "
            author.example        TXT  v=spf1 include:spf.author.example -all
            spf.author.example    TXT  v=spf1 ip4:198.51.100.0/24 a:mx.author.example ~all
            mx.author.example     TXT  v=spf1 a -all
            mx.author.example     A    192.0.2.1
            1.2.0.192.in-addr.arpa PTR mx.author.example
            _dmarc.author.example TXT  v=DMARC1; p=reject; rua=mailto:reports@author.example
        "
        .to_owned();
        let mut content = vec![message.clone()];
        if let Some(kind) = kind {
            let key = DkimKey::from_pem(make_dkim_key(kind).unwrap().as_bytes()).unwrap();
            zone += &format!("s._domainkey.author.example TXT {}\n", key.public_record());
            let signer = Signer::new(vec![SigningKey {
                domain: "author.example".parse().unwrap(),
                selector: "s".to_owned(),
                key: Arc::new(key),
                from: None,
                until: None,
            }]);
            content.insert(0, signer.sign_whole(&[message], SystemTime::now()).unwrap());
        }
        let zone: FixedZone = zone.parse().unwrap();
        Self {
            verifier: Verifier::new(Arc::new(zone), VerifierSettings::default()),
            content,
            helo: "mx.author.example".parse().unwrap(),
            hostname: "mx.here.example".parse().unwrap(),
            reverse_path: ReversePath::parse_prefix("<jo@author.example>").unwrap().0,
        }
    }

    fn verify(&self, runtime: &Runtime) {
        let letter = Letter {
            client: "192.0.2.1".parse().unwrap(),
            helo: &self.helo,
            reverse_path: &self.reverse_path,
            hostname: &self.hostname,
            content: &self.content,
        };
        let verdict = runtime.block_on(self.verifier.verify(&letter));
        assert_eq!(verdict.dmarc.result, DmarcResult::Pass, "{verdict:?}");
        assert_eq!(verdict.spf().result, SpfResult::Pass);
        assert!(verdict.dkim.len() < self.content.len());
    }
}
