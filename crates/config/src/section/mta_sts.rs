//! `[mta-sts]`: the policies of others, and our own.

use std::net::SocketAddr;

use postern_mail::{Domain, DomainPattern, Host};
use postern_policy::{HostPattern, HostRule, Provenance, StsMode, StsPolicy};

use super::{certificate::Certificates, domain};
use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table},
    value::{BOOLEAN, DURATION, Duration, NAME, SOCKET, not_a_choice},
};

/// What is done with the MTA-STS policies of others, and which is ours (RFC 8461).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MtaSts {
    /// Whether the policies that recipients' domains publish count.
    pub honour: HonourSts,
    /// What is served to those who send to us.
    pub serving: Option<StsServing>,
}

/// Whether the policies that recipients' domains publish count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HonourSts {
    /// They are looked for, and what they demand is demanded.
    Yes,
    /// Nobody looks for them.
    No,
}

/// Our own policy, and where it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StsServing {
    /// Where it is served over HTTPS.
    pub https: Option<SocketAddr>,
    /// Where it is served over HTTP, to a proxy that speaks HTTPS for us.
    pub http: Option<SocketAddr>,
    /// The policy, which is the same for all domains.
    pub policy: StsPolicy,
    /// The domains that it is the policy of. There is at least one.
    pub domains: Vec<Domain>,
    /// The `[[tls.certificate]]` that is shown; where none is given, all of them are there, and
    /// each handshake chooses by the name that it asks for.
    pub certificate: Option<String>,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    honour: Result<Located<bool>, Reported>,
    pub(crate) https: Result<Option<Located<SocketAddr>>, Reported>,
    pub(crate) http: Result<Option<Located<SocketAddr>>, Reported>,
    mode: Result<Option<Located<StsMode>>, Reported>,
    mx: Result<Option<Vec<Located<HostPattern>>>, Reported>,
    max_age: Result<Option<Located<Duration>>, Reported>,
    certificate: Result<Option<Located<String>>, Reported>,
}

/// What our own policy has to agree with, as far as it is right by itself.
pub(crate) struct Surroundings<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) domains: &'s [domain::Written],
    pub(crate) certificates: Option<&'s Certificates>,
}

static MODES: Kind<StsMode> = Kind {
    name: "choice",
    right: "\"enforce\", \"testing\" or \"none\"",
    scalar: Scalar::Text(|text| text.parse().map_err(|_| not_a_choice(text))),
};

static HOSTS: Kind<HostPattern> = Kind {
    name: "host pattern",
    right: "a host name such as \"mx1.example.org\", or \"*.example.org\" for those one label \
            below",
    scalar: Scalar::Text(|text| match text.parse() {
        Ok(HostPattern::Exact(Host::Literal(_))) => Err(format!("{text:?} is an address")),
        Ok(pattern) => Ok(pattern),
        Err(error) => Err(format!("{text:?} is refused: {error}")),
    }),
};

static HONOUR: Key<bool> = Key::defaulted(
    "honour",
    &BOOLEAN,
    "true",
    "Whether the policies that recipients' domains publish count. They add to what is demanded \
     of a delivery and never take away from it.",
);

static HTTPS: Key<SocketAddr> = Key::optional(
    "https",
    &SOCKET,
    "no policy of ours is served over HTTPS",
    r#""0.0.0.0:443""#,
    "Address and port where our own policy is served over HTTPS, for every `[[domain]]` that is \
     given by name: as `https://mta-sts.DOMAIN/.well-known/mta-sts.txt`. The DNS must lead there, \
     and say so in a TXT record at `_mta-sts.DOMAIN`: `v=STSv1; id=1;`, with another id each time \
     the policy changes.",
);

static HTTP: Key<SocketAddr> = Key::optional(
    "http",
    &SOCKET,
    "no policy of ours is served over HTTP",
    r#""127.0.0.1:8080""#,
    "Address and port where the same is served over HTTP, for a proxy on this host that speaks \
     HTTPS for us. Senders fetch policies over HTTPS only.",
);

static MODE: Key<StsMode> = Key::optional(
    "mode",
    &MODES,
    "must be given where a policy is served",
    r#""testing""#,
    "What our policy asks of senders when a connection to us fails it. `testing`: deliver and \
     report; begin with this. `enforce`: do not deliver. `none`: as if there were no policy, which \
     is how one is taken back (RFC 8461 §8.3).",
);

static MX: Key<HostPattern> = Key::optional(
    "mx",
    &HOSTS,
    "`hostname`, and nobody with mode `none`",
    r#"["mx1.example.org"]"#,
    "The hosts that our MX records may name: each by name, or `*.example.org` for those one label \
     below (RFC 8461 §4.1). Each must show a certificate for its name that public authorities \
     vouch for.",
)
.list();

static MAX_AGE: Key<Duration> = Key::optional(
    "max-age",
    &DURATION,
    "`1w`",
    r#""1w""#,
    "For how long senders may hold us to the policy without fetching it anew. Weeks, once it is \
     known to work (RFC 8461 §10.2). At most 52w.",
)
.bounded(|age| {
    let longest = Duration::from_days(52 * 7);
    match *age <= longest {
        true => Ok(()),
        false => Err(format!("{age} is more than {longest}")),
    }
});

static CERTIFICATE: Key<String> = Key::optional(
    "certificate",
    &NAME,
    "whichever of ours is for the name that is asked for",
    r#""default""#,
    "The certificate that `https` shows: the name of a `[[tls.certificate]]`. It must be for \
     `mta-sts.DOMAIN`, for every domain.",
);

pub(crate) static MTA_STS: Section = Section {
    name: "mta-sts",
    occurs: Occurs::Once,
    doc: "MTA-STS (RFC 8461): the policies that others publish, which say that mail to them needs \
          TLS with an authenticated host, and our own.",
    keys: &[
        &HONOUR.entry,
        &HTTPS.entry,
        &HTTP.entry,
        &MODE.entry,
        &MX.entry,
        &MAX_AGE.entry,
        &CERTIFICATE.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        honour: table.one(&HONOUR),
        https: table.maybe(&HTTPS),
        http: table.maybe(&HTTP),
        mode: table.maybe(&MODE),
        mx: table.maybe_many(&MX),
        max_age: table.maybe(&MAX_AGE),
        certificate: table.maybe(&CERTIFICATE),
    }
}

impl Written {
    /// Where it listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Located<SocketAddr>> {
        let places = [&self.https, &self.http].into_iter();
        places.filter_map(|place| place.as_ref().ok()?.as_ref())
    }

    pub(crate) fn check(
        self,
        table: &Table<'_>,
        around: &Surroundings<'_>,
    ) -> Result<MtaSts, Reported> {
        let honour = self.honour.as_ref().map_err(|reported| *reported);
        let honour = honour.map(|honour| check_honour(table.notes(), honour));
        let serving = self.serving(table, around);
        Ok(MtaSts {
            honour: honour?,
            serving: serving?,
        })
    }

    fn serving(
        self,
        table: &Table<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Option<StsServing>, Reported> {
        let notes = table.notes();
        let served = self.addresses().next().is_some();
        let (https, http) = (self.https?, self.http?);
        if !served {
            return refuse_unserved(table).map(|()| None);
        }
        let (mx, max_age) = (self.mx?, self.max_age?);
        let mode = self.mode?.ok_or_else(|| {
            let right = "write mode = \"testing\" to begin with";
            notes.error(&table.spot_of(MODE.entry.name), "is missing", right)
        })?;
        check_age(notes, &mode, max_age.as_ref());
        let policy = policy(table, around, &mode, mx, max_age.as_ref())?;
        let domains = domains(table, around.domains)?;
        let certificate = self.certificate?;
        if https.is_some() {
            check_certificate(table, around, certificate.as_ref(), &domains)?;
        } else if let Some(certificate) = &certificate {
            let right = "give https, or remove the key";
            notes.error(&certificate.spot, "has an effect only beside https", right);
        }
        Ok(Some(StsServing {
            https: https.map(|address| address.value),
            http: http.map(|address| address.value),
            policy,
            domains,
            certificate: certificate.map(|certificate| certificate.value),
        }))
    }
}

fn check_honour(notes: &Notes<'_>, honour: &Located<bool>) -> HonourSts {
    if honour.value {
        return HonourSts::Yes;
    }
    notes.warn(
        &honour.spot,
        "mail travels in clear to domains whose policies ask for TLS",
        "write true; TLS-Required: No is for the messages that cannot wait",
    );
    HonourSts::No
}

/// What belongs to a policy that nobody can fetch.
fn refuse_unserved(table: &Table<'_>) -> Result<(), Reported> {
    let keys = [&MODE.entry, &MX.entry, &MAX_AGE.entry, &CERTIFICATE.entry];
    let mut verdict = Ok(());
    for key in keys.into_iter().filter(|key| table.holds(key.name)) {
        verdict = Err(table.notes().error(
            &table.spot_of_path(key.name),
            "has an effect only where our policy is served",
            "give https, or http behind a proxy, or remove the key",
        ));
    }
    verdict
}

/// RFC 8461 §10.2: who can keep senders from the policy does so until it is forgotten.
fn check_age(notes: &Notes<'_>, mode: &Located<StsMode>, age: Option<&Located<Duration>>) {
    if let Some(age) = age
        && mode.value == StsMode::Enforce
        && age.value < Duration::from_days(7)
    {
        notes.warn(
            &age.spot,
            format_args!(
                "{} is short: who withholds the policy waits no longer",
                age.value
            ),
            "write at least 1w",
        );
    }
}

fn policy(
    table: &Table<'_>,
    around: &Surroundings<'_>,
    mode: &Located<StsMode>,
    mx: Option<Vec<Located<HostPattern>>>,
    max_age: Option<&Located<Duration>>,
) -> Result<StsPolicy, Reported> {
    let notes = table.notes();
    let hosts: Vec<_> = match mx {
        Some(mx) => mx.into_iter().map(|host| host.value).collect(),
        None if mode.value == StsMode::None => Vec::new(),
        None => {
            let hostname = around.hostname.ok_or(Reported)?.clone();
            vec![HostPattern::Exact(hostname.into())]
        }
    };
    if let Some(hostname) = around.hostname
        && !hosts.is_empty()
        && !HostRule::among(hosts.iter().cloned())
            .admits(&hostname.clone().into(), Provenance::Configured)
    {
        notes.warn(
            &table.spot_of_path(MX.entry.name),
            format_args!("leaves out {hostname}, which is this host"),
            "name every host of our MX records",
        );
    }
    let week = Duration::from_days(7);
    let max_age = max_age.map_or(week, |age| age.value);
    StsPolicy::new(mode.value, hosts, max_age.into()).map_err(|error| {
        let spot = table.spot_of_path(MX.entry.name);
        notes.error(&spot, error, "name the hosts of our MX records")
    })
}

/// The domains that are given by name: a policy belongs to one domain (RFC 8461 §3).
fn domains(table: &Table<'_>, written: &[domain::Written]) -> Result<Vec<Domain>, Reported> {
    let mut domains = Vec::new();
    for domain in written {
        let name = domain.name.as_ref().map_err(|reported| *reported)?;
        match &name.value {
            DomainPattern::Exact(domain) => domains.push(domain.clone()),
            DomainPattern::Below(_) | DomainPattern::Any => {}
        }
    }
    if domains.is_empty() {
        return Err(table.notes().error(
            table.spot(),
            "serves a policy, and no [[domain]] is given by name",
            "write a [[domain]], or remove https and http",
        ));
    }
    Ok(domains)
}

/// Senders fetch no policy from a host whose certificate is not for `mta-sts.` and the domain
/// (RFC 8461 §3.3).
fn check_certificate(
    table: &Table<'_>,
    around: &Surroundings<'_>,
    certificate: Option<&Located<String>>,
    domains: &[Domain],
) -> Result<(), Reported> {
    let Some(certificates) = around.certificates else {
        return Ok(());
    };
    let notes = table.notes();
    let current = certificates.store.current();
    let is_chosen = |name: &str| certificate.is_none_or(|chosen| chosen.value == name);
    let shown: Vec<_> = current
        .iter()
        .filter(|pair| is_chosen(&pair.files().name))
        .collect();
    let spot = match certificate {
        Some(certificate) => certificate.spot.clone(),
        None => table.spot_of_path(HTTPS.entry.name),
    };
    if shown.is_empty() {
        let wrong = match certificate {
            Some(certificate) => {
                format!(
                    "no [[tls.certificate]] has the name {:?}",
                    certificate.value
                )
            }
            None => "needs a certificate, and there is none".to_owned(),
        };
        let right = "write a [[tls.certificate]] for mta-sts. and the domain";
        return Err(notes.error(&spot, wrong, right));
    }
    for domain in domains {
        let host = format!("mta-sts.{domain}");
        let wildcard = format!("*.{domain}");
        let mut names = shown.iter().flat_map(|pair| pair.names());
        if !names.any(|name| *name == host || *name == wildcard) {
            notes.warn(
                &spot,
                format_args!("no certificate that is shown is for {host}"),
                "senders cannot fetch the policy of that domain; have one issued for the name",
            );
        }
    }
    Ok(())
}
