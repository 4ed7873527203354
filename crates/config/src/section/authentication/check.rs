//! What was written for authentication, held against the sections around it.

use postern_mail::{Domain, Network};
use postern_policy::Policy;

use super::{ArcSealing, Authentication, MEMORY, Written};
use crate::{
    Limits,
    schema::{Located, Notes, Reported, Table},
    section::{
        domain::{self, OwnDomains},
        is_public_and_wide, listener, values,
    },
    value::ByteSize,
};

/// What the section has to agree with, as far as it is right by itself.
#[derive(Clone, Copy)]
pub(crate) struct Around<'s> {
    pub(crate) hostname: Option<&'s Domain>,
    pub(crate) policy: Option<&'s Policy>,
    pub(crate) limits: Option<&'s Limits>,
    pub(crate) own: Result<&'s OwnDomains, Reported>,
    pub(crate) domains: &'s [domain::Written<'s>],
    pub(crate) listeners: &'s [(Table<'s>, listener::Written)],
}

impl Written {
    /// What this means.
    pub(crate) fn check(
        self,
        table: &Table<'_>,
        around: Around<'_>,
    ) -> Result<Authentication, Reported> {
        let notes = table.notes();
        warn_of_idleness(table, around);
        let redirection = self.check_redirection(notes, around);
        let arc = self
            .arc
            .and_then(|arc| arc.map(|arc| arc.check(notes, around)).transpose());
        let sealers = self.trusted_sealers.inspect(|sealers| {
            check_sealers(notes, sealers.as_deref().unwrap_or_default(), around.policy);
        });
        let forwarders = self.trusted_forwarders.and_then(|forwarders| {
            check_forwarders(notes, forwarders.as_deref().unwrap_or_default())?;
            Ok(values(forwarders))
        });
        let memory = self.memory.inspect(|memory| {
            warn_of_large_messages(table, memory, around.limits);
        });
        let authserv_id = match self.authserv_id? {
            Some(written) => written.value,
            None => around.hostname.ok_or(Reported)?.clone(),
        };
        redirection?;
        Ok(Authentication {
            authserv_id,
            received_spf: self.received_spf?.value,
            time_limit: self.time_limit?.value.into(),
            dns_limit: self.dns_limit?.value,
            memory: memory?.value,
            temperror_limit: self.temperror_limit?.value.into(),
            trusted_sealers: values(sealers?),
            trusted_forwarders: forwarders?,
            quarantine_next_hops: values(self.quarantine_next_hops?),
            arc: arc?,
        })
    }

    /// Whoever sends suspicious mail elsewhere says where, and the other way round.
    fn check_redirection(&self, notes: &Notes<'_>, around: Around<'_>) -> Result<(), Reported> {
        let hops = self.quarantine_next_hops.as_ref();
        let hops = hops.map_err(|reported| *reported)?.as_deref();
        let mut redirecting = around
            .listeners
            .iter()
            .filter_map(|(_, listener)| listener.redirects())
            .peekable();
        let mut verdict = Ok(());
        match hops.and_then(<[_]>::first) {
            Some(first) if redirecting.peek().is_none() => {
                let wrong = "has an effect only where a listener has quarantine = \"redirect\"";
                verdict = Err(notes.error(&first.spot, wrong, "write that, or remove the key"));
            }
            Some(_) => {}
            None => {
                for quarantine in redirecting {
                    let wrong = "\"redirect\" needs authentication.quarantine-next-hop";
                    let right = "name the hosts that take suspicious mail there";
                    verdict = Err(notes.error(&quarantine.spot, wrong, right));
                }
            }
        }
        verdict
    }
}

/// Nothing of the section counts where nobody looks.
fn warn_of_idleness(table: &Table<'_>, around: Around<'_>) {
    let mut listeners = around.listeners.iter();
    let judged = listeners.any(|(_, listener)| listener.judges());
    if table.is_written() && !judged && !around.listeners.is_empty() {
        table.notes().warn(
            table.spot(),
            "has no effect: every listener has authentication = \"off\"",
            "write \"enforce\" or \"mark\" there",
        );
    }
}

/// A sealer vouches for every author, which a partner is not trusted to do.
fn check_sealers(notes: &Notes<'_>, sealers: &[Located<Domain>], policy: Option<&Policy>) {
    notes.refuse_repetition(sealers.iter(), "name it once");
    let Some(policy) = policy else { return };
    for sealer in sealers {
        if let Some(partner) = policy.partner_of(&sealer.value) {
            notes.warn(
                &sealer.spot,
                format_args!(
                    "{} is a domain of partner {}, who can then vouch for every author",
                    sealer.value,
                    partner.name()
                ),
                "trust the domain of a list or a forwarder alone",
            );
        }
    }
}

fn check_forwarders(notes: &Notes<'_>, forwarders: &[Located<Network>]) -> Result<(), Reported> {
    notes.refuse_repetition(forwarders.iter(), "name it once");
    let mut verdict = Ok(());
    for network in forwarders {
        if network.value.prefix() == 0 {
            let wrong = format_args!("{} is everyone", network.value);
            let right = "name the hosts that forward mail to you";
            verdict = Err(notes.error(&network.spot, wrong, right));
        } else if is_public_and_wide(&network.value) {
            notes.warn(
                &network.spot,
                format_args!(
                    "{} lets very many hosts send in every author's name",
                    network.value
                ),
                "name only the hosts that forward mail to you",
            );
        }
    }
    verdict
}

fn warn_of_large_messages(table: &Table<'_>, memory: &Located<ByteSize>, limits: Option<&Limits>) {
    if let Some(limits) = limits
        && memory.value < limits.message_size
    {
        table.notes().warn(
            &table.spot_of_path(MEMORY.entry.name),
            format_args!(
                "messages larger than {} keep their signatures unverified, and {} are let in",
                memory.value, limits.message_size
            ),
            "give at least limits.message-size",
        );
    }
}

impl super::arc::Written {
    /// What this means.
    fn check(self, notes: &Notes<'_>, around: Around<'_>) -> Result<ArcSealing, Reported> {
        let named = self.domain.and_then(|domain| {
            around
                .own
                .map_or(Ok(()), |own| own.demand(notes, &domain))?;
            Ok(domain.value)
        });
        let key = self.key.and_then(|key| super::arc::key(notes, &key));
        let (domain, selector, key) = (named?, self.selector?, key?);
        let mut domains = around.domains.iter();
        let taken = domains.find_map(|written| written.dkim_key(&domain, &selector.value));
        if let Some((other, line)) = taken
            && other != key
        {
            let wrong = format_args!(
                "{} is the name of another key of {domain} in line {line}",
                selector.value
            );
            let right = "give each key a name of its own, or the same file";
            return Err(notes.error(&selector.spot, wrong, right));
        }
        Ok(ArcSealing {
            domain,
            selector: selector.value,
            key,
        })
    }
}
