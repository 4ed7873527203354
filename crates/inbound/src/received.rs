//! Our `Received` field (RFC 5321 §4.4).
//!
//! ```abnf
//! Time-stamp-line = "Received:" FWS Stamp CRLF
//! Stamp           = From-domain By-domain Opt-info [CFWS] ";" FWS date-time
//! From-domain     = "FROM" FWS ( Domain / address-literal ) FWS "(" address-literal ")"
//! By-domain       = CFWS "BY" FWS Domain
//! Opt-info        = CFWS "WITH" FWS Protocol CFWS "ID" FWS Atom [ CFWS "FOR" FWS Path ]
//! ```
//! The comments before `by` say what the channel was, in the words that readers of Postfix logs
//! know. What the client calls itself stands where the grammar wants it; where it really came
//! from stands in the parentheses behind. The `tls` clause of RFC 8314 §4.3 is for submission.

use std::{fmt::Write as _, net::IpAddr, time::SystemTime};

use bytes::Bytes;
use mail_builder::headers::date::Date;
use postern_mail::{AddressLiteral, Domain, Foreign, ForwardPath, Host, QueueId, Recipient};
use postern_policy::{Basis, Proof, Protection};

/// What our field says of a message's way to us.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    /// What the client calls itself.
    pub(crate) helo: &'a Host,
    /// Where it came from.
    pub(crate) client: IpAddr,
    /// What the channel was.
    pub(crate) basis: &'a Basis,
    /// Who we are.
    pub(crate) hostname: &'a Domain,
    /// The protocol, by the names of RFC 3848 and RFC 6531 §3.7.3.
    pub(crate) with: &'static str,
    /// The message's name with us.
    pub(crate) id: QueueId,
    /// Whom it is for.
    pub(crate) recipients: &'a [Recipient],
    /// When it came.
    pub(crate) at: SystemTime,
}

impl Received<'_> {
    /// The field with its line end.
    pub(crate) fn field(&self) -> Bytes {
        let client = AddressLiteral::new(self.client.to_canonical());
        let mut field = format!("Received: from {} ({client})", self.helo);
        for comment in channel(self.basis) {
            field.push_str("\r\n\t(");
            field.push_str(&comment_text(&comment));
            field.push(')');
        }
        // Writing to a string does not fail.
        let _ = write!(
            field,
            "\r\n\tby {} with {} id {}",
            self.hostname, self.with, self.id
        );
        if let Some(path) = self.only_recipient() {
            let _ = write!(field, "\r\n\tfor {path}");
        }
        let _ = write!(field, ";\r\n\t{}\r\n", date(self.at));
        field.into()
    }

    /// Named only where it tells nobody about other recipients (RFC 5321 §7.2, §7.6).
    fn only_recipient(&self) -> Option<&ForwardPath> {
        match self.recipients {
            [only] => Some(&only.forward_path),
            _ => None,
        }
    }
}

fn channel(basis: &Basis) -> Vec<String> {
    match basis {
        Basis::Plain(_) => Vec::new(),
        Basis::Encrypted(protection) => {
            vec![using(protection), "client not authenticated".to_owned()]
        }
        Basis::Authenticated { proofs, protection } => {
            let proofs: Vec<_> = proofs.iter().map(Proof::to_string).collect();
            let whom = format!("client authenticated as {}", proofs.join(" and "));
            vec![using(protection), whom]
        }
    }
}

fn using(protection: &Protection) -> String {
    let Protection {
        version,
        suite,
        group,
    } = protection;
    let mut text = format!("using {version} with cipher {suite}");
    if let Some(group) = group {
        let _ = write!(text, " key-exchange {group}");
    }
    text
}

/// `ctext` (RFC 5322 §3.2.2): what would open or close a comment is quoted. The label of a
/// trust anchor is a file name and may hold anything.
fn comment_text(text: &str) -> String {
    let shown = Foreign::new(text).to_string();
    shown.chars().fold(String::new(), |mut text, c| {
        match c {
            '(' | ')' | '\\' => text.extend(['\\', c]),
            _ if c.is_ascii() => text.push(c),
            _ => text.push('?'),
        }
        text
    })
}

/// `date-time` (RFC 5322 §3.3), in UTC.
fn date(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    Date::from(since.map_or(0, |elapsed| elapsed.as_secs())).to_rfc822()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postern_mail::header::fields;
    use postern_tls::{CipherSuite, Group, NotSecured, ProtocolVersion, RevocationStatus, SpkiPin};

    use super::*;

    fn protection() -> Protection {
        Protection {
            version: ProtocolVersion::Tls13,
            suite: CipherSuite::Aes256GcmSha384,
            group: Some(Group::X25519),
        }
    }

    fn authenticated_by(anchors: &str) -> Basis {
        Basis::Authenticated {
            proofs: vec![Proof::Name {
                name: "out.ministry.example".parse().unwrap(),
                anchors: anchors.to_owned(),
                anchor: SpkiPin::of_spki(b"their key"),
                revocation: RevocationStatus::Good,
            }],
            protection: protection(),
        }
    }

    #[track_caller]
    fn check(basis: &Basis, recipients: &[&str], expected: &str) {
        let recipients: Vec<_> = recipients
            .iter()
            .map(|path| Recipient::from(ForwardPath::parse_prefix(path).unwrap().0))
            .collect();
        let field = Received {
            helo: &"mail.example.org".parse().unwrap(),
            client: "::ffff:192.0.2.1".parse().unwrap(),
            basis,
            hostname: &"mx1.example.com".parse().unwrap(),
            with: "ESMTPS",
            id: QueueId::new(1_790_000_000_000, 7),
            recipients: &recipients,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000),
        }
        .field();
        assert_eq!(std::str::from_utf8(&field).unwrap(), expected);
        let found: Vec<_> = fields(&field).map(|field| field.octets()).collect();
        assert_eq!(found, [&field[..]]);
    }

    #[test]
    fn plain_and_for_one() {
        check(
            &Basis::Plain(NotSecured::NotUsed),
            &["<jo@example.com>"],
            "Received: from mail.example.org ([192.0.2.1])\r\n\
             \tby mx1.example.com with ESMTPS id 06GC8M3C00000007\r\n\
             \tfor <jo@example.com>;\r\n\
             \tMon, 21 Sep 2026 14:13:20 +0000\r\n",
        );
    }

    #[test]
    fn encrypted_and_for_several() {
        check(
            &Basis::Encrypted(protection()),
            &["<jo@example.com>", "<mo@example.com>"],
            "Received: from mail.example.org ([192.0.2.1])\r\n\
             \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 key-exchange x25519)\r\n\
             \t(client not authenticated)\r\n\
             \tby mx1.example.com with ESMTPS id 06GC8M3C00000007;\r\n\
             \tMon, 21 Sep 2026 14:13:20 +0000\r\n",
        );
    }

    #[test]
    fn authenticated_by_an_authority_of_an_odd_name() {
        check(
            &authenticated_by("ca (old)\r\n \u{e9}.pem"),
            &[],
            "Received: from mail.example.org ([192.0.2.1])\r\n\
             \t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 key-exchange x25519)\r\n\
             \t(client authenticated as out.ministry.example by \
             ca \\(old\\)\\\\r\\\\n ?.pem)\r\n\
             \tby mx1.example.com with ESMTPS id 06GC8M3C00000007;\r\n\
             \tMon, 21 Sep 2026 14:13:20 +0000\r\n",
        );
    }

    #[test]
    fn lines_stay_short_whatever_an_anchor_is_called() {
        let basis = authenticated_by(&"x".repeat(5000));
        let comments = channel(&basis);
        assert!(comments.iter().all(|text| comment_text(text).len() < 900));
    }
}
