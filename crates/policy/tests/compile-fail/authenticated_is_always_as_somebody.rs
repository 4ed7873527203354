//! "Authenticated" without an identity cannot be written down, nor an identity of nobody.

use postern_policy::{ChannelDemand, Identity};

fn main() {
    let _ = ChannelDemand::Authenticated;
    let _: ChannelDemand = ChannelDemand::Authenticated();
    let _ = Identity::default();
}
