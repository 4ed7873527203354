//! Only the policy makes a permit.

use postern_policy::{Basis, Permit};
use postern_tls::Released;
use tokio::io::DuplexStream;

fn forge(stream: Released<DuplexStream>, basis: Basis) -> Permit<DuplexStream> {
    Permit { stream, basis }
}

fn main() {
    let _ = forge;
}
