//! What was judged stays with the judgement.

use postern_policy::Permit;
use postern_tls::Released;
use tokio::io::DuplexStream;

fn take(permit: Permit<DuplexStream>) -> Released<DuplexStream> {
    permit.stream
}

fn main() {
    let _ = take;
}
