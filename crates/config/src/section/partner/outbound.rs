//! `[partner.outbound]`: what connections to a partner must prove.

use postern_mail::NextHop;
use postern_policy::{CertificateName, ChannelLevel, Dane, IdentityTerms, OutboundTerms};

use super::{Loaders, identity, nothing_required};
use crate::{
    schema::{Key, Located, Occurs, Reported, Section, Table},
    section::pace::{self, Pace},
    value::{BOOLEAN, NAME, NEXT_HOP},
};

/// What was written for the way out.
pub(super) struct Written {
    identity: identity::Written,
    dane: Result<Located<bool>, Reported>,
    present: Result<Option<Located<String>>, Reported>,
    hosts: Result<Option<Vec<Located<NextHop>>>, Reported>,
    pace: pace::Written,
}

static KEYS: identity::Keys = identity::Keys::new(
    "What a connection to the partner must be. `any`: TLS where it is offered. `encrypted`: TLS. \
     `authenticated`: TLS with a server that proves to be the partner's.",
    [
        "the names of `hosts`; without those, the recipient's domain",
        r#"["mx1.ministry.example"]"#,
        "The names of which the server's certificate must show one, among its subject \
         alternative names (RFC 9525). A name that an MX record gives proves nothing and is not \
         used.",
    ],
    "The keys of which the server must hold one, whoever has signed its certificate. Together \
     with `names` both must hold.",
);

static DANE: Key<bool> = Key::defaulted(
    "dane",
    &BOOLEAN,
    "false",
    "Whether the server must be the one that TLSA records describe, proven by DNSSEC (RFC 7672). \
     `true`: without usable records nothing is sent; without `names`, `spki-pins` and `trust` \
     they alone say who the partner is, and beside those both must hold. `false`: such records \
     count where they are published, as they do for everybody.",
);

static PRESENT: Key<String> = Key::optional(
    "present",
    &NAME,
    "no client certificate",
    r#""gateway""#,
    "The certificate that we show when the server asks: the name of a `[[tls.certificate]]`.",
);

static HOSTS: Key<NextHop> = Key::optional(
    "hosts",
    &NEXT_HOP,
    "routes and MX records decide",
    r#"["mx1.ministry.example:25"]"#,
    "The hosts that take the partner's mail, tried in this order.",
)
.list();

pub(super) static OUTBOUND: Section = Section {
    name: "outbound",
    occurs: Occurs::Once,
    doc: "What connections to the partner must prove, and what we show them. When it is absent, \
          nothing is required.",
    keys: &[
        &KEYS.require.entry,
        &KEYS.names.entry,
        &KEYS.pins.entry,
        &KEYS.trust.entry,
        &KEYS.revocation.crl.entry,
        &KEYS.revocation.unknown.entry,
        &DANE.entry,
        &PRESENT.entry,
        &HOSTS.entry,
        &pace::CONNECTIONS.entry,
        &pace::MESSAGES_PER_CONNECTION.entry,
        &pace::RATE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(super) fn read(table: &Table<'_>) -> Written {
    Written {
        identity: KEYS.read(table),
        dane: table.one(&DANE),
        present: table.maybe(&PRESENT),
        hosts: table.maybe_many(&HOSTS),
        pace: pace::read(table),
    }
}

impl Written {
    /// The terms that this means, and how fast mail goes.
    pub(super) fn check(
        self,
        table: &Table<'_>,
        loaders: &Loaders<'_>,
        certificates: Option<&[String]>,
    ) -> Result<(OutboundTerms, Pace), Reported> {
        if !table.is_written() {
            nothing_required(table, "to");
            let terms = OutboundTerms::requiring(ChannelLevel::Any);
            return Ok((terms, Pace::default()));
        }
        let identity = self.identity.check(loaders);
        let present = self.present?;
        if let (Some(present), Some(names)) = (&present, certificates) {
            check_present(table, present, names);
        }
        let (require, identity) = identity?;
        let dane = match self.dane?.value {
            true => Dane::Demanded,
            false => Dane::WherePublished,
        };
        let hosts = self.hosts?;
        if let Some(hosts) = &hosts
            && require.requires_authenticated_peer()
        {
            check_hosts(table, hosts, &identity, dane);
        }
        if dane == Dane::Demanded && require.requires_authenticated_peer() {
            check_lists(table, &identity);
        }
        let terms = OutboundTerms {
            require,
            identity,
            present: present.map(|present| CertificateName::new(&present.value)),
            hosts: hosts.into_iter().flatten().map(|hop| hop.value).collect(),
            dane,
        };
        Ok((terms, self.pace.check()?))
    }
}

/// Fixed hosts that are addresses leave nothing to authenticate the partner by.
fn check_hosts(
    table: &Table<'_>,
    hosts: &[Located<NextHop>],
    identity: &IdentityTerms,
    dane: Dane,
) {
    if hosts.iter().any(|hop| hop.value.host().domain().is_some()) {
        return;
    }
    let spot = table.spot_of_path(HOSTS.entry.name);
    if dane == Dane::Demanded {
        let wrong = "are addresses, which have no TLSA records";
        let right = "write the hosts by name, or dane = false";
        table.notes().error(&spot, wrong, right);
    } else if identity.names.is_empty() && identity.pins.is_empty() {
        let wrong = "are addresses, which no certificate names";
        let right = "give names or spki-pins, or write the hosts by name";
        table.notes().error(&spot, wrong, right);
    }
}

/// Who is known by TLSA records alone has no path on which revocation could be looked up.
fn check_lists(table: &Table<'_>, identity: &IdentityTerms) {
    let by_records_alone =
        identity.names.is_empty() && identity.pins.is_empty() && identity.trust.is_none();
    if by_records_alone && identity.revocation.is_some() {
        table.notes().error(
            &table.spot_of_path(KEYS.revocation.crl.entry.name),
            "has no effect where TLSA records alone say who the partner is",
            "give names as well, or remove the key",
        );
    }
}

fn check_present(table: &Table<'_>, present: &Located<String>, names: &[String]) {
    if names.contains(&present.value) {
        return;
    }
    let wrong = format!("no [[tls.certificate]] has the name {:?}", present.value);
    let right = if names.is_empty() {
        "write a [[tls.certificate]] of this name".to_owned()
    } else {
        format!("known are: {}", names.join(", "))
    };
    table.notes().error(&present.spot, wrong, right);
}
