//! The text of a record, as it is published and as mail-auth is given it (RFC 9989 §4.7, §4.8).
//!
//! ```abnf
//! dmarc-record = "v" *WSP "=" *WSP %s"DMARC1" *( *WSP ";" *WSP tag *WSP "=" *WSP value ) [ ";" ]
//! ```
//! A tag that cannot be understood is as if it were not there, and only the policies must be
//! right: where one of them is not, a record is worth its reports alone (RFC 9989 §4.10.1).
//! mail-auth refuses the whole record for any such tag, so those it cannot read are left out of
//! what it is given, and with a policy that is not right, all policies.

use mail_auth::{
    common::parse::TxtRecordParser,
    dmarc::{self, Dmarc, Policy, Psd},
};
use postern_mail::Domain;

use super::{Alignment, DmarcPolicy, DmarcRecordFacts, FailureOption};

/// The most addresses for reports of each kind. RFC 9989 §4.7 leaves the bound to us.
const ADDRESSES: usize = 10;

/// The tags whose values must be right.
const POLICIES: [&str; 3] = ["p", "sp", "np"];

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) read: Dmarc,
    /// When failure reports are asked for; of several options mail-auth keeps the last.
    fo: Vec<FailureOption>,
}

impl Record {
    /// Reads a text; `None` where it is no record.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let mut tags = text.split(';');
        let (name, version) = tags.next()?.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("v") || version.trim() != "DMARC1" {
            return None;
        }
        let tags: Vec<_> = tags.filter_map(|tag| tag.split_once('=')).collect();
        let is_wrong = |tag: &&(&str, &str)| is_policy(tag.0) && parse(&[**tag]).is_none();
        let are_wrong = tags.iter().any(|tag| is_wrong(&tag));
        let kept: Vec<_> = tags
            .iter()
            .filter(|tag| !(are_wrong && is_policy(tag.0)) && parse(&[**tag]).is_some())
            .copied()
            .collect();
        Some(Self {
            read: parse(&kept)?,
            fo: failure_options(&tags),
        })
    }

    /// What reports need to know.
    pub(super) fn facts(&self, domain: Domain) -> DmarcRecordFacts {
        let read = &self.read;
        let other_than = |policy: Policy, than| (policy != than).then(|| asked(policy));
        DmarcRecordFacts {
            domain,
            p: asked(read.p),
            sp: other_than(read.sp, read.p),
            np: other_than(read.np, read.sp),
            adkim: read.adkim.into(),
            aspf: read.aspf.into(),
            testing: read.t,
            public_suffix: read.psd == Psd::Yes,
            rua: addresses(read.rua()),
            ruf: addresses(read.ruf()),
            fo: self.fo.clone(),
        }
    }

    /// What is asked for below the domain of the record where there is nothing at the author's:
    /// what mail-auth would apply if a cache could tell it (RFC 9989 §4.7).
    pub(super) fn policy_for_nothing(&self) -> DmarcPolicy {
        match (self.read.t, asked(self.read.np)) {
            (true, DmarcPolicy::Reject) => DmarcPolicy::Quarantine,
            (true, DmarcPolicy::Quarantine | DmarcPolicy::None) => DmarcPolicy::None,
            (false, asked) => asked,
        }
    }
}

fn is_policy(name: &str) -> bool {
    let name = name.trim();
    POLICIES.iter().any(|it| name.eq_ignore_ascii_case(it))
}

fn parse(tags: &[(&str, &str)]) -> Option<Dmarc> {
    let tags = tags.iter().map(|(name, value)| format!("; {name}={value}"));
    let text: String = tags.collect();
    Dmarc::parse(format!("v=DMARC1{text}").as_bytes()).ok()
}

/// What a policy of mail-auth asks for.
pub(super) fn asked(policy: Policy) -> DmarcPolicy {
    match policy {
        Policy::Reject => DmarcPolicy::Reject,
        Policy::Quarantine => DmarcPolicy::Quarantine,
        Policy::None | Policy::Unspecified => DmarcPolicy::None,
    }
}

impl From<dmarc::Alignment> for Alignment {
    fn from(alignment: dmarc::Alignment) -> Self {
        match alignment {
            dmarc::Alignment::Relaxed => Self::Relaxed,
            dmarc::Alignment::Strict => Self::Strict,
        }
    }
}

/// mail-auth has decoded these, and what it decodes may be anything.
fn addresses(uris: &[dmarc::URI]) -> Vec<String> {
    let is_sound = |uri: &&dmarc::URI| uri.uri().bytes().all(|it| it.is_ascii_graphic());
    let sound = uris.iter().filter(is_sound).take(ADDRESSES);
    sound.map(|it| format!("mailto:{}", it.uri())).collect()
}

fn failure_options(tags: &[(&str, &str)]) -> Vec<FailureOption> {
    let is_fo = |name: &str| name.trim().eq_ignore_ascii_case("fo");
    let value = tags.iter().find(|(name, _)| is_fo(name)).map(|it| it.1);
    let mut options = Vec::new();
    for letter in value.unwrap_or_default().split(':') {
        let option = match letter.trim() {
            "0" => FailureOption::AllFail,
            "1" => FailureOption::AnyFail,
            "d" | "D" => FailureOption::Dkim,
            "s" | "S" => FailureOption::Spf,
            _ => continue,
        };
        if !options.contains(&option) {
            options.push(option);
        }
    }
    if options.is_empty() {
        options.push(FailureOption::AllFail);
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Record> {
        Record::read(text.as_bytes())
    }

    #[test]
    fn what_is_no_record_is_passed_over() {
        for text in [
            "",
            "v=DMARC1.0; p=reject",
            "v=dmarc1; p=reject",
            "p=reject; v=DMARC1",
            "v=spf1 -all",
            "DMARC1",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        // The library by itself:
        assert!(Dmarc::parse(b"v=dmarc1; p=reject").is_ok());
    }

    #[test]
    fn policies_must_be_right_and_all_else_need_not() {
        use Policy::{Quarantine, Reject, Unspecified};
        for (text, p, sp) in [
            ("v=DMARC1;p=reject", Reject, Reject),
            (
                "v = DMARC1 ; P = Quarantine ; sp=none;",
                Quarantine,
                Policy::None,
            ),
            (
                "v=DMARC1; adkim=x; unknown; =; p=reject; fo=z",
                Reject,
                Reject,
            ),
            ("v=DMARC1; pct=0; p=reject", Reject, Reject),
            ("v=DMARC1", Unspecified, Unspecified),
            ("v=DMARC1; p=rejct", Unspecified, Unspecified),
            ("v=DMARC1; p=reject; sp=x", Unspecified, Unspecified),
            ("v=DMARC1; p=reject; np=x", Unspecified, Unspecified),
        ] {
            let record = read(text).unwrap().read;
            assert_eq!((record.p, record.sp), (p, sp), "{text}");
        }
        // The library by itself:
        assert!(Dmarc::parse(b"v=DMARC1; adkim=x; p=reject").is_err());
        assert!(Dmarc::parse(b"v=DMARC1; p=rejct; rua=mailto:a@example.org").is_err());
    }

    #[test]
    fn what_reports_need_is_kept() {
        let record = read(
            "v=DMARC1; p=none; t=y; psd=y; adkim=s; fo=1:d:q; sp=none; np=reject; \
             rua=mailto:a@example.org!10m, mailto:%00@example.org, https://r.example/x,bad; ruf=mailto:b@example.org",
        );
        let facts = record.unwrap().facts("example.org".parse().unwrap());
        assert!(facts.testing && facts.public_suffix);
        assert_eq!(
            (facts.p, facts.sp, facts.np),
            (DmarcPolicy::None, None, Some(DmarcPolicy::Reject))
        );
        assert_eq!(
            (facts.adkim, facts.aspf),
            (Alignment::Strict, Alignment::Relaxed)
        );
        assert_eq!(facts.fo, [FailureOption::AnyFail, FailureOption::Dkim]);
        assert_eq!(facts.rua, ["mailto:a@example.org"]);
        assert_eq!(facts.ruf, ["mailto:b@example.org"]);
    }
}
