//! Our own policy, held against what it says about this host.

use postern_mail::{Domain, DomainPattern};
use postern_policy::{HostPattern, HostRule, Provenance, StsMode, StsPolicy};
use postern_tls::Profile;

use super::{
    CERTIFICATE, HTTP, HTTPS, MAX_AGE, MODE, MX, StsServing, Surroundings, WEB_PROFILE, Written,
};
use crate::{
    schema::{Located, Notes, Reported, Table},
    section::{certificate, domain},
    value::Duration,
};

impl Written {
    /// What is served, if anything is.
    pub(super) fn serving(
        self,
        table: &Table<'_>,
        around: &Surroundings<'_>,
    ) -> Result<Option<StsServing>, Reported> {
        let (https, http) = (self.https?, self.http?);
        let Some(https) = https else {
            return refuse_unserved(table).map(|()| None);
        };
        let mode = self.mode.and_then(|mode| {
            let spot = table.spot_of(MODE.entry.name);
            let right = "write mode = \"testing\" to begin with";
            mode.ok_or_else(|| table.notes().error(&spot, "is missing", right))
        });
        let terms = mode.and_then(|mode| Ok((mode, self.mx?, self.max_age?)));
        let policy = terms.and_then(|terms| policy(table, around, terms));
        let domains = domains(table, around.domains);
        let certificate = self.certificate.and_then(|certificate| {
            let domains = domains.as_deref().unwrap_or_default();
            check_certificate(table, around, certificate.as_ref(), domains)?;
            Ok(certificate.map(|certificate| certificate.value))
        });
        Ok(Some(StsServing {
            https: https.value,
            http: http.map(|address| address.value),
            policy: policy?,
            domains: domains?,
            certificate: certificate?,
        }))
    }
}

/// What belongs to a policy that nobody can fetch.
fn refuse_unserved(table: &Table<'_>) -> Result<(), Reported> {
    let keys = [
        &HTTP.entry,
        &MODE.entry,
        &MX.entry,
        &MAX_AGE.entry,
        &CERTIFICATE.entry,
    ];
    let mut verdict = Ok(());
    for key in keys.into_iter().filter(|key| table.holds(key.name)) {
        verdict = Err(table.notes().error(
            &table.spot_of_path(key.name),
            "has an effect only where our policy is served",
            "give https, or remove the key",
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

/// `mode`, `mx` and `max-age`.
type Terms = (
    Located<StsMode>,
    Option<Vec<Located<HostPattern>>>,
    Option<Located<Duration>>,
);

fn policy(
    table: &Table<'_>,
    around: &Surroundings<'_>,
    (mode, mx, max_age): Terms,
) -> Result<StsPolicy, Reported> {
    let notes = table.notes();
    check_age(notes, &mode, max_age.as_ref());
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
fn domains(table: &Table<'_>, written: &[domain::Written<'_>]) -> Result<Vec<Domain>, Reported> {
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
        .cloned()
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
    let bounds = Profile::named(WEB_PROFILE).bounds();
    if let Err(violation) = certificate::any_admitted(&shown, bounds) {
        let wrong = format_args!("policies are not served with it; {violation}");
        let right = "show a certificate with such a key";
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
