//! What a channel was found good for, and whether it is good for more.
//!
//! In clear it is the permit itself, over a stream that nobody reads. A permit over TLS owns a live
//! session, of which there are none here: there the verdict is asked for as
//! [`Permit`] asks for it, on the evidence of a handshake that was made before.

use std::{sync::Arc, time::Instant};

use postern_mail::Host;
use postern_policy::{HostPlan, Permit, Policy, Refusal};
use postern_tls::{Channel, NotSecured, PlainChannel};
use tokio::io::Empty;

use super::{
    cast::{CAST, Face},
    mutation::Mutation,
    published::Learnt,
};

/// What a channel must be before mail goes over it, and under which policy that was planned.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) plan: HostPlan,
    pub(crate) policy: Arc<Policy>,
    /// What the plan stands on.
    pub(crate) learnt: Learnt,
    pub(crate) mutation: Option<Mutation>,
}

impl Terms {
    /// The terms of another message for a host of whom something is known from before, at `now`;
    /// nothing where that is too old to say. What is known of the host of one domain says nothing
    /// of another domain's.
    pub(crate) fn knowing(self, known: &Self, now: Instant) -> Option<Self> {
        if self.plan.destination() != known.plan.destination() {
            return Some(self);
        }
        let counts = now < known.learnt.until;
        if !counts && self.mutation != Some(Mutation::FactsNeverAge) {
            return None;
        }
        let plan = self.plan.delivery().for_host(&known.learnt.facts);
        let mut learnt = Learnt {
            truth: self.learnt.truth,
            ..known.learnt.clone()
        };
        if counts {
            learnt.truth.dane = known.learnt.truth.dane;
        }
        Some(Self {
            plan,
            learnt,
            ..self
        })
    }
}

/// What a channel was found good for.
#[derive(Debug)]
pub(crate) enum Grant {
    Clear(Box<Permit<Empty>>),
    Tls {
        face: Face,
        host: Host,
    },
    /// Anything, because nobody was asked.
    Unasked,
}

impl Grant {
    pub(crate) fn in_clear(reason: &NotSecured, terms: &Terms) -> Result<Self, Box<Refusal>> {
        let channel = Channel::Plain(PlainChannel::new(tokio::io::empty()), reason.clone());
        let permit = terms.policy.authorize(&terms.plan, channel, CAST.now);
        let permit = permit.map_err(|refused| Box::new(refused.refusal().clone()))?;
        Ok(Self::Clear(Box::new(permit)))
    }

    /// Nothing where nobody can have shown this.
    pub(crate) fn of_tls(face: Face, terms: &Terms) -> Option<Result<Self, Box<Refusal>>> {
        let evidence = CAST.server(face)?;
        let judged = terms.plan.judge(Ok(evidence), CAST.now);
        if terms.mutation == Some(Mutation::AnyRuleWillDo) {
            let each = terms.plan.judge_each(Ok(evidence), CAST.now);
            if each.iter().any(|rule| rule.outcome.is_ok()) {
                return Some(Ok(Self::Unasked));
            }
        }
        let host = terms.plan.host().clone();
        Some(judged.map(|_| Self::Tls { face, host }).map_err(Box::new))
    }

    /// The channel judged for another message, in full. Nothing where it is refused.
    pub(crate) fn again(self, terms: &Terms) -> Option<Self> {
        match self {
            Self::Clear(permit) => {
                let permit = permit.rejudge(&terms.policy, &terms.plan, CAST.now);
                Some(Self::Clear(Box::new(permit.ok()?)))
            }
            Self::Tls { face, host } if host == *terms.plan.host() => {
                Self::of_tls(face, terms)?.ok()
            }
            Self::Tls { .. } => None,
            Self::Unasked => Some(Self::Unasked),
        }
    }
}
