//! Before the judgement there is no way to say anything of a message.

use postern_tls::Channel;
use tokio::io::{AsyncWriteExt, DuplexStream};

async fn deliver(mut channel: Channel<DuplexStream>) {
    channel.write_all(b"MAIL FROM:<>\r\n").await.unwrap();
}

fn main() {
    let _ = deliver;
}
