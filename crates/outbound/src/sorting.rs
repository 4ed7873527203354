//! Which way each recipient of a message goes, and in whose name.
//!
//! | the message, the recipient | goes | in the name of |
//! |---|---|---|
//! | is kept apart as suspicious | to the next hops for that, whoever it is for | its sender |
//! | is an address of this mail system | nowhere: it is taken in here | |
//! | is at a domain of ours | where that domain says | its sender, unless the domain says otherwise |
//! | is elsewhere | by route or MX records | its sender if that is one of ours, else ours by SRS |
//!
//! A notice has nobody's name, whichever way it goes (RFC 5321 §4.5.5). Whose policy is held
//! against the channel is a matter of the recipient's domain, and nothing here changes it: what an
//! alias leads to a partner is judged as mail to that partner.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use postern_mail::{EnhancedStatusCode, ForwardPath, ReversePath};
use postern_policy::DeliveryPlan;
use postern_rewriting::{Forwarded, Unforwarded};
use postern_spool::{Claim, ClaimedRecipient};
use tracing::warn;

use crate::{
    attempt::{FailedAttempt, Weight},
    destination::{Hops, Key},
    pace::Pace,
    part::{Part, needs_requiretls},
    route::{Senders, Way},
    settings::Settings,
    situation::Situation,
};

/// The recipients of a message, by the way they go.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// Those that go to next hops, with the line that they stand in.
    pub(crate) parts: Vec<(Key, Part)>,
    /// Those that are taken in here.
    pub(crate) here: Option<Part>,
    /// Those that can go no way now.
    pub(crate) stuck: Vec<(ClaimedRecipient, FailedAttempt)>,
}

/// Sorts recipients of a message under a situation.
pub(crate) fn sort(
    claim: &Arc<Claim>,
    recipients: &[ClaimedRecipient],
    situation: &Arc<Situation>,
) -> Sorted {
    let mut sorting = Sorting {
        claim,
        situation,
        rewritten: None,
        parts: HashMap::new(),
        here: None,
        stuck: Vec::new(),
    };
    for claimed in recipients {
        sorting.place(claimed);
    }
    Sorted {
        parts: sorting
            .parts
            .into_iter()
            .map(|((key, _), part)| (key, part))
            .collect(),
        here: sorting.here,
        stuck: sorting.stuck,
    }
}

struct Sorting<'a> {
    claim: &'a Arc<Claim>,
    situation: &'a Arc<Situation>,
    /// The reverse-path of what is sent on, once somebody needed it.
    rewritten: Option<ReversePath>,
    /// By line, and within it by reverse-path: `MAIL` has one, and the connection serves both.
    parts: HashMap<(Key, ReversePath), Part>,
    here: Option<Part>,
    stuck: Vec<(ClaimedRecipient, FailedAttempt)>,
}

impl Sorting<'_> {
    fn place(&mut self, claimed: &ClaimedRecipient) {
        let way = match self.way(&claimed.recipient.forward_path) {
            Ok(way) => way,
            Err(failed) => return self.stuck.push((claimed.clone(), failed)),
        };
        let reverse_path = self.reverse_path(&way);
        let part = if self.is_taken_in_here(claimed) {
            self.here.get_or_insert_with(|| {
                let pace = self.situation.settings.pace;
                new_part(self.claim, self.situation, way, pace, reverse_path)
            })
        } else {
            let plan = (self.situation).plan_locally(&way, self.claim.envelope().tls_wish);
            let key = Key {
                hops: hops_of(&way, &plan),
                pool: plan.pool_key(),
                needs_requiretls: needs_requiretls(self.claim.envelope()),
            };
            self.parts
                .entry((key, reverse_path.clone()))
                .or_insert_with(|| {
                    let pace = self.situation.settings.pace_of(&way, &plan);
                    new_part(self.claim, self.situation, way, pace, reverse_path)
                })
        };
        part.recipients.push(claimed.clone());
    }

    fn way(&self, forward_path: &ForwardPath) -> Result<Way, FailedAttempt> {
        let settings = self.settings();
        let way = settings.routes.way(forward_path);
        let way = way.map_err(|no_way| misconfigured(&no_way.to_string()))?;
        match (self.claim.quarantined(), settings.quarantine.as_slice()) {
            (None, _) => Ok(way),
            (Some(_), []) => Err(misconfigured(
                "the message is to be kept apart as suspicious, and no next hop is named for that",
            )),
            (Some(_), hops) => Ok(Way {
                detour: Some(hops.to_vec()),
                ..way
            }),
        }
    }

    /// A report that is suspicious is not taken at its word.
    fn is_taken_in_here(&self, claimed: &ClaimedRecipient) -> bool {
        let settings = self.settings();
        let mailbox = claimed.recipient.forward_path.mailbox();
        settings.local.is_some()
            && self.claim.quarantined().is_none()
            && mailbox.is_some_and(|mailbox| {
                let local_part = mailbox.local_part().as_str();
                settings.local_addresses.iter().any(|ours| {
                    ours.host() == mailbox.host()
                        && ours.local_part().as_str().eq_ignore_ascii_case(local_part)
                })
            })
    }

    fn reverse_path(&mut self, way: &Way) -> ReversePath {
        match way.senders() {
            Senders::Kept => self.claim.envelope().reverse_path.clone(),
            Senders::Rewritten => {
                let known = self.rewritten.take();
                let path = known.unwrap_or_else(|| rewritten(self.claim, self.settings()));
                self.rewritten = Some(path.clone());
                path
            }
        }
    }

    fn settings(&self) -> &Settings {
        &self.situation.settings
    }
}

fn new_part(
    claim: &Arc<Claim>,
    situation: &Arc<Situation>,
    way: Way,
    pace: Pace,
    reverse_path: ReversePath,
) -> Part {
    Part {
        claim: Arc::clone(claim),
        recipients: Vec::new(),
        way,
        pace,
        reverse_path,
        situation: Arc::clone(situation),
    }
}

/// The reverse-path of a message that leaves our domains.
fn rewritten(claim: &Claim, settings: &Settings) -> ReversePath {
    let path = &claim.envelope().reverse_path;
    let is_ours = |path: &ReversePath| {
        let domain = path.domain();
        domain.is_some_and(|domain| settings.own_domains.find(domain).is_some())
    };
    let Some(srs) = settings.srs.as_ref().filter(|_| !is_ours(path)) else {
        return path.clone();
    };
    match srs.forward(path, SystemTime::now()) {
        Forwarded::Rewritten(mailbox) => ReversePath::Mailbox(mailbox),
        Forwarded::AsItWas(why) => {
            if why == Unforwarded::TooLong {
                warn!(
                    queue_id = %claim.id(),
                    reverse_path = %path,
                    "sent on in the name of its sender, so SPF may stop it: {why}"
                );
            }
            path.clone()
        }
    }
}

/// X.3.5: system incorrectly configured (RFC 3463 §3.4). The configuration may be mended before
/// the message is given up.
fn misconfigured(text: &str) -> FailedAttempt {
    let status = EnhancedStatusCode::transient(3, 5);
    FailedAttempt::here(status, text, Weight::NotReached, SystemTime::now())
}

/// Where connections go for mail that goes this way.
pub(crate) fn hops_of(way: &Way, plan: &DeliveryPlan) -> Hops {
    let fixed = way.fixed_hops(plan);
    if fixed.is_empty() {
        Hops::Found(way.destination.clone())
    } else {
        Hops::Fixed(fixed.to_vec())
    }
}
