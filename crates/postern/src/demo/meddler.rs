//! Somebody on the path who takes the offer of STARTTLS out of it.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// The longest piece of a line that is looked at as one.
const LONGEST: u64 = 4096;

/// Passes on every connection to `server`, changed on the way back.
pub(super) async fn meddle(listener: TcpListener, server: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass_on(client, server));
    }
}

async fn pass_on(client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(server).await?;
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let there = async {
        tokio::io::copy(&mut from_client, &mut to_server).await?;
        to_server.shutdown().await
    };
    tokio::try_join!(there, back(from_server, to_client)).map(drop)
}

/// Replies line by line. The offer is overwritten rather than removed, as some firewalls do, so
/// that each reply stays as long as it was.
async fn back(from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let mut piece = (&mut from).take(LONGEST);
        if piece.read_until(b'\n', &mut line).await? == 0 {
            return to.shutdown().await;
        }
        to.write_all(&without_offer(line)).await?;
    }
}

fn without_offer(mut line: Vec<u8>) -> Vec<u8> {
    const OFFER: &[u8] = b"STARTTLS\r\n";
    const NOTHING: &[u8] = b"XXXXXXXA\r\n";
    if line.len() == b"250-".len() + OFFER.len() && line.ends_with(OFFER) {
        line.truncate(line.len() - OFFER.len());
        line.extend_from_slice(NOTHING);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let meddled = without_offer(line.into());
        assert_eq!(String::from_utf8(meddled).unwrap(), expected);
    }

    #[test]
    fn the_offer_goes_and_everything_else_stays() {
        check("250-STARTTLS\r\n", "250-XXXXXXXA\r\n");
        check("250 STARTTLS\r\n", "250 XXXXXXXA\r\n");
        check("250-PIPELINING\r\n", "250-PIPELINING\r\n");
        check(
            "500 no such command STARTTLS\r\n",
            "500 no such command STARTTLS\r\n",
        );
        check("STARTTLS\r\n", "STARTTLS\r\n");
    }
}
