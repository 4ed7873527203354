//! Whose domains the `From` field of a message names (RFC 5322 §3.6.2).
//!
//! That field is what people are shown, and a message is read by many: the mail program of the
//! recipient, and whatever stands before it. They do not agree about fields that are not well
//! formed, and a sender who means to pass for a partner looks for the form in which we see
//! somebody else than they do. So a field is read in two ways, and the domains of both count:
//!
//! - by a parser of messages, which knows groups, encoded words and common mistakes;
//! - by what stands behind every `@` that is neither quoted nor in a comment. An `@` in a display
//!   name has no business there, and people take what it makes for the address. Where a quotation
//!   or a comment has no end, every `@` counts.
//!
//! To name too many domains costs a message of odd form, and that only where a partner is at
//! stage enforce.

use std::collections::BTreeSet;

use mail_parser::{HeaderName, MessageParser};
use postern_mail::Domain;

/// The domains that these fields, all of the name `From`, speak for.
pub(crate) fn domains(fields: &[u8]) -> Vec<Domain> {
    let text = String::from_utf8_lossy(fields);
    let mut names = by_parser(fields);
    for line in by_field(&text) {
        names.extend(behind_ats(line));
    }
    let domains: BTreeSet<Domain> = names
        .iter()
        .filter_map(|name| name.trim_end_matches('.').parse().ok())
        .collect();
    domains.into_iter().collect()
}

fn by_parser(fields: &[u8]) -> Vec<String> {
    let Some(message) = MessageParser::default().parse_headers(fields) else {
        return Vec::new();
    };
    let from = message.headers().iter();
    from.filter(|header| header.name == HeaderName::From)
        .filter_map(|header| header.value().as_address())
        .flat_map(|address| address.iter())
        .filter_map(|mailbox| mailbox.address()?.rsplit_once('@'))
        .map(|(_, domain)| domain.trim().to_owned())
        .collect()
}

/// The values of the fields. A field without an end in its quotation must not swallow the next.
fn by_field(text: &str) -> impl Iterator<Item = &str> {
    text.split("\nFrom:")
        .map(|value| value.strip_prefix("From:").unwrap_or(value))
}

/// What the domain of an address is made of (RFC 5322 §3.2.3, §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Atom(String),
    At,
    Dot,
    /// White space and comments.
    Space,
    /// A quotation, or any other special character.
    Other,
}

fn behind_ats(value: &str) -> Vec<String> {
    let mut tokens = tokens(value, Quoting::Understood)
        .or_else(|| tokens(value, Quoting::Ignored))
        .unwrap_or_default();
    tokens.retain(|token| *token != Token::Space);
    let pieces = tokens.split(|token| *token == Token::At);
    pieces.skip(1).map(domain_of).collect()
}

/// `obs-domain = atom *("." atom)` (RFC 5322 §4.4), where white space may stand around the dots.
fn domain_of(tokens: &[Token]) -> String {
    let mut name = String::new();
    for token in tokens {
        match token {
            Token::Atom(atom) if name.is_empty() || name.ends_with('.') => name.push_str(atom),
            Token::Dot if !name.is_empty() && !name.ends_with('.') => name.push('.'),
            Token::Atom(_) | Token::Dot | Token::At | Token::Space | Token::Other => break,
        }
    }
    name
}

/// Whether quotations and comments hide what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Understood,
    Ignored,
}

/// The tokens of a value, or none where a quotation or comment has no end.
fn tokens(value: &str, quoting: Quoting) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        let token = match (c, quoting) {
            ('"', Quoting::Understood) => {
                skip_quotation(&mut rest)?;
                Token::Other
            }
            ('(', Quoting::Understood) => {
                skip_comment(&mut rest)?;
                Token::Space
            }
            ('@', _) => Token::At,
            ('.', _) => Token::Dot,
            _ if c.is_whitespace() || c.is_control() => Token::Space,
            ('(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | ',' | '\\' | '"', _) => Token::Other,
            (_, Quoting::Understood | Quoting::Ignored) => {
                if let Some(Token::Atom(atom)) = tokens.last_mut() {
                    atom.push(c);
                    continue;
                }
                Token::Atom(c.to_string())
            }
        };
        tokens.push(token);
    }
    Some(tokens)
}

fn skip_quotation(rest: &mut std::str::Chars<'_>) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '\\' => drop(rest.next()?),
            _ => {}
        }
    }
}

/// Comments may hold comments (RFC 5322 §3.2.2).
fn skip_comment(rest: &mut std::str::Chars<'_>) -> Option<()> {
    let mut depth = 1_usize;
    while depth > 0 {
        match rest.next()? {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => drop(rest.next()?),
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(fields: &str, expected: &[&str]) {
        let found = domains(fields.as_bytes());
        let found: Vec<_> = found.iter().map(Domain::as_str).collect();
        assert_eq!(found, expected, "{fields:?}");
    }

    #[test]
    fn every_mailbox_of_every_field_counts() {
        check("", &[]);
        check("From:\r\n", &[]);
        check("From: undisclosed\r\n", &[]);
        check("From: a@p.example\r\n", &["p.example"]);
        check("From: Jo <a@P.Example>\r\n", &["p.example"]);
        check(
            "From: <a@b.example>,\r\n\tJo <c@d.example>\r\n",
            &["b.example", "d.example"],
        );
        check(
            "From: a@b.example\r\nFrom: c@d.example\r\n",
            &["b.example", "d.example"],
        );
        check(
            "From: team: a@b.example, Jo <c@d.example>;\r\n",
            &["b.example", "d.example"],
        );
        check("From: a@b.example, c@b.example\r\n", &["b.example"]);
        check("From: a@b.example", &["b.example"]);
        check("From: a@[192.0.2.1]\r\n", &[]);
        check(
            "From: a@b\u{fc}cher.example\r\n",
            &["xn--bcher-kva.example"],
        );
    }

    #[test]
    fn quotations_and_comments_name_nobody() {
        check("From: \"ceo@p.example\" <a@b.example>\r\n", &["b.example"]);
        check(
            "From: \"x \\\" ceo@p.example\" <a@b.example>\r\n",
            &["b.example"],
        );
        check(
            "From: <a@b.example> (for (ceo@p.example))\r\n",
            &["b.example"],
        );
        check("From: \"a@p.example\"@b.example\r\n", &["b.example"]);
    }

    #[test]
    fn what_some_reader_may_show_counts() {
        check(
            "From: ceo@p.example <a@b.example>\r\n",
            &["b.example", "p.example"],
        );
        check(
            "From: <a@b.example> <ceo@p.example>\r\n",
            &["b.example", "p.example"],
        );
        check("From: <ceo@p.example\r\n", &["p.example"]);
        check("From: \"Jo <ceo@p.example>\r\n", &["p.example"]);
        check("From: (Jo <ceo@p.example>\r\n", &["p.example"]);
        check("From: \"x\r\nFrom: ceo@p.example\"\r\n", &["p.example"]);
        check("From: ceo@p . example\r\n", &["p.example"]);
        check("From: ceo @ p.example\r\n", &["p.example"]);
        check("From: ceo@(x)p(y).example.\r\n", &["p.example"]);
        check("From: ceo\r\n @\r\n p.example\r\n", &["p.example"]);
        check(
            "From: <@b.example:ceo@p.example>\r\n",
            &["b.example", "p.example"],
        );
        check(
            "From: ceo@p.example@b.example\r\n",
            &["b.example", "p.example"],
        );
        check(
            "From: a@b.example ceo@p.example\r\n",
            &["b.example", "p.example"],
        );
        check("From: \u{202e}<ceo@p.example>\r\n", &["p.example"]);
    }

    proptest! {
        #[test]
        fn a_mailbox_is_found_whatever_comes_before_it(before in "[a-z<>()\\[\\]\",;:@. \\\\]{0,30}") {
            let fields = format!("From: {before}\r\nFrom: Jo <ceo@p.example>\r\n");
            let found = domains(fields.as_bytes());
            prop_assert!(found.contains(&"p.example".parse().unwrap()), "{:?}", found);
        }

        #[test]
        fn pieces_of_addresses_are_survived(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "From:", "\r\n", "\n ", "<", ">", "@", ".", ",", ";", ":", "(", ")", "[", "]",
                    "\"", "\\", "=?utf-8?q?", "=?utf-8?b?", "=40", "?=", "a", "p.example", "\u{e9}",
                    "\0", " ", "\t",
                ]),
                0..60,
            ),
        ) {
            let fields = format!("From: {}\r\nFrom: jo@p.example\r\n", pieces.concat());
            let found = domains(fields.as_bytes());
            prop_assert!(found.contains(&"p.example".parse().unwrap()), "{:?}", found);
        }

        #[test]
        fn any_octets_are_survived(fields in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(domains(&fields).len() <= fields.len());
        }
    }
}
