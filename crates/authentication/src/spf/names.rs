//! The names that terms of a record speak of (RFC 7208 §7).

use std::{borrow::Cow, net::IpAddr};

use mail_auth::spf::{Macro, Variable, Variables};

/// The longest name (RFC 7208 §7.3).
const LONGEST: usize = 253;

/// Stands for an `@` in a local-part while macros are expanded: mail-auth takes the first `@` of a
/// sender for the one before its domain. No local-part has this character.
const AT: &str = "\u{1}";

/// Who is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    /// In canonical form: an IPv4 address is never written as an IPv6 one.
    pub(super) client: IpAddr,
    pub(super) helo: &'a str,
    pub(super) local_part: &'a str,
    pub(super) domain: &'a str,
}

impl Identity<'_> {
    /// The name that a macro of the record of `domain` stands for; `None` where it would take a
    /// local-part that is not ASCII: such a term never matches (RFC 8616 §4).
    pub(super) fn expand(
        &self,
        name: &Macro,
        domain: &str,
        validated_name: &str,
    ) -> Option<String> {
        if speaks_of_local_part(name) && !self.local_part.is_ascii() {
            return None;
        }
        let sender = format!("{}@{}", self.local_part.replace('@', AT), self.domain);
        let mut meaning = Variables::new();
        meaning.set_ip(&self.client);
        meaning.set_sender(sender.into_bytes());
        meaning.set_domain(domain.as_bytes());
        meaning.set_helo_domain(self.helo.as_bytes());
        meaning.set_validated_domain(validated_name.as_bytes());
        let name = name.eval(&meaning, domain, false);
        Some(shortened(&self.with_at(name)).to_owned())
    }

    fn with_at<'a>(&self, name: Cow<'a, str>) -> Cow<'a, str> {
        if !self.local_part.contains('@') {
            return name;
        }
        // Escaped for a URL, where the letter of the macro is upper case.
        name.replace(AT, "@").replace("%01", "%40").into()
    }
}

fn speaks_of_local_part(name: &Macro) -> bool {
    match name {
        Macro::Variable { letter, .. } => {
            matches!(letter, Variable::Sender | Variable::SenderLocalPart)
        }
        Macro::List(parts) => parts.iter().any(speaks_of_local_part),
        Macro::Literal(_) | Macro::None => false,
    }
}

/// Labels are left out from the left until the name is short enough (RFC 7208 §7.3).
fn shortened(name: &str) -> &str {
    let mut rest = name.strip_suffix('.').unwrap_or(name);
    while rest.len() > LONGEST {
        let Some((_, shorter)) = rest.split_once('.') else {
            break;
        };
        rest = shorter;
    }
    rest
}

#[cfg(test)]
mod tests {
    use mail_auth::common::parse::TxtRecordParser;

    use super::*;

    fn expanded(client: &str, local_part: &str, text: &str) -> String {
        let identity = Identity {
            client: client.parse().unwrap(),
            helo: "mx.example.org",
            local_part,
            domain: "email.example.com",
        };
        let name = Macro::parse(text.as_bytes()).unwrap();
        let domain = "sub.example.net";
        identity.expand(&name, domain, "unknown").unwrap()
    }

    #[test]
    fn macros_stand_for_what_the_rfc_says() {
        // RFC 7208 §7.4.
        for (text, expected) in [
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "sub.example.net"),
            ("%{o4}", "email.example.com"),
            ("%{o2}", "example.com"),
            ("%{o1}", "com"),
            ("%{or}", "com.example.email"),
            ("%{o2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{h}", "mx.example.org"),
            (
                "%{ir}.%{v}._spf.%{o2}",
                "3.2.0.192.in-addr._spf.example.com",
            ),
            ("%{o999999999999999999999999r}", "com.example.email"),
            ("%{S}", "strong-bad%40email.example.com"),
            ("%%%_%-", "% %20"),
            ("a:b/c.%{o}.", "a:b/c.email.example.com"),
        ] {
            assert_eq!(
                expanded("192.0.2.3", "strong-bad", text),
                expected,
                "{text}"
            );
        }
        let reversed = "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6";
        let found = expanded("2001:db8::cb01", "strong-bad", "%{ir}.%{v}");
        assert_eq!(found, reversed);
    }

    #[test]
    fn an_at_in_a_local_part_is_not_where_the_domain_begins() {
        let local_part = "\"a@b\"";
        let check = |text, expected| {
            assert_eq!(expanded("192.0.2.3", local_part, text), expected, "{text}");
        };
        check("%{o}", "email.example.com");
        check("%{l}", "\"a@b\"");
        check("%{s}", "\"a@b\"@email.example.com");
        check("%{L}", "%22a%40b%22");
        // The library by itself:
        let mut meaning = Variables::new();
        meaning.set_sender(format!("{local_part}@email.example.com").into_bytes());
        let domain = Macro::parse(b"%{o}").unwrap();
        assert_eq!(domain.eval(&meaning, "", false), "b\"@email.example.com");
    }

    #[test]
    fn a_name_that_is_too_long_loses_labels_from_the_left() {
        let text = format!("%{{l}}.{}example.com", "a1234567.".repeat(28));
        let name = expanded("192.0.2.3", "strong-bad", &text);
        assert_eq!(name, format!("{}example.com", "a1234567.".repeat(26)));
        assert!(name.len() <= LONGEST);
    }
}
