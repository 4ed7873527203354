//! What a next hop must meet comes out of a delivery's plan, which knows all that is demanded.

use postern_policy::{DeliveryPlan, HostFacts, HostPlan};

fn forge(delivery: DeliveryPlan, facts: HostFacts) -> HostPlan {
    HostPlan { delivery, facts }
}

fn main() {
    let _ = forge;
}
