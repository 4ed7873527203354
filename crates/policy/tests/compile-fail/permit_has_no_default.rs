//! A permit does not come from nothing.

use postern_policy::Permit;
use tokio::io::DuplexStream;

fn main() {
    let _: Permit<DuplexStream> = Default::default();
}
