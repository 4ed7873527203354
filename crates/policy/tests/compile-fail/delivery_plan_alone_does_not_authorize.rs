//! A plan that knows nothing of the next hop would leave out what DANE and MTA-STS demand of it.

use postern_policy::{DeliveryPlan, Policy};
use postern_tls::Channel;
use rustls_pki_types::UnixTime;
use tokio::io::DuplexStream;

fn hurry(policy: &Policy, plan: &DeliveryPlan, channel: Channel<DuplexStream>) {
    let _ = policy.authorize(plan, channel, UnixTime::now());
}

fn main() {
    let _ = hurry;
}
