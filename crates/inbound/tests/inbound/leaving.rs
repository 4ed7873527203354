//! Clients that leave, and a shutdown, while it is found out who wrote a message.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use postern_authentication::VerifierSettings;
use postern_dns::{Addresses, Answer, Caa, Dns, FixedZone, LookupError, Mx, Name, Tlsa};
use tokio::sync::{Semaphore, watch};

use crate::{
    client::{Client, queue_id},
    content::parts,
    house::House,
    judged::{Court, ENFORCE, ZONE, by},
};

/// A DNS that answers questions about texts when it is let.
#[derive(Debug)]
struct Gated {
    zone: FixedZone,
    asked: watch::Sender<u32>,
    gate: Semaphore,
}

#[async_trait]
impl Dns for Gated {
    async fn mx(&self, name: &Name) -> Result<Answer<Mx>, LookupError> {
        self.zone.mx(name).await
    }

    async fn addresses(&self, name: &Name) -> Addresses {
        self.zone.addresses(name).await
    }

    async fn txt(&self, name: &Name) -> Result<Answer<Vec<u8>>, LookupError> {
        self.asked.send_modify(|asked| *asked += 1);
        let _permit = self.gate.acquire().await.unwrap();
        self.zone.txt(name).await
    }

    async fn tlsa(&self, name: &Name) -> Result<Answer<Tlsa>, LookupError> {
        self.zone.tlsa(name).await
    }

    async fn caa(&self, name: &Name) -> Result<Answer<Caa>, LookupError> {
        self.zone.caa(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<Name>, LookupError> {
        self.zone.ptr(address).await
    }
}

/// A house whose verification of a message waits, and the client that sent it.
async fn waiting(content: &str, behind: &str) -> (House, Arc<Gated>, Client) {
    let dns = Arc::new(Gated {
        zone: ZONE.parse().unwrap(),
        asked: watch::Sender::new(0),
        gate: Semaphore::new(0),
    });
    let court = Court::asking(Arc::clone(&dns) as _, VerifierSettings::default());
    let house = court.judging(ENFORCE).serve();
    let mut client = Client::greet(house.address).await;
    client.envelope("jo@good.example", "mo@own.example").await;
    client.say("DATA", "354").await;
    client.send(content.as_bytes()).await;
    client.send(format!(".\r\n{behind}").as_bytes()).await;
    let mut asked = dns.asked.subscribe();
    asked.wait_for(|asked| *asked > 0).await.unwrap();
    (house, dns, client)
}

#[tokio::test]
async fn a_client_that_leaves_leaves_nothing_behind() {
    let line = "0123456789abcdef\r\n";
    let large = format!(
        "{}{}",
        by("good.example"),
        line.repeat(2 * 1024 * 1024 / line.len())
    );
    for (content, behind) in [
        (by("good.example"), ""),
        (by("good.example"), "QUIT"),
        (large, "NOOP\r\n"),
    ] {
        let (house, dns, client) = waiting(&content, behind).await;
        drop(client);
        house.empty().await;
        dns.gate.add_permits(1000);
        assert!(house.queued().await.is_empty());
        assert_eq!(parts(&house), 0);
        assert_eq!(house.notes.take(), [""; 0]);
    }
}

/// Scripts say all they have to say, close their half of the connection, and listen.
#[tokio::test]
async fn a_client_that_has_said_goodbye_and_listens_is_waited_for() {
    let (house, dns, mut client) = waiting(&by("good.example"), "QUIT\r\n").await;
    client.say_no_more().await;
    dns.gate.add_permits(1000);
    let reply = client.hear("250 2.0.0 queued as ").await;
    client.hear("221").await;
    let message = house.only_message().await;
    assert_eq!(message.id.to_string(), queue_id(&reply));
}

#[tokio::test]
async fn what_a_client_sends_meanwhile_waits_for_its_turn() {
    let (house, dns, mut client) = waiting(&by("good.example"), "NOOP\r\nMAIL FROM:<>\r\n").await;
    dns.gate.add_permits(1000);
    let reply = client.hear("250 2.0.0 queued as ").await;
    client.hear("250 2.0.0").await;
    client.hear("250 2.1.0").await;
    let message = house.only_message().await;
    assert_eq!(message.id.to_string(), queue_id(&reply));
}

#[tokio::test]
async fn a_shutdown_waits_for_a_verdict() {
    let (mut house, dns, mut client) = waiting(&by("good.example"), "").await;
    house.stop();
    dns.gate.add_permits(1000);
    client.hear("250 2.0.0 queued as ").await;
    client.hear("421").await;
    let drained = house.drained().await;
    assert_eq!((drained.accepted, drained.cut), (1, 0));
}
