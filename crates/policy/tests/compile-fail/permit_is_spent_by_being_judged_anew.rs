//! Whoever is refused has no permit left.

use postern_policy::{HostPlan, Permit, Policy};
use rustls_pki_types::UnixTime;
use tokio::io::{AsyncWriteExt, DuplexStream};

async fn deliver(policy: &Policy, plan: &HostPlan, mut permit: Permit<DuplexStream>) {
    let _ = permit.rejudge(policy, plan, UnixTime::now());
    permit.write_all(b"MAIL FROM:<>\r\n").await.unwrap();
}

fn main() {
    let _ = deliver;
}
