//! What was proven of one channel says nothing of another.

use postern_policy::Permit;
use postern_tls::Released;
use tokio::io::DuplexStream;

fn exchange(permit: &mut Permit<DuplexStream>, other: Released<DuplexStream>) {
    permit.stream = other;
}

fn main() {
    let _ = exchange;
}
