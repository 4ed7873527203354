//! A transaction that was let begin.

use std::sync::Arc;

use postern_mail::Host;
use postern_policy::{InboundVerdict, PartnerName, Verdict};
use postern_smtp::command::MailCommand;
use postern_spool::{ContentWriter, ReservedId};

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
    /// Where content goes once it comes.
    pub(super) intake: Option<Intake>,
}

/// Content on its way in.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) id: ReservedId,
    pub(super) writer: ContentWriter,
    pub(super) header: HeaderWatch,
}

impl Transaction {
    /// The partner that the channel proved the client to be: the one whose domain it sends from,
    /// else the one whose certificate it has.
    pub(super) fn partner(&self) -> Option<&PartnerName> {
        if self.verdict.basis().verdict() != Verdict::Authenticated {
            return None;
        }
        let claimed = self.verdict.partner().filter(|partner| {
            let mut findings = self.verdict.findings().iter();
            let fails = findings.any(|it| it.partner.as_ref() == Some(partner.name()));
            partner.inbound().require.requires_authenticated_peer() && !fails
        });
        let partner = claimed.or_else(|| self.verdict.certificate_holders().next())?;
        Some(partner.name())
    }
}
