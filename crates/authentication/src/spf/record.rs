//! The text of a record, as it is published and as mail-auth is given it.
//!
//! ```abnf
//! record    = "v=spf1" *( 1*SP ( directive / modifier ) ) *SP
//! directive = [ "+" / "-" / "?" / "~" ] mechanism
//! mechanism = "all" / "include:" domain-spec
//!           / ( "a" / "mx" ) [ ":" domain-spec ] [ dual-cidr-length ]
//!           / "ptr" [ ":" domain-spec ] / "exists:" domain-spec
//!           / "ip4:" ip4-network [ ip4-cidr-length ]
//!           / "ip6:" ip6-network [ ip6-cidr-length ]
//! modifier  = ( "redirect=" / "exp=" ) domain-spec / name "=" macro-string
//! dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
//! ```
//! A mistake anywhere in a record is a `permerror` before anything in it counts (RFC 7208 §4.6);
//! mail-auth passes over some, so the terms are held against the grammar first. Then the record is
//! written anew for mail-auth to read:
//!
//! | published | given | because |
//! |---|---|---|
//! | `a:%{d2}/24` | `a:0/24` | the term is named by its number, so that a question tells which term it comes from; the macro is expanded when the term is reached, with its `%{p}` validated |
//! | `include:x.example` | `include:1` | the same; the answer is a record that says what the one at `x.example` says of the client |
//! | `exists:x.example` | `a:2/0//0` | no cache can tell mail-auth that a name does not exist |
//! | `ptr:x.example` | `a:3/0//0` | mail-auth counts every name of the client as a term |
//! | `ip6:::/0`, if the client has an IPv4 address | nothing | mail-auth takes that for a mapped IPv6 address |
//! | `exp=x.example` | nothing | explanations are not got |

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use mail_auth::{common::parse::TxtRecordParser, spf::Macro};

use super::grammar::{is_domain_spec, is_macro_string, is_modifier_name, is_network};

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    directives: Vec<Directive>,
    redirect: Option<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Directive {
    /// As it is published.
    text: String,
    qualifier: char,
    mechanism: Mechanism,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Mechanism {
    /// What takes no look-up, as it is published.
    Plain(String),
    /// What takes one, and how many bits of addresses count.
    LooksUp(Target, String),
}

/// What a term looks up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: Kind,
    /// The name; `None` is the domain of the record.
    pub(super) name: Option<Macro>,
}

/// The terms that cause look-ups (RFC 7208 §4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Include,
    A,
    Mx,
    Ptr,
    Exists,
    Redirect,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the record holds more than printable ASCII")]
    NotAscii,
    #[error("{0:?} is no term")]
    Term(String),
    #[error("{0} stands there twice")]
    Twice(&'static str),
}

/// Whether a text is a record of this version (RFC 7208 §4.5).
pub(super) fn is_spf(text: &[u8]) -> bool {
    let version = text.split(|octet| *octet == b' ').next();
    version.is_some_and(|it| it.eq_ignore_ascii_case(b"v=spf1"))
}

impl Record {
    pub(super) fn read(text: &[u8]) -> Result<Self, Fault> {
        let printable = text.iter().all(|it| *it == b' ' || it.is_ascii_graphic());
        let text = str::from_utf8(text).map_err(|_| Fault::NotAscii)?;
        if !printable {
            return Err(Fault::NotAscii);
        }
        let mut record = Self {
            directives: Vec::new(),
            redirect: None,
        };
        let mut explained = false;
        for term in text.split(' ').skip(1).filter(|term| !term.is_empty()) {
            match Term::read(term).ok_or_else(|| Fault::Term(term.to_owned()))? {
                Term::Directive(directive) => record.directives.push(directive),
                Term::Redirect(target) => {
                    if record.redirect.replace(target).is_some() {
                        return Err(Fault::Twice("redirect"));
                    }
                }
                Term::Exp => {
                    if std::mem::replace(&mut explained, true) {
                        return Err(Fault::Twice("exp"));
                    }
                }
                Term::Unknown => {}
            }
        }
        Ok(record)
    }

    /// The record as it is given to mail-auth.
    pub(super) fn given(&self, client: IpAddr) -> String {
        let mut text = "v=spf1".to_owned();
        for (number, directive) in self.directives.iter().enumerate() {
            directive.give(number, directive.qualifier, client, &mut text);
        }
        if self.redirect.is_some() {
            let _ = write!(text, " redirect={}", self.directives.len());
        }
        text
    }

    /// What the term of a number looks up.
    pub(super) fn target(&self, number: usize) -> Option<&Target> {
        match self.directives.get(number).map(|it| &it.mechanism) {
            Some(Mechanism::LooksUp(target, _)) => Some(target),
            Some(Mechanism::Plain(_)) => None,
            None => self.redirect.as_ref(),
        }
    }

    /// The directive that matches first, as it is published, where `matches` tells whether a
    /// record passes. The first directives match if one of them does, so it takes but few
    /// questions to find it among thousands.
    pub(super) fn matching(
        &self,
        client: IpAddr,
        mut matches: impl FnMut(&str) -> bool,
    ) -> Option<&str> {
        let mut first_do_not = |last: usize| {
            let mut text = "v=spf1".to_owned();
            for (number, directive) in self.directives.iter().enumerate().take(last + 1) {
                directive.give(number, '+', client, &mut text);
            }
            !matches(&text)
        };
        let numbers: Vec<_> = (0..self.directives.len()).collect();
        let first = numbers.partition_point(|last| first_do_not(*last));
        self.directives.get(first).map(|it| it.text.as_str())
    }
}

impl Directive {
    fn give(&self, number: usize, qualifier: char, client: IpAddr, text: &mut String) {
        let _ = match &self.mechanism {
            Mechanism::Plain(plain) if client.is_ipv4() && is_ip6(plain) => Ok(()),
            Mechanism::Plain(plain) => write!(text, " {qualifier}{plain}"),
            Mechanism::LooksUp(target, lengths) => match target.kind {
                Kind::A => write!(text, " {qualifier}a:{number}{lengths}"),
                Kind::Mx => write!(text, " {qualifier}mx:{number}{lengths}"),
                Kind::Ptr | Kind::Exists => write!(text, " {qualifier}a:{number}/0//0"),
                Kind::Include | Kind::Redirect => write!(text, " {qualifier}include:{number}"),
            },
        };
    }
}

fn is_ip6(mechanism: &str) -> bool {
    let name = mechanism.split(':').next();
    name.is_some_and(|it| it.eq_ignore_ascii_case("ip6"))
}

enum Term {
    Directive(Directive),
    Redirect(Target),
    /// Where an explanation of a `fail` could be got, which we do not quote.
    Exp,
    /// A modifier that we need not know (RFC 7208 §6).
    Unknown,
}

impl Term {
    fn read(text: &str) -> Option<Self> {
        if let Some((name, value)) = text.split_once('=')
            && is_modifier_name(name)
        {
            return Self::modifier(name, value);
        }
        let (qualifier, mechanism) = match text.strip_prefix(['+', '-', '~', '?']) {
            Some(mechanism) => (text.chars().next()?, mechanism),
            None => ('+', text),
        };
        Some(Self::Directive(Directive {
            text: text.to_owned(),
            qualifier,
            mechanism: Mechanism::read(mechanism)?,
        }))
    }

    fn modifier(name: &str, value: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("redirect") {
            return Target::read(Kind::Redirect, value).map(Self::Redirect);
        }
        if name.eq_ignore_ascii_case("exp") {
            return is_domain_spec(value).then_some(Self::Exp);
        }
        is_macro_string(value).then_some(Self::Unknown)
    }
}

impl Mechanism {
    fn read(text: &str) -> Option<Self> {
        let end = text.find([':', '/']).unwrap_or(text.len());
        let (name, rest) = text.split_at_checked(end)?;
        let argument = rest.strip_prefix(':');
        match name.to_ascii_lowercase().as_str() {
            "all" if rest.is_empty() => Some(Self::Plain(text.to_owned())),
            "ip4" if is_network::<Ipv4Addr>(argument?) => Some(Self::Plain(text.to_owned())),
            "ip6" if is_network::<Ipv6Addr>(argument?) => Some(Self::Plain(text.to_owned())),
            "include" => Self::look_up(Kind::Include, argument?),
            "exists" => Self::look_up(Kind::Exists, argument?),
            "ptr" if rest.is_empty() => Some(Self::LooksUp(Target::own(Kind::Ptr), String::new())),
            "ptr" => Self::look_up(Kind::Ptr, argument?),
            "a" => Self::with_lengths(Kind::A, rest),
            "mx" => Self::with_lengths(Kind::Mx, rest),
            _ => None,
        }
    }

    fn look_up(kind: Kind, name: &str) -> Option<Self> {
        Some(Self::LooksUp(Target::read(kind, name)?, String::new()))
    }

    fn with_lengths(kind: Kind, rest: &str) -> Option<Self> {
        let (name, lengths) = super::grammar::target_and_lengths(rest)?;
        let target = match name {
            Some(name) => Target::read(kind, name)?,
            None => Target::own(kind),
        };
        Some(Self::LooksUp(target, lengths.to_owned()))
    }
}

impl Target {
    fn own(kind: Kind) -> Self {
        Self { kind, name: None }
    }

    /// mail-auth reads what is of the grammar.
    fn read(kind: Kind, name: &str) -> Option<Self> {
        if !is_domain_spec(name) {
            return None;
        }
        let name = Macro::parse(name.as_bytes()).ok()?;
        Some(Self {
            kind,
            name: Some(name),
        })
    }
}
