//! How many connections there may be.

use postern_inbound::TlsMode;

use crate::{
    client::Client,
    house::{House, Plan, relay},
};

const TOO_MANY: &str = "421 4.7.0 mx.own.example Too many connections, try again later";

/// Fills every place but those in vain, and sees that one becomes free again.
async fn check(house: &House, places: usize) {
    let mut clients = Vec::new();
    for _ in 0..places {
        clients.push(Client::greet(house.address).await);
    }
    for _ in 0..10 {
        let mut late = Client::reach(house.address).await;
        late.hear(TOO_MANY).await;
        late.hear_end().await;
    }
    assert_eq!(house.control.connections(), places);
    let mut first = clients.remove(0);
    first.say("QUIT", "221").await;
    first.hear_end().await;
    while house.control.connections() == places {
        tokio::task::yield_now().await;
    }
    Client::greet(house.address).await;
    for client in &mut clients {
        client.say("NOOP", "250").await;
    }
}

#[tokio::test]
async fn of_one_address() {
    let plan = Plan::new().limited(|limits| limits.connections_per_address = 3);
    let house = plan.serve();
    let mut elsewhere = Client::reach_from("127.0.0.2", house.address).await;
    elsewhere.hear("220").await;
    elsewhere.say("QUIT", "221").await;
    house.empty().await;
    check(&house, 3).await;
    Client::reach_from("127.0.0.2", house.address)
        .await
        .hear("220")
        .await;
}

#[tokio::test]
async fn of_one_listener() {
    let mut plan = Plan::new();
    plan.settings.listeners[0].connections = 2;
    check(&plan.serve(), 2).await;
}

#[tokio::test]
async fn of_all() {
    let plan = Plan::new().limited(|limits| limits.connections = 4);
    check(&plan.serve(), 4).await;
}

#[tokio::test]
async fn who_begins_with_tls_is_told_nothing_in_clear() {
    let plan = Plan::new()
        .listening(relay(&["127.0.0.0/8"]), TlsMode::Implicit)
        .limited(|limits| limits.connections = 0);
    let house = plan.serve();
    assert_eq!(Client::reach(house.address).await.hear_all().await, b"");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    let house = Plan::new()
        .limited(|limits| limits.session.wait = std::time::Duration::from_millis(50))
        .serve();
    let mut client = Client::reach(house.address).await;
    client.hear("220").await;
    client.hear("421 4.4.2").await;
    client.hear_end().await;
    house.empty().await;
}

#[tokio::test]
async fn a_client_that_does_not_listen_is_given_up() {
    let house = Plan::new()
        .limited(|limits| {
            limits.session.wait = std::time::Duration::from_millis(50);
            limits.session.idle_commands = u32::MAX;
        })
        .serve();
    let mut client = Client::greet(house.address).await;
    // Replies to HELP are longer than the command. At some point nobody takes them any more.
    let commands = b"HELP\r\n".repeat(1000);
    while house.control.connections() > 0 {
        client.send_what_is_taken(&commands).await;
        tokio::task::yield_now().await;
    }
}
