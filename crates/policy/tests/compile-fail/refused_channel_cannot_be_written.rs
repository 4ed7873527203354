//! After a refusal there is QUIT and nothing else.

use postern_policy::Refused;
use tokio::io::{AsyncWriteExt, DuplexStream};

async fn deliver(mut refused: Refused<DuplexStream>) {
    refused.write_all(b"MAIL FROM:<>\r\n").await.unwrap();
}

fn main() {
    let _ = deliver;
}
