//! What is to be published, held against the sections around it.

use postern_mail::{Domain, Mailbox, Network, is_public_address};
use postern_policy::{HostRule, Provenance, StsMode};

use super::{ADDRESSES, DMARC_SUBDOMAIN_POLICY, DmarcPolicy, Publish, Written};
use crate::{
    MtaSts, Reports,
    schema::{Located, Notes, Reported, Table},
    section::values,
};

/// The most look-ups of an SPF record (RFC 7208 §4.6.4). An `include` is one, and so is each of
/// our own hosts where addresses are not given.
const SPF_LOOK_UPS: usize = 10;

/// What the section has to agree with, as far as it is right by itself.
#[derive(Clone, Copy)]
pub(crate) struct Around<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) reports: Option<&'s Reports>,
    pub(crate) mta_sts: Option<&'s MtaSts>,
}

impl Written {
    /// What this means.
    pub(crate) fn check(self, table: &Table<'_>, around: Around<'_>) -> Result<Publish, Reported> {
        let notes = table.notes();
        let addresses = self.addresses.inspect(|addresses| {
            check_addresses(notes, addresses.as_deref().unwrap_or_default());
        });
        let hosts = self.mx.as_ref().ok().and_then(Option::as_ref);
        let hosts = hosts.map_or(1, |hosts| hosts.len().max(1));
        let includes = self.spf_includes.inspect(|includes| {
            let own = match table.holds(ADDRESSES.entry.name) {
                true => 0,
                false => hosts,
            };
            check_includes(notes, includes.as_deref().unwrap_or_default(), own);
        });
        let mx = self.mx.and_then(|mx| {
            check_hosts(notes, mx.as_deref().unwrap_or_default(), around.mta_sts);
            match values(mx) {
                hosts if hosts.is_empty() => Ok(vec![around.hostname.ok_or(Reported)?.clone()]),
                hosts => Ok(hosts),
            }
        });
        let (policy, below) = (self.dmarc_policy?.value, self.dmarc_subdomain_policy?);
        warn_of_weakness(table, policy, below.as_ref());
        Ok(Publish {
            addresses: values(addresses?),
            spf_includes: values(includes?),
            spf_others: self.spf_others?.value,
            mx: mx?,
            dmarc_policy: policy,
            dmarc_subdomain_policy: below.map_or(policy, |below| below.value),
            dmarc_reports: addressees(self.dmarc_reports?, around.reports)?,
            tls_reports: addressees(self.tls_reports?, around.reports)?,
            caa: values(self.caa?),
            ttl: self.ttl?.value.into(),
        })
    }
}

/// What receivers see is what stands before them, not what stands behind a translator.
fn check_addresses(notes: &Notes<'_>, addresses: &[Located<Network>]) {
    notes.refuse_repetition(addresses.iter(), "name it once");
    for network in addresses {
        if !is_public_address(network.value.address()) {
            notes.warn(
                &network.spot,
                format_args!("{} is not on the public internet", network.value),
                "give the addresses that receivers see",
            );
        }
    }
}

fn check_includes(notes: &Notes<'_>, includes: &[Located<Domain>], own: usize) {
    notes.refuse_repetition(includes.iter(), "name it once");
    if let Some(first_beyond) = includes.get(SPF_LOOK_UPS.saturating_sub(own)) {
        notes.error(
            &first_beyond.spot,
            format_args!(
                "makes more look-ups than {SPF_LOOK_UPS}, and the record void (RFC 7208 §4.6.4)"
            ),
            "name fewer, or the addresses behind them",
        );
    }
}

/// Senders that hold us to our MTA-STS policy deliver to no host that it leaves out.
fn check_hosts(notes: &Notes<'_>, mx: &[Located<Domain>], mta_sts: Option<&MtaSts>) {
    notes.refuse_repetition(mx.iter(), "name it once");
    let serving = mta_sts.and_then(|mta_sts| mta_sts.serving.as_ref());
    let Some(policy) = serving.map(|serving| &serving.policy) else {
        return;
    };
    if policy.mode() == StsMode::None {
        return;
    }
    let rule = HostRule::among(policy.mx().iter().cloned());
    for host in mx {
        if !rule.admits(&host.value.clone().into(), Provenance::Configured) {
            notes.warn(
                &host.spot,
                format_args!("our MTA-STS policy leaves out {}", host.value),
                "name it in mta-sts.mx as well",
            );
        }
    }
}

/// Who may use any name below ours needs none of ours.
fn warn_of_weakness(table: &Table<'_>, policy: DmarcPolicy, below: Option<&Located<DmarcPolicy>>) {
    if let Some(below) = below
        && below.value < policy
    {
        table.notes().warn(
            &table.spot_of_path(DMARC_SUBDOMAIN_POLICY.entry.name),
            "asks for less than dmarc-policy: any name below ours passes for one of ours",
            "remove the key, or ask for as much",
        );
    }
}

/// Whom others report to: those named for it, else whoever takes reports, else whoever answers
/// for ours.
fn addressees(
    named: Option<Vec<Located<Mailbox>>>,
    reports: Option<&Reports>,
) -> Result<Vec<Mailbox>, Reported> {
    if named.is_some() {
        return Ok(values(named));
    }
    let reports = reports.ok_or(Reported)?;
    Ok(match reports.receive.as_slice() {
        [] => vec![reports.contact.clone()],
        receive => receive.to_vec(),
    })
}
