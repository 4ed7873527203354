//! Paths in angle brackets, as `MAIL FROM:` and `RCPT TO:` carry them (RFC 5321 §4.1.2).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Domain, Mailbox, MailboxError};

/// Whom a failure is reported to: a mailbox, or nobody (RFC 5321 §4.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ReversePath {
    /// `<>`: notifications travel with it, and nothing may answer them.
    Null,
    /// The mailbox that answers for the message.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Parses the path at the start of `text`, brackets included, and returns what follows.
    ///
    /// # Errors
    /// Says what is wrong with the path.
    pub fn parse_prefix(text: &str) -> Result<(Self, &str), PathError> {
        if let Some(rest) = text.strip_prefix("<>") {
            return Ok((Self::Null, rest));
        }
        let (mailbox, rest) = parse_mailbox(text)?;
        Ok((Self::Mailbox(mailbox), rest))
    }

    /// The mailbox, unless the path is null.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The domain of the mailbox, where there is one.
    pub fn domain(&self) -> Option<&Domain> {
        self.mailbox().and_then(Mailbox::domain)
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("<>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ForwardPath {
    /// `<Postmaster>` without a domain, which every server must accept (RFC 5321 §4.5.1).
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox),
}

impl ForwardPath {
    /// Parses the path at the start of `text`, brackets included, and returns what follows.
    ///
    /// # Errors
    /// Says what is wrong with the path.
    pub fn parse_prefix(text: &str) -> Result<(Self, &str), PathError> {
        const POSTMASTER: &str = "<postmaster>";
        if let Some(start) = text.get(..POSTMASTER.len())
            && start.eq_ignore_ascii_case(POSTMASTER)
        {
            return Ok((
                Self::Postmaster,
                text.get(POSTMASTER.len()..).unwrap_or_default(),
            ));
        }
        let (mailbox, rest) = parse_mailbox(text)?;
        Ok((Self::Mailbox(mailbox), rest))
    }

    /// The mailbox, unless it is the bare postmaster.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The domain of the mailbox, where there is one.
    pub fn domain(&self) -> Option<&Domain> {
        self.mailbox().and_then(Mailbox::domain)
    }
}

impl From<Mailbox> for ForwardPath {
    fn from(mailbox: Mailbox) -> Self {
        Self::Mailbox(mailbox)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => f.write_str("<Postmaster>"),
            Self::Mailbox(mailbox) => write!(f, "<{mailbox}>"),
        }
    }
}

/// `Path = "<" [ A-d-l ":" ] Mailbox ">"`. A source route is checked and dropped, never
/// followed (RFC 5321 §4.1.1.3, Appendix C): `<@own.example:x@victim.example>` is a path to
/// victim.example and is judged as one.
fn parse_mailbox(text: &str) -> Result<(Mailbox, &str), PathError> {
    let mut rest = text.strip_prefix('<').ok_or(PathError::OpeningBracket)?;
    if rest.starts_with('@') {
        let (route, behind) = rest.split_once(':').ok_or(PathError::SourceRoute)?;
        for domain in route.split(',') {
            let domain = domain.strip_prefix('@').ok_or(PathError::SourceRoute)?;
            domain
                .parse::<Domain>()
                .map_err(|_| PathError::SourceRoute)?;
        }
        rest = behind;
    }
    let (mailbox, rest) = Mailbox::parse_prefix(rest)?;
    let rest = rest.strip_prefix('>').ok_or(PathError::ClosingBracket)?;
    Ok((mailbox, rest))
}

/// Why a text does not begin with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No `<` first.
    #[error("a path begins with <")]
    OpeningBracket,
    /// No `>` behind the mailbox.
    #[error("a path ends with > behind its mailbox")]
    ClosingBracket,
    /// The source route before the mailbox is ill-formed.
    #[error("the source route of a path is ill-formed")]
    SourceRoute,
    /// The mailbox is ill-formed.
    #[error(transparent)]
    Mailbox(#[from] MailboxError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_forward(input: &str, expected: Option<(&str, &str)>) {
        let parsed = ForwardPath::parse_prefix(input).ok();
        let printed = parsed.map(|(path, rest)| (path.to_string(), rest.to_owned()));
        assert_eq!(
            printed.as_ref().map(|(p, r)| (p.as_str(), r.as_str())),
            expected,
            "{input}"
        );
    }

    #[test]
    fn forward_paths() {
        check_forward("<a@b.example> X=1", Some(("<a@b.example>", " X=1")));
        check_forward("<postMASTER>", Some(("<Postmaster>", "")));
        check_forward(
            "<postmaster@b.example>",
            Some(("<postmaster@b.example>", "")),
        );
        check_forward(
            "<@own.example,@b.example:x@v.example>",
            Some(("<x@v.example>", "")),
        );
        check_forward("<\"a>b\"@c.example>", Some(("<\"a>b\"@c.example>", "")));
        check_forward(
            "<\"x@v.example\"@own.example>",
            Some(("<\"x@v.example\"@own.example>", "")),
        );
        check_forward("<a@[IPv6:::1]>", Some(("<a@[IPv6:::1]>", "")));
        check_forward("<>", None);
        check_forward("a@b.example", None);
        check_forward("<a@b.example", None);
        check_forward("< a@b.example>", None);
        check_forward("<a@b.example,c@d.example>", None);
        check_forward("<@own.example>", None);
        check_forward("<@:a@b>", None);
        check_forward("<a>", None);
    }

    #[test]
    fn the_null_reverse_path_is_a_value() {
        assert_eq!(
            ReversePath::parse_prefix("<> SIZE=1"),
            Ok((ReversePath::Null, " SIZE=1"))
        );
        assert_eq!(ReversePath::Null.to_string(), "<>");
    }
}
