//! A permit is earned in this process. (Asked for by name: the error for a bound would list
//! whatever else can be read, which changes with every dependency.)

use postern_policy::Permit;
use serde::Deserialize;
use tokio::io::DuplexStream;

fn restore(json: serde_json::Value) -> Permit<DuplexStream> {
    Permit::deserialize(json).unwrap()
}

fn main() {
    let _ = restore;
}
