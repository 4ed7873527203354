//! The text of a record (RFC 9989 §4.7, §4.8).
//!
//! ```abnf
//! dmarc-record = "v" *WSP "=" *WSP %s"DMARC1" *( *WSP ";" *WSP tag *WSP "=" *WSP value ) [ ";" ]
//! ```
//! A tag that cannot be understood is as if it were not there; only the policies must be right.

use postern_mail::Domain;

use super::{Alignment, DmarcPolicy, DmarcRecordFacts, FailureOption};

/// The most addresses for reports of each kind. RFC 9989 §4.7 leaves the bound to us.
const ADDRESSES: usize = 10;

/// A record, before it is known for whom it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(super) facts: DmarcRecordFacts,
    pub(super) boundary: Boundary,
    /// Whether its policies can be used: one that is missing or not valid makes a record worth
    /// its reports alone, and without those nothing (RFC 9989 §4.10.1).
    pub(super) applies: bool,
}

/// `psd=`: where organisations end (RFC 9989 §4.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boundary {
    /// `y`: organisations are below.
    PublicSuffix,
    /// `n`: an organisation begins here.
    Organisation,
    /// `u`, or nothing.
    Unknown,
}

/// A policy as it is written.
enum Written {
    Missing,
    Valid(DmarcPolicy),
    Wrong,
}

impl Record {
    /// Reads a text at `domain`; `None` where it is no record.
    pub(super) fn parse(text: &[u8], domain: &Domain) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let mut tags = text.split(';');
        let (name, version) = tags.next()?.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("v") || version.trim() != "DMARC1" {
            return None;
        }
        let tags: Vec<(String, &str)> = tags
            .filter_map(|tag| tag.split_once('='))
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
            .collect();
        Some(Self::of_tags(&tags, domain))
    }

    fn of_tags(tags: &[(String, &str)], domain: &Domain) -> Self {
        let get = |wanted: &str| {
            let mut tags = tags.iter();
            tags.find(|(name, _)| name == wanted)
                .map(|(_, value)| *value)
        };
        let is =
            |name: &str, value: &str| get(name).is_some_and(|it| it.eq_ignore_ascii_case(value));
        let alignment = |name| match is(name, "s") {
            true => Alignment::Strict,
            false => Alignment::Relaxed,
        };
        let (p, sp, np) = (policy(get("p")), policy(get("sp")), policy(get("np")));
        let rua = addresses(get("rua"));
        let sound = matches!(p, Written::Valid(_))
            && !matches!(sp, Written::Wrong)
            && !matches!(np, Written::Wrong);
        let boundary = match get("psd") {
            Some(it) if it.eq_ignore_ascii_case("y") => Boundary::PublicSuffix,
            Some(it) if it.eq_ignore_ascii_case("n") => Boundary::Organisation,
            Some(_) | None => Boundary::Unknown,
        };
        Self {
            applies: sound || !rua.is_empty(),
            boundary,
            facts: DmarcRecordFacts {
                domain: domain.clone(),
                p: p.valid().filter(|_| sound).unwrap_or_default(),
                sp: sp.valid().filter(|_| sound),
                np: np.valid().filter(|_| sound),
                adkim: alignment("adkim"),
                aspf: alignment("aspf"),
                testing: is("t", "y"),
                public_suffix: boundary == Boundary::PublicSuffix,
                rua,
                ruf: addresses(get("ruf")),
                fo: failure_options(get("fo")),
            },
        }
    }
}

impl Written {
    fn valid(&self) -> Option<DmarcPolicy> {
        match self {
            Self::Valid(policy) => Some(*policy),
            Self::Missing | Self::Wrong => None,
        }
    }
}

fn policy(value: Option<&str>) -> Written {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None => Written::Missing,
        Some("none") => Written::Valid(DmarcPolicy::None),
        Some("quarantine") => Written::Valid(DmarcPolicy::Quarantine),
        Some("reject") => Written::Valid(DmarcPolicy::Reject),
        Some(_) => Written::Wrong,
    }
}

/// The URIs of a list, without the sizes that older records put behind a `!`.
fn addresses(value: Option<&str>) -> Vec<String> {
    let uris = value.unwrap_or_default().split(',');
    uris.filter_map(|uri| uri.split('!').next())
        .map(str::trim)
        .filter(|uri| is_uri(uri))
        .take(ADDRESSES)
        .map(str::to_owned)
        .collect()
}

/// A scheme, a colon and something printable behind it (RFC 3986 §3).
fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"+-.".contains(&it))
            && !rest.is_empty()
            && rest.bytes().all(|it| it.is_ascii_graphic())
    })
}

fn failure_options(value: Option<&str>) -> Vec<FailureOption> {
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
        Record::parse(text.as_bytes(), &"example.org".parse().unwrap())
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
    }

    #[test]
    fn policies_must_be_right_and_all_else_need_not() {
        use DmarcPolicy::{None, Quarantine, Reject};
        for (text, applies, p, sp) in [
            ("v=DMARC1;p=reject", true, Reject, Option::None),
            (
                "v = DMARC1 ; P = Quarantine ; sp=none;",
                true,
                Quarantine,
                Some(None),
            ),
            (
                "v=DMARC1; adkim=x; unknown; =; p=reject; fo=z",
                true,
                Reject,
                Option::None,
            ),
            ("v=DMARC1; pct=0; p=reject", true, Reject, Option::None),
            ("v=DMARC1", false, None, Option::None),
            ("v=DMARC1; p=rejct", false, None, Option::None),
            ("v=DMARC1; p=reject; sp=x", false, None, Option::None),
            (
                "v=DMARC1; p=reject; np=x; rua=mailto:a@example.org",
                true,
                None,
                Option::None,
            ),
            (
                "v=DMARC1; rua=mailto:a@example.org",
                true,
                None,
                Option::None,
            ),
            ("v=DMARC1; rua=nowhere", false, None, Option::None),
        ] {
            let record = read(text).unwrap();
            assert_eq!(
                (record.applies, record.facts.p, record.facts.sp),
                (applies, p, sp),
                "{text}"
            );
        }
    }

    #[test]
    fn what_reports_need_is_kept() {
        let record = read(
            "v=DMARC1; p=none; t=y; psd=y; adkim=s; fo=1:d:q; \
             rua=mailto:a@example.org!10m, https://r.example/x,bad; ruf=mailto:b@example.org",
        );
        let facts = record.unwrap().facts;
        assert!(facts.testing && facts.public_suffix);
        assert_eq!(
            (facts.adkim, facts.aspf),
            (Alignment::Strict, Alignment::Relaxed)
        );
        assert_eq!(facts.fo, [FailureOption::AnyFail, FailureOption::Dkim]);
        assert_eq!(facts.rua, ["mailto:a@example.org", "https://r.example/x"]);
        assert_eq!(facts.ruf, ["mailto:b@example.org"]);
    }
}
