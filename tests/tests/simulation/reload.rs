//! Configurations that come into force while mail is under way, and connections that outlast them.

use std::{sync::Arc, time::Instant};

use postern_policy::Policy;

use super::{
    cast::{CAST, Rules},
    core::{Core, Dial},
    mutation::Mutation,
    timeline::Event,
};

/// How many connections are kept at most.
const KEPT: usize = 4;

/// What counts now.
#[derive(Debug, Clone)]
pub(crate) struct Situation {
    /// What the policy is to demand, which it is not asked.
    pub(crate) rules: Rules,
    pub(crate) policy: Arc<Policy>,
}

impl Situation {
    pub(crate) fn usual() -> Self {
        Self {
            rules: Rules::Usual,
            policy: CAST.usual(),
        }
    }
}

impl Core {
    /// Another configuration comes into force. What was planned under the old one counts no more.
    pub(crate) fn reload(&mut self) {
        let rules = self.random.pick(&Rules::ALL);
        self.note(|| format!("the configuration is loaded anew: {rules:?}"));
        self.reloads += 1;
        self.situation = Situation {
            rules,
            policy: CAST.reloaded(rules),
        };
    }

    pub(crate) fn is_current(&self, policy: &Arc<Policy>) -> bool {
        Arc::ptr_eq(policy, &self.situation.policy)
    }

    /// Lets a delivery that is planned wait for a look-up, or sees to its connection at once.
    pub(crate) fn when_planned(&mut self, dial: Dial) {
        if !self.random.chance(30) {
            return self.dials.push(dial);
        }
        let (number, boots) = (self.number(), self.boots);
        if let Some(host) = &mut self.host {
            host.planned.insert(number, dial);
        }
        let wait = self.random.between(10, 120_000);
        self.after(wait, Event::Planned(boots, number));
        // By chance alone a reload would seldom come just then.
        if self.mishap(40) {
            let wait = self.random.below(wait);
            self.after(wait, Event::Reload);
        }
    }

    /// A delivery is planned at last. It is planned anew if that counts no more.
    pub(crate) fn planned(&mut self, number: u64) {
        let planned = self.host.as_mut().map(|host| host.planned.remove(&number));
        let Some(dial) = planned.flatten() else {
            return;
        };
        if self.is_current(&dial.terms.policy) || self.mutation == Some(Mutation::OutdatedPlan) {
            self.dials.push(dial);
        } else {
            self.dial(dial.carriage, dial.upgrade);
        }
    }

    /// Keeps a connection for the next message, if there is room: until then.
    pub(crate) fn keep_connection(&mut self, link: u32, to: &'static str) -> Option<Instant> {
        let patience = self.random.between(10_000, 500_000);
        let until = self.instant_in(patience);
        let host = self.host.as_mut()?;
        (host.kept.len() < KEPT).then(|| {
            host.kept.insert(link, to);
            until
        })
    }

    pub(crate) fn forget_connection(&mut self, link: u32) {
        if let Some(host) = &mut self.host {
            host.kept.remove(&link);
        }
    }

    /// A connection to a host that was kept, and is no longer.
    ///
    /// The daemon looks for one of the same next hops and demands, which spares it refusals. Here
    /// any to the same host will do, so that nothing but the judgement stands in between.
    pub(crate) fn take_kept(&mut self, to: &str) -> Option<u32> {
        let kept = &mut self.host.as_mut()?.kept;
        let (link, _) = kept.iter().find(|(_, host)| **host == to)?;
        let link = *link;
        kept.remove(&link);
        Some(link)
    }
}
