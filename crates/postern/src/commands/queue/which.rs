//! Which messages a command means.

use std::time::SystemTime;

use postern_admin::{Hold, Listing, Sender};
use postern_mail::QueueId;

use crate::{
    cli::{Age, Only, Party, Recipients, Which},
    failure::Failure,
};

/// The messages that a command means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// These, in this order.
    Ids(Vec<QueueId>),
    /// All that are like this.
    Like(Listing),
}

/// What `only` says, and what was said of the messages.
pub(super) fn listing(only: &Only, said: Option<&String>) -> Listing {
    let now = SystemTime::now();
    let ago = |Age(age): Age| now.checked_sub(age).map(Into::into);
    let (to, recipient) = match &only.to {
        Some(Recipients::In(domain)) => (Some(domain.clone()), None),
        // As it stands in the queue, so that no longer address is meant.
        Some(Recipients::One(mailbox)) => (None, Some(format!("<{mailbox}>"))),
        None => (None, None),
    };
    Listing {
        hold: match (only.held, only.free) {
            (true, _) => Some(Hold::Held),
            (false, true) => Some(Hold::Free),
            (false, false) => None,
        },
        partner: only.partner.clone(),
        to,
        recipient,
        from: only.from.as_ref().map(|from| match from {
            Party::Nobody => Sender::Null,
            Party::Mailbox(mailbox) => Sender::Mailbox(mailbox.clone()),
            Party::Domain(domain) => Sender::Domain(domain.clone()),
        }),
        received_before: only.older.and_then(ago),
        received_after: only.newer.and_then(ago),
        reason: said.cloned(),
        after: None,
        limit: None,
    }
}

/// The messages that ids and a filter mean together: one of the two, for an id that a filter
/// takes away again is rather a slip.
pub(super) fn meant(which: &[Which], only: &Only, said: Option<&String>) -> Result<Meant, Failure> {
    let listing = listing(only, said);
    let has_filter = listing != Listing::default();
    let all = which.contains(&Which::All);
    let ids: Vec<_> = which
        .iter()
        .filter_map(|which| match which {
            Which::All => None,
            Which::One(id) => Some(*id),
        })
        .collect();
    match (ids.is_empty(), all, has_filter) {
        (false, false, false) => Ok(Meant::Ids(ids)),
        (true, _, true) | (true, true, false) => Ok(Meant::Like(listing)),
        (true, false, false) => Err(usage("say which: give ids, a filter such as --to, or all")),
        (false, true, _) => Err(usage("give ids or all, not both")),
        (false, false, true) => Err(usage("give ids or a filter, not both")),
    }
}

fn usage(text: &str) -> Failure {
    Failure::plain(text).usage()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only() -> Only {
        Only {
            held: false,
            free: false,
            partner: None,
            to: None,
            from: None,
            older: None,
            newer: None,
        }
    }

    #[test]
    fn ids_and_filters_are_not_mixed() {
        let id = Which::One(QueueId::new(1_790_000_000_000, 7));
        let filter = Only {
            held: true,
            ..only()
        };
        let check = |which: &[Which], only: &Only, expected: Option<bool>| {
            let by_ids = match meant(which, only, None) {
                Ok(Meant::Ids(_)) => Some(true),
                Ok(Meant::Like(_)) => Some(false),
                Err(_) => None,
            };
            assert_eq!(by_ids, expected, "{which:?} {only:?}");
        };
        check(&[id], &only(), Some(true));
        check(&[Which::All], &only(), Some(false));
        check(&[], &filter, Some(false));
        check(&[Which::All], &filter, Some(false));
        check(&[], &only(), None);
        check(&[id], &filter, None);
        check(&[id, Which::All], &only(), None);
    }
}
