//! What a route or a domain requires of the channel to its next hops.

use postern_mail::NextHop;
use postern_policy::{ChannelLevel, IdentityTerms, Label, RouteFloor, RouteFloorError};

use crate::schema::{Located, Notes, Reported};

/// The floor that `require` means for these next hops; without any, for those of MX records.
pub(super) fn check(
    notes: &Notes<'_>,
    label: &str,
    require: &Located<ChannelLevel>,
    next_hops: &[NextHop],
) -> Result<RouteFloor, Reported> {
    let identity = IdentityTerms::default();
    RouteFloor::new(Label::new(label), require.value, identity, next_hops).map_err(|error| {
        let right = match error {
            RouteFloorError::NoIdentity => "write the next hops by name, or require \"encrypted\"",
            RouteFloorError::IdentityUnused => "write \"authenticated\"",
        };
        let wrong = match error {
            RouteFloorError::NoIdentity => {
                "\"authenticated\" needs a name that a certificate can prove, and all next hops \
                 are addresses"
            }
            RouteFloorError::IdentityUnused => "the identity would not be asked for",
        };
        notes.error(&require.spot, wrong, right)
    })
}
