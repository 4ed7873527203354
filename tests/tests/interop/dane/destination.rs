//! What a destination of the table is made of.

use postern_tests::posttls_finger::Verdict;

use crate::handover::Outcome;

/// A host that takes mail: the last number of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// Its certificate expired years ago and names another host: good for usage 3 only.
    Stale = 1,
    /// Its certificate names hosts of the table, and its authority's comes with it.
    Chain = 2,
    /// The same certificate without its authority's.
    Leaf = 3,
    /// It offers no STARTTLS.
    Plain = 4,
}

/// A certificate that a TLSA record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// That of [`Host::Stale`].
    Stale,
    /// That of the authority of [`Host::Chain`].
    Authority,
    /// One that [`Host::Stale`] shows to those that ask for [`NAMED`](super::destinations::NAMED).
    Named,
    /// One that no host has.
    Other,
}

/// Usage, selector, matching type, and the certificate.
pub(crate) type Tlsa = (u8, u8, u8, Of);

/// A mail domain.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) domain: &'static str,
    pub(crate) mx: Mx,
    /// The name that the mail host is an alias of.
    pub(crate) alias_of: Option<&'static str>,
    /// The name before which the TLSA records stand, when it is not the last of the above.
    pub(crate) base: Option<&'static str>,
    pub(crate) host: Host,
    pub(crate) tlsa: &'static [Tlsa],
    pub(crate) ours: Outcome,
    pub(crate) postfix: Verdict,
    /// Why Postfix comes to something else.
    pub(crate) difference: Option<&'static str>,
}

/// Where a domain's mail goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mx {
    /// To `mx.` and the domain.
    Own,
    /// To the host of this name.
    At(&'static str),
    /// To `mx.` and the domain, but to the host of this name first.
    After(&'static str),
    /// To the domain itself: there is no MX record.
    Absent,
}

impl Destination {
    /// A domain with a host `mx.DOMAIN`, without TLSA records.
    pub(crate) const fn of(domain: &'static str, host: Host) -> Self {
        Self {
            domain,
            mx: Mx::Own,
            alias_of: None,
            base: None,
            host,
            tlsa: &[],
            ours: Outcome::Deferred,
            postfix: Verdict::Refused,
            difference: None,
        }
    }

    pub(crate) const fn mx(self, mx: Mx) -> Self {
        Self { mx, ..self }
    }

    pub(crate) const fn alias_of(self, name: &'static str) -> Self {
        Self {
            alias_of: Some(name),
            ..self
        }
    }

    pub(crate) const fn base(self, name: &'static str) -> Self {
        Self {
            base: Some(name),
            ..self
        }
    }

    pub(crate) const fn tlsa(self, tlsa: &'static [Tlsa]) -> Self {
        Self { tlsa, ..self }
    }

    /// Both clients must come to this.
    pub(crate) const fn gives(self, ours: Outcome) -> Self {
        Self {
            ours,
            postfix: in_words_of_postfix(ours),
            ..self
        }
    }

    /// Postfix comes to something else, and why.
    pub(crate) const fn but_postfix(self, postfix: Verdict, difference: &'static str) -> Self {
        Self {
            postfix,
            difference: Some(difference),
            ..self
        }
    }

    /// The name of the mail host.
    pub(crate) fn mail_host(&self) -> String {
        match self.mx {
            Mx::Own | Mx::After(_) => format!("mx.{}", self.domain),
            Mx::At(name) => name.to_owned(),
            Mx::Absent => self.domain.to_owned(),
        }
    }

    /// Where the two come to different things, and only there, the table must say why.
    pub(crate) fn check_explained(&self) {
        let differ = self.postfix != in_words_of_postfix(self.ours);
        assert_eq!(differ, self.difference.is_some(), "{self:#?}");
    }
}

/// What Postfix's client says where it would do the same.
const fn in_words_of_postfix(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Authenticated => Verdict::Verified,
        Outcome::Encrypted => Verdict::Untrusted,
        Outcome::Clear => Verdict::Clear,
        Outcome::Deferred => Verdict::Refused,
    }
}
