//! A root and the zones below it.

use std::net::SocketAddr;

use hickory_server::proto::rr::{Name, Record};

use super::{
    server::{NameServer, Scripted, Transport},
    zone::{Signing, Zone, records},
};

/// A tree of zones before it is served.
#[derive(Debug)]
pub struct DnsTree {
    root: Signing,
    zones: Vec<(Signing, String, Vec<Record>)>,
    answers: Vec<(String, String, Scripted)>,
}

/// A tree of zones that is served until the runtime ends that it was started on.
#[derive(Debug)]
pub struct ServedTree {
    server: NameServer,
    anchor: String,
}

impl Default for DnsTree {
    fn default() -> Self {
        Self::new()
    }
}

impl DnsTree {
    /// A tree with nothing but a signed root.
    pub fn new() -> Self {
        Self {
            root: Signing::Good,
            zones: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Signs the root some other way. With [`Signing::OtherKey`] the anchor is of another key.
    #[must_use]
    pub fn root(mut self, signing: Signing) -> Self {
        self.root = signing;
        self
    }

    /// One more zone, with its records. The nearest zone above it delegates to it.
    #[must_use]
    pub fn zone(mut self, signing: Signing, origin: &str, lines: &[&str]) -> Self {
        let zone = (signing, origin.to_owned(), records(lines));
        self.zones.push(zone);
        self
    }

    /// What is said about a name, absolute and in lower case, and a type, whatever the zones
    /// have.
    #[must_use]
    pub fn answer(mut self, name: &str, kind: &str, answer: Scripted) -> Self {
        let answer = (name.to_owned(), kind.to_owned(), answer);
        self.answers.push(answer);
        self
    }

    /// Signs and serves it.
    pub async fn start(self) -> ServedTree {
        let mut plans = self.zones;
        plans.push((self.root, ".".to_owned(), Vec::new()));
        // A zone is made before the one above it, which has to hold its delegation.
        plans.sort_by_key(|(_, origin, _)| std::cmp::Reverse(labels(origin)));
        let (mut zones, mut delegations) = (Vec::<Zone>::new(), Vec::<Record>::new());
        for (signing, origin, mut records) in plans {
            let name = Name::from_ascii(&origin).expect("an origin");
            let (below, elsewhere) = delegations
                .into_iter()
                .partition(|it| name.zone_of(&it.name));
            delegations = elsewhere;
            let below: Vec<Record> = below;
            records.extend(below);
            let zone = Zone::with_records(signing, &origin, records);
            delegations.extend(zone.delegation());
            zones.push(zone);
        }
        let root = zones.last().expect("the root is the last one");
        let anchor = root.anchor();
        let answers = self.answers.iter();
        let answers = answers.map(|(name, kind, answer)| (&**name, &**kind, answer.clone()));
        let server = NameServer::start(zones, answers.collect()).await;
        ServedTree { server, anchor }
    }
}

fn labels(origin: &str) -> u8 {
    Name::from_ascii(origin).expect("an origin").num_labels()
}

impl ServedTree {
    /// Where the name server is, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What a file of trust anchors has to hold.
    pub fn anchor(&self) -> &str {
        &self.anchor
    }

    /// How often a question came: an absolute name, and a type.
    pub fn times(&self, transport: Transport, name: &str, kind: &str) -> usize {
        self.server.times(transport, name, kind)
    }
}
