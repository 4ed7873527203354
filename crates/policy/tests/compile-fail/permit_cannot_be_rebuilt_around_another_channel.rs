//! What was proven of one channel says nothing of another.

use postern_policy::Permit;
use postern_tls::Released;
use tokio::io::DuplexStream;

fn rebuild(permit: Permit<DuplexStream>, other: Released<DuplexStream>) -> Permit<DuplexStream> {
    Permit {
        stream: other,
        ..permit
    }
}

fn main() {
    let _ = rebuild;
}
