//! Records as a zone file has them (RFC 1035 §5.1), to be pasted into any zone: every name ends in
//! a dot, and every line has its own time to live.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use postern_dns::Name;

use crate::{Data, Record, record::flags};

/// The longest string of a text record (RFC 1035 §3.3): longer texts are several strings, which
/// readers join.
const LONGEST_STRING: usize = 255;

/// A record on one line of a zone file.
///
/// ```
/// use std::time::Duration;
///
/// use postern_publish::{Data, Record, Severity, ZoneLine};
///
/// let record = Record {
///     owner: "example.org".parse()?,
///     data: Data::Txt("say \"hi\"".to_owned()),
///     why: String::new(),
///     severity: Severity::Note,
/// };
/// let line = ZoneLine { record: &record, ttl: Duration::from_secs(3600) };
/// assert_eq!(line.to_string(), r#"example.org. 3600 IN TXT "say \"hi\"""#);
/// # Ok::<(), postern_dns::NameError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ZoneLine<'a> {
    /// The record.
    pub record: &'a Record,
    /// For how long others may keep it.
    pub ttl: Duration,
}

impl fmt::Display for ZoneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { owner, data, .. } = self.record;
        let ttl = self.ttl.as_secs();
        write!(f, "{} {ttl} IN {} ", absolute(owner), data.kind())?;
        match data {
            Data::Mx {
                preference,
                exchange,
            } => write!(f, "{preference} {}", absolute(exchange)),
            Data::Address(address) => address.fmt(f),
            Data::Txt(text) => strings(f, text.as_bytes()),
            Data::Tlsa(record) => {
                write!(f, "{} {} ", record.usage, record.selector)?;
                write!(f, "{} ", record.matching)?;
                record
                    .association
                    .iter()
                    .try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            Data::Caa(caa) => {
                write!(f, "{} {} ", flags(caa), caa.tag)?;
                quoted(f, &caa.value)
            }
            Data::Cname(name) | Data::Ptr(name) => f.write_str(&absolute(name)),
        }
    }
}

fn absolute(name: &Name) -> String {
    if name.is_root() {
        ".".to_owned()
    } else {
        format!("{name}.")
    }
}

/// A text as strings of at most 255 octets; an empty one is one empty string.
fn strings(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    if text.is_empty() {
        return f.write_str("\"\"");
    }
    for (at, string) in text.chunks(LONGEST_STRING).enumerate() {
        f.write_str(if at == 0 { "" } else { " " })?;
        quoted(f, string)?;
    }
    Ok(())
}

/// A string in quotes: `"` and `\` are escaped, and octets that do not print are numbers.
fn quoted(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    for octet in octets {
        match octet {
            b'"' | b'\\' => write!(f, "\\{}", char::from(*octet))?,
            b' '..=b'~' => f.write_char(char::from(*octet))?,
            _ => write!(f, "\\{octet:03}")?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use postern_dns::Caa;
    use postern_tls::{SpkiPin, TlsaRecord};

    use super::*;
    use crate::Severity;

    #[track_caller]
    fn check(owner: &str, data: Data, expected: &str) {
        let record = Record {
            owner: owner.parse().unwrap(),
            data,
            why: String::new(),
            severity: Severity::Note,
        };
        let ttl = Duration::from_secs(3600);
        let record = &record;
        assert_eq!(ZoneLine { record, ttl }.to_string(), expected);
    }

    #[test]
    fn every_type_has_its_form() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        check(
            "example.org",
            Data::Mx {
                preference: 10,
                exchange: name("mx.example.org"),
            },
            "example.org. 3600 IN MX 10 mx.example.org.",
        );
        check(
            "mx.example.org",
            Data::Address("2001:db8::1".parse().unwrap()),
            "mx.example.org. 3600 IN AAAA 2001:db8::1",
        );
        let tlsa = TlsaRecord::of_key(SpkiPin::of_spki(b""));
        check(
            "_25._tcp.mx.example.org",
            Data::Tlsa(tlsa),
            "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 \
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
        let caa = Caa {
            critical: true,
            tag: "issue".to_owned(),
            value: b"ca.example; account=\"1\"".to_vec(),
        };
        check(
            "mx.example.org",
            Data::Caa(caa),
            r#"mx.example.org. 3600 IN CAA 128 issue "ca.example; account=\"1\"""#,
        );
        check(
            "mta-sts.example.org",
            Data::Cname(name("mx.example.org")),
            "mta-sts.example.org. 3600 IN CNAME mx.example.org.",
        );
    }

    #[test]
    fn texts_are_split_and_escaped() {
        let text = |text: &str, expected: &str| {
            check(
                "a.example",
                Data::Txt(text.to_owned()),
                &format!("a.example. 3600 IN TXT {expected}"),
            );
        };
        text("", r#""""#);
        text("v=spf1 -all", r#""v=spf1 -all""#);
        text("a;b\\c\t\u{e9}", r#""a;b\\c\009\195\169""#);
        let long = "x".repeat(256);
        text(&long, &format!("\"{}\" \"x\"", "x".repeat(255)));
    }
}
