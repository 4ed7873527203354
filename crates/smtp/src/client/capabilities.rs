//! What a server offers in its reply to EHLO (RFC 5321 §4.1.1.1).

use std::{collections::BTreeSet, fmt};

use postern_mail::Reply;

/// An extension that this client knows how to use, or that a policy asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extension {
    /// Commands in groups (RFC 2920).
    Pipelining,
    /// Declared message sizes (RFC 1870).
    Size,
    /// Content with octets above 127 (RFC 6152).
    EightBitMime,
    /// Content that is not made of lines (RFC 3030 §3). Nothing here sends any.
    BinaryMime,
    /// BDAT (RFC 3030 §2).
    Chunking,
    /// Non-ASCII local-parts and header fields (RFC 6531).
    SmtpUtf8,
    /// Status codes in replies (RFC 2034).
    EnhancedStatusCodes,
    /// Delivery status notifications on request (RFC 3461).
    Dsn,
    /// The upgrade to TLS (RFC 3207).
    StartTls,
    /// Messages that may only travel over TLS (RFC 8689).
    RequireTls,
    /// Limits told in advance (RFC 9422).
    Limits,
}

impl Extension {
    /// Every extension with its EHLO keyword.
    const KEYWORDS: [(&'static str, Self); 11] = [
        ("PIPELINING", Self::Pipelining),
        ("SIZE", Self::Size),
        ("8BITMIME", Self::EightBitMime),
        ("BINARYMIME", Self::BinaryMime),
        ("CHUNKING", Self::Chunking),
        ("SMTPUTF8", Self::SmtpUtf8),
        ("ENHANCEDSTATUSCODES", Self::EnhancedStatusCodes),
        ("DSN", Self::Dsn),
        ("STARTTLS", Self::StartTls),
        ("REQUIRETLS", Self::RequireTls),
        ("LIMITS", Self::Limits),
    ];

    /// The extension with this keyword, in whatever case; the whole word, or it is another one.
    fn with_keyword(word: &str) -> Option<Self> {
        Self::KEYWORDS
            .iter()
            .find(|(keyword, _)| word.eq_ignore_ascii_case(keyword))
            .map(|(_, extension)| *extension)
    }
}

/// The keyword.
impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |(_, extension): &&(&str, Self)| extension == self;
        let keyword = Self::KEYWORDS.iter().find(named);
        f.pad(keyword.map_or("", |(keyword, _)| keyword))
    }
}

/// What a server offered. Every reply has a meaning: what is not understood is not offered.
///
/// The first line of the reply is the server's name and greeting, so `STARTTLS` in it offers
/// nothing (RFC 5321 §4.1.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    offered: BTreeSet<Extension>,
    size_limit: Option<u64>,
    recipient_limit: Option<u32>,
    transaction_limit: Option<u32>,
}

impl Capabilities {
    /// Reads the reply to EHLO. Where a keyword comes twice, its first line counts.
    pub fn from_ehlo(reply: &Reply) -> Self {
        let mut capabilities = Self::default();
        for line in reply.lines().iter().skip(1) {
            let (keyword, parameters) = line.split_once(' ').unwrap_or((line, ""));
            if let Some(extension) = Extension::with_keyword(keyword)
                && capabilities.offered.insert(extension)
            {
                capabilities.take_parameters(extension, parameters);
            }
        }
        capabilities
    }

    /// Notes that the peer does not do what it offered.
    pub(super) fn withdraw(&mut self, extension: Extension) {
        self.offered.remove(&extension);
    }

    fn take_parameters(&mut self, extension: Extension, parameters: &str) {
        let mut words = parameters.split(' ').filter(|word| !word.is_empty());
        match extension {
            Extension::Size => {
                let limit = words.next().and_then(number);
                self.size_limit = limit.filter(|limit| *limit > 0);
            }
            Extension::Limits => {
                for (name, value) in words.filter_map(|word| word.split_once('=')) {
                    self.take_limit(name, value);
                }
            }
            Extension::Pipelining
            | Extension::EightBitMime
            | Extension::BinaryMime
            | Extension::Chunking
            | Extension::SmtpUtf8
            | Extension::EnhancedStatusCodes
            | Extension::Dsn
            | Extension::StartTls
            | Extension::RequireTls => {}
        }
    }

    /// `RCPTMAX` and `MAILMAX` (RFC 9422 §4); a limit of zero would mean that nothing can be
    /// sent at all, which a server says otherwise. `RCPTDOMAINMAX` is left out: a delivery goes
    /// to the domains of one next hop, and a server that minds answers RCPT.
    fn take_limit(&mut self, name: &str, value: &str) {
        let limit = number(value).filter(|limit| *limit > 0);
        if name.eq_ignore_ascii_case("RCPTMAX") {
            self.recipient_limit = limit;
        } else if name.eq_ignore_ascii_case("MAILMAX") {
            self.transaction_limit = limit;
        }
    }

    /// Whether `extension` was offered.
    pub fn offers(&self, extension: Extension) -> bool {
        self.offered.contains(&extension)
    }

    /// All that was offered and is known here.
    pub fn offered(&self) -> impl Iterator<Item = Extension> {
        self.offered.iter().copied()
    }

    /// The largest message the server takes, where it says so (RFC 1870 §4; 0 says nothing).
    pub fn size_limit(&self) -> Option<u64> {
        self.size_limit
    }

    /// The most recipients of one transaction, where the server says so (RFC 9422 §4.2).
    pub fn recipient_limit(&self) -> Option<u32> {
        self.recipient_limit
    }

    /// The most transactions of one session, where the server says so (RFC 9422 §4.1).
    pub fn transaction_limit(&self) -> Option<u32> {
        self.transaction_limit
    }
}

/// Digits and nothing else; `parse` alone would take a plus sign.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes()
        .all(|octet| octet.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use postern_mail::ReplyCode;
    use proptest::prelude::*;

    use super::*;

    fn ehlo(lines: &[&str]) -> Capabilities {
        let greeting = Reply::new(ReplyCode::OK, "mx.example greets STARTTLS");
        Capabilities::from_ehlo(&lines.iter().fold(greeting, Reply::with_line))
    }

    #[track_caller]
    fn check(lines: &[&str], expected: &[Extension]) {
        let offered: Vec<_> = ehlo(lines).offered().collect();
        assert_eq!(offered, expected, "{lines:?}");
    }

    #[test]
    fn keywords_are_whole_words_behind_the_first_line() {
        check(&[], &[]);
        check(&["STARTTLS"], &[Extension::StartTls]);
        check(&["starttls"], &[Extension::StartTls]);
        check(&["STARTTLS required"], &[Extension::StartTls]);
        check(&["XSTARTTLSX"], &[]);
        check(&["X STARTTLS"], &[]);
        check(&["STARTTLS="], &[]);
        check(&["START TLS", "STARTTLS\0", "STARTTLS\t"], &[]);
        check(&["AUTH=PLAIN", "", "8BITMIME"], &[Extension::EightBitMime]);
    }

    #[test]
    fn every_keyword_is_known() {
        for (keyword, extension) in Extension::KEYWORDS {
            check(&[keyword], &[extension]);
            assert_eq!(extension.to_string(), keyword);
        }
    }

    #[test]
    fn sizes() {
        for (line, limit) in [
            ("SIZE 35882577", Some(35_882_577)),
            ("SIZE", None),
            ("SIZE 0", None),
            ("SIZE +5", None),
            ("SIZE -1", None),
            ("SIZE many", None),
            ("SIZE 18446744073709551615", Some(u64::MAX)),
            ("SIZE 18446744073709551616", None),
        ] {
            let capabilities = ehlo(&[line]);
            assert!(capabilities.offers(Extension::Size), "{line}");
            assert_eq!(capabilities.size_limit(), limit, "{line}");
        }
        assert_eq!(ehlo(&["SIZE 1", "SIZE 2"]).size_limit(), Some(1));
    }

    #[test]
    fn limits() {
        let capabilities = ehlo(&["LIMITS MAILMAX=5 rcptmax=20 RCPTDOMAINMAX=1 X"]);
        assert_eq!(capabilities.transaction_limit(), Some(5));
        assert_eq!(capabilities.recipient_limit(), Some(20));
        assert_eq!(ehlo(&["LIMITS RCPTMAX=0"]).recipient_limit(), None);
    }

    proptest! {
        #[test]
        fn every_reply_has_a_meaning(lines in prop::collection::vec(".{0,40}", 0..8)) {
            let lines: Vec<_> = lines.iter().map(String::as_str).collect();
            let capabilities = ehlo(&lines);
            let says_so = lines.iter().any(|l| l.to_ascii_uppercase().contains("STARTTLS"));
            prop_assert!(says_so || !capabilities.offers(Extension::StartTls));
        }
    }
}
