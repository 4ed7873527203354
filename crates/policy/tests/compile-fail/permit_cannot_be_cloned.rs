//! One permit speaks for one channel.

use postern_policy::Permit;
use tokio::io::DuplexStream;

fn copy(permit: &Permit<DuplexStream>) -> Permit<DuplexStream> {
    Clone::clone(permit)
}

fn main() {
    let _ = copy;
}
