//! A transaction that was let begin.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use postern_authentication::Signing;
use postern_mail::Host;
use postern_policy::{InboundVerdict, Partner, PartnerName, Verdict};
use postern_smtp::command::MailCommand;
use postern_spool::{ContentWriter, ReservedId};

use super::recipients::StandIns;
use crate::{
    header_watch::HeaderWatch,
    settings::Reach,
    situation::{Door, Situation},
};

/// A transaction, with the settings by which all of it is decided.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) situation: Arc<Situation>,
    /// The listener by those settings.
    pub(super) door: Arc<Door>,
    pub(super) reach: Reach,
    /// The command that began it.
    pub(super) mail: MailCommand,
    /// What the client calls itself.
    pub(super) helo: Host,
    /// What the policy says of it.
    pub(super) verdict: InboundVerdict,
    /// Who stands behind its recipients.
    pub(super) stand_ins: StandIns,
    /// Where content goes once it comes.
    pub(super) intake: Option<Intake>,
}

/// Content on its way in.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) id: ReservedId,
    pub(super) writer: ContentWriter,
    pub(super) header: HeaderWatch,
    /// Our `Received` field, which stands above the content.
    pub(super) received: Bytes,
    /// Who signs the content as it comes, where it is of our own hosts.
    pub(super) signing: Option<Signing>,
}

impl Transaction {
    /// Who signs the content as it comes. What our own hosts send is ours to answer for; what
    /// strangers send is not.
    pub(super) fn begin_signing(&self, now: SystemTime) -> Option<Signing> {
        match self.reach {
            Reach::OwnDomains => None,
            Reach::Anywhere => {
                let signer = &self.situation.authentication.as_ref()?.signer;
                signer.has_keys().then(|| signer.begin(now))
            }
        }
    }

    /// Whether the channel proved that the client is the partner whose domain the reverse-path
    /// names.
    pub(super) fn proves_its_sender(&self) -> bool {
        spoken_for(&self.verdict).is_some()
    }

    /// The partner that the channel proved the client to be: the one whose domain it sends from,
    /// else the one whose certificate it has.
    pub(super) fn partner(&self) -> Option<&PartnerName> {
        if self.verdict.basis().verdict() != Verdict::Authenticated {
            return None;
        }
        let claimed = spoken_for(&self.verdict);
        let partner = claimed.or_else(|| self.verdict.certificate_holders().next())?;
        Some(partner.name())
    }
}

/// The partner whose domain was claimed, where the channel proved that the client speaks for it.
pub(super) fn spoken_for(verdict: &InboundVerdict) -> Option<&Partner> {
    let is_proven = verdict.basis().verdict() == Verdict::Authenticated;
    verdict.partner().filter(|partner| {
        let mut findings = verdict.findings().iter();
        let fails = findings.any(|it| it.partner.as_ref() == Some(partner.name()));
        is_proven && partner.inbound().require.requires_authenticated_peer() && !fails
    })
}
