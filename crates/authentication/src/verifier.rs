//! The verification of one message.

use std::{net::IpAddr, sync::Arc};

use postern_dns::Dns;
use postern_mail::{Domain, Host, Network, ReversePath};

use crate::{
    Letter, NullMx, Override, Verdict, VerifierSettings,
    arc::{ArcOutcome, ArcResult},
    authors,
    dmarc::{DmarcOutcome, DmarcPolicy, DmarcResult},
    iprev::{IprevOutcome, IprevResult},
    spf::{SpfOutcome, SpfResult},
};

/// Verifies messages, one call each; shared by all sessions.
#[derive(Debug)]
pub struct Verifier {
    dns: Arc<dyn Dns>,
    settings: VerifierSettings,
}

impl Verifier {
    /// A verifier that asks `dns`.
    pub fn new(dns: Arc<dyn Dns>, settings: VerifierSettings) -> Self {
        Self { dns, settings }
    }

    /// What can be found out about a message within the time of the settings.
    pub async fn verify(&self, letter: &Letter<'_>) -> Verdict {
        let (helo, mail_from) = self
            .verify_sender(
                letter.client,
                letter.helo,
                letter.reverse_path,
                letter.hostname,
            )
            .await;
        Verdict {
            client: letter.client,
            iprev: IprevOutcome {
                result: IprevResult::TempError,
                name: None,
                reason: None,
            },
            helo,
            mail_from,
            dkim: Vec::new(),
            arc: ArcOutcome {
                result: ArcResult::None,
                sets: 0,
                sealer: None,
                sealers: Vec::new(),
                reason: None,
                claims_dmarc_pass: false,
            },
            dmarc: DmarcOutcome {
                result: DmarcResult::TempError,
                policy: DmarcPolicy::None,
                reason: None,
                record: None,
                spf_aligned: false,
                dkim_aligned: false,
            },
            author: authors::author(letter.content.first().map_or(&[], |it| it)),
            overridden: self
                .forwarder(letter.client)
                .map(Override::TrustedForwarder),
        }
    }

    /// SPF for what a client calls itself, and for a reverse-path that is not null.
    pub async fn verify_sender(
        &self,
        _client: IpAddr,
        helo: &Host,
        reverse_path: &ReversePath,
        _hostname: &Domain,
    ) -> (SpfOutcome, Option<SpfOutcome>) {
        let outcome = |domain: &dyn ToString| SpfOutcome {
            result: SpfResult::TempError,
            domain: domain.to_string(),
            reason: None,
        };
        (
            outcome(helo),
            reverse_path.mailbox().map(|it| outcome(it.host())),
        )
    }

    /// Whether a domain takes no mail at all.
    pub async fn refuses_mail(&self, domain: &Domain) -> NullMx {
        let Ok(name) = domain.as_str().parse() else {
            return NullMx::Unknown;
        };
        let _answer = self.dns.mx(&name).await;
        NullMx::Unknown
    }

    fn forwarder(&self, client: IpAddr) -> Option<Network> {
        let mut networks = self.settings.trusted_forwarders.iter();
        networks.find(|it| it.contains(client)).copied()
    }
}
