//! Only the policy makes a permit.

use postern_policy::Permit;
use tokio::io::DuplexStream;

fn main() {
    let _: Permit<DuplexStream> = Permit {};
}
