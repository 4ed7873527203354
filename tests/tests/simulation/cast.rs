//! Who appears: destinations and what our rules demand for them, and what peers show.
//!
//! The evidence is real. It comes from one handshake for each face, made in memory before the
//! first world begins, and the policy judges it as it judges any other. What the truth is, by
//! which the verdicts are checked, stands in [`Destination::demand`] and [`Face`] and is nobody's
//! judgement.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use postern_mail::{Domain, Host};
use postern_policy::{
    ChannelLevel, Defaults, IdentityTerms, InboundTerms, OutboundTerms, Partner, Policy, Stage,
};
use postern_testkit::{Authority, Identity, Leaf, go_ahead};
use postern_tls::{
    Attempt, Authentication, CertificateFiles, CertificateStore, ClientCertificates, CryptoBounds,
    Evidence, Hello, PeerCertificates, PlainChannel, PlainServerChannel, Profile, ProfileName,
    ReferenceIdentity, Resumption, TlsClient, TlsServer, TlsaRecord, TrustAnchors,
};
use rustls_pki_types::{ServerName, UnixTime};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// What a channel to a destination must be, by our rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Demand {
    Nothing,
    Encrypted,
    Authenticated,
}

impl Demand {
    /// What a host has to show for it, where not anything will do.
    pub(crate) fn wants(self) -> Option<Face> {
        (self == Self::Authenticated).then_some(Face::Ministry)
    }
}

/// Which of our two sets of rules is in force. A reload goes from one to the other, or to the same
/// anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rules {
    Usual,
    Stricter,
}

impl Rules {
    pub(crate) const ALL: [Self; 2] = [Self::Usual, Self::Stricter];
}

/// A domain that mail goes to.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) domain: &'static str,
    pub(crate) host: &'static str,
    usual: Demand,
    stricter: Demand,
}

impl Destination {
    pub(crate) fn demand(&self, rules: Rules) -> Demand {
        match rules {
            Rules::Usual => self.usual,
            Rules::Stricter => self.stricter,
        }
    }
}

/// The partner that must be authenticated, in both directions.
pub(crate) const MINISTRY: &str = "ministry.example";

/// A host that serves two domains, of which we do not demand the same.
const SHARED: &str = "mx.provider.example";

pub(crate) const DESTINATIONS: [Destination; 4] = [
    Destination {
        domain: MINISTRY,
        host: "mx1.ministry.example",
        usual: Demand::Authenticated,
        stricter: Demand::Authenticated,
    },
    Destination {
        domain: "bureau.example",
        host: SHARED,
        usual: Demand::Encrypted,
        stricter: Demand::Authenticated,
    },
    // Its rule would demand authentication, and is only observed at first.
    Destination {
        domain: "observed.example",
        host: "mx1.observed.example",
        usual: Demand::Nothing,
        stricter: Demand::Authenticated,
    },
    Destination {
        domain: "stranger.example",
        host: SHARED,
        usual: Demand::Nothing,
        stricter: Demand::Encrypted,
    },
];

pub(crate) fn destination(domain: &str) -> Option<&'static Destination> {
    DESTINATIONS.iter().find(|it| it.domain == domain)
}

/// What somebody shows in a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    /// A certificate of the ministry's authority for its mail host.
    Ministry,
    /// One of that authority for somebody else.
    OtherName,
    /// One that nobody vouches for.
    SelfSigned,
    /// None, which only a client can.
    Nothing,
}

impl Face {
    pub(crate) const SERVERS: [Self; 3] = [Self::Ministry, Self::OtherName, Self::SelfSigned];
    pub(crate) const CLIENTS: [Self; 4] = [
        Self::Ministry,
        Self::OtherName,
        Self::SelfSigned,
        Self::Nothing,
    ];

    pub(crate) fn letter(self) -> u8 {
        match self {
            Self::Ministry => b'M',
            Self::OtherName => b'O',
            Self::SelfSigned => b'S',
            Self::Nothing => b'N',
        }
    }

    pub(crate) fn of_letter(letter: u8) -> Option<Self> {
        let mut faces = Self::CLIENTS.into_iter();
        faces.find(|face| face.letter() == letter)
    }
}

/// What does not change from world to world.
pub(crate) struct Cast {
    trust: TrustAnchors,
    usual: Arc<Policy>,
    pub(crate) now: UnixTime,
    servers: Vec<(Face, Evidence)>,
    clients: Vec<(Face, Evidence)>,
}

pub(crate) static CAST: LazyLock<Cast> = LazyLock::new(Cast::new);

impl Cast {
    /// The policy that worlds begin with.
    pub(crate) fn usual(&self) -> Arc<Policy> {
        Arc::clone(&self.usual)
    }

    /// A policy of these rules, as a reload makes it.
    pub(crate) fn reloaded(&self, rules: Rules) -> Arc<Policy> {
        Arc::new(policy(&self.trust, rules))
    }

    /// What we learn of a server with this face.
    pub(crate) fn server(&self, face: Face) -> Option<&Evidence> {
        evidence(&self.servers, face)
    }

    /// The TLSA record of the key that belongs to a face of a server.
    pub(crate) fn tlsa(&self, face: Face) -> TlsaRecord {
        match self.server(face).map(Evidence::peer) {
            Some(PeerCertificates::Chain(chain)) => TlsaRecord::of_key(chain.spki_pin().unwrap()),
            Some(PeerCertificates::None) | None => panic!("servers show something"),
        }
    }

    /// What we learn of a client with this face.
    pub(crate) fn client(&self, face: Face) -> Option<&Evidence> {
        evidence(&self.clients, face)
    }

    fn new() -> Self {
        let authorities = [Authority::new("Ministry CA"), Authority::new("Our CA")];
        let [ministry, ours] = &authorities;
        let host = || {
            let hosts = DESTINATIONS.iter().map(|it| it.host);
            let first = Leaf::named("mx1.ministry.example");
            hosts.fold(first, |leaf, host| leaf.and_named(host))
        };
        let identities = [
            (Face::Ministry, ministry.issue(&host())),
            (
                Face::OtherName,
                ministry.issue(&Leaf::named("mx.evil.example")),
            ),
            (Face::SelfSigned, Authority::self_signed(&host())),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let server = our_server(ours);
        let (servers, clients) = runtime.block_on(async {
            let (mut servers, mut clients) = (Vec::new(), Vec::new());
            for (face, identity) in &identities {
                servers.push((*face, server_of(identity).await));
                clients.push((*face, client_of(&server, ours, Some(identity)).await));
            }
            clients.push((Face::Nothing, client_of(&server, ours, None).await));
            (servers, clients)
        });
        let trust = anchors(ministry);
        Self {
            usual: Arc::new(policy(&trust, Rules::Usual)),
            trust,
            now: UnixTime::now(),
            servers,
            clients,
        }
    }
}

fn evidence(shown: &[(Face, Evidence)], face: Face) -> Option<&Evidence> {
    let found = shown.iter().find(|(shown, _)| *shown == face);
    found.map(|(_, evidence)| evidence)
}

fn policy(trust: &TrustAnchors, rules: Rules) -> Policy {
    let as_ministry = || IdentityTerms {
        names: vec![ReferenceIdentity::from(domain("mx1.ministry.example"))],
        trust: Some(trust.clone()),
        ..IdentityTerms::default()
    };
    let authenticated = || OutboundTerms {
        identity: as_ministry(),
        ..OutboundTerms::requiring(ChannelLevel::Authenticated)
    };
    let ministry = partner("Ministry", MINISTRY, Stage::Enforce)
        .outbound(authenticated())
        .inbound(InboundTerms {
            identity: as_ministry(),
            ..InboundTerms::requiring(ChannelLevel::Authenticated)
        });
    let encrypted = || OutboundTerms::requiring(ChannelLevel::Encrypted);
    let (of_bureau, stage, of_stranger) = match rules {
        Rules::Usual => (encrypted(), Stage::Observe, Stage::Warn),
        Rules::Stricter => (authenticated(), Stage::Enforce, Stage::Enforce),
    };
    let bureau = partner("Bureau", "bureau.example", Stage::Enforce).outbound(of_bureau);
    let observed = partner("Observed", "observed.example", stage).outbound(authenticated());
    let stranger = partner("Stranger", "stranger.example", of_stranger)
        .outbound(encrypted())
        .inbound(InboundTerms::requiring(ChannelLevel::Any));
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: trust.clone(),
    };
    let partners = [ministry, bureau, observed, stranger].map(|partner| partner.build().unwrap());
    Policy::new(defaults, partners.into()).unwrap()
}

fn partner(name: &str, of: &str, stage: Stage) -> postern_policy::PartnerBuilder {
    Partner::builder(name.parse().unwrap(), stage).domain(of.parse().unwrap())
}

pub(crate) fn domain(name: &str) -> Domain {
    name.parse().unwrap()
}

pub(crate) fn host(name: &str) -> Host {
    domain(name).into()
}

fn anchors(authority: &Authority) -> TrustAnchors {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ministry.pem");
    authority.write(&path);
    TrustAnchors::from_file(&path).unwrap()
}

const LIMIT: Duration = Duration::from_secs(30);

async fn server_of(identity: &Identity) -> Evidence {
    let (ours, theirs) = tokio::io::duplex(65536);
    let config = postern_testkit::server_config(identity, None);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let client = TlsClient::new(&CryptoBounds::everything()).unwrap();
    let attempt = Attempt {
        authentication: Authentication::NotDemanded,
        server_name: Some(domain("mx1.ministry.example")),
        present: None,
        hello: Hello::Full,
        resumption: Resumption::Forbidden,
        limit: LIMIT,
    };
    let upgrade = PlainChannel::new(ours).upgrade(go_ahead(), &client, &attempt);
    let (channel, stream) = tokio::join!(upgrade, acceptor.accept(theirs));
    stream.unwrap();
    channel.unwrap().evidence().clone()
}

async fn client_of(server: &TlsServer, ours: &Authority, identity: Option<&Identity>) -> Evidence {
    let config = postern_testkit::client_config(ours, identity);
    let connector = TlsConnector::from(Arc::new(config));
    let (here, there) = tokio::io::duplex(65536);
    let name = ServerName::try_from("mx1.example.org").unwrap();
    let upgrade = PlainServerChannel::new(here).upgrade(server, LIMIT);
    let (channel, stream) = tokio::join!(upgrade, connector.connect(name, there));
    stream.unwrap();
    channel.unwrap().evidence().clone()
}

fn our_server(authority: &Authority) -> TlsServer {
    let directory = tempfile::tempdir().unwrap();
    let identity = authority.issue(&Leaf::named("mx1.example.org"));
    let files = identity.write(directory.path(), "ours");
    let files = CertificateFiles {
        name: "default".to_owned(),
        chain: files.chain,
        key: files.key,
        ocsp: None,
    };
    let store = CertificateStore::load(&[files], UnixTime::now()).unwrap();
    let bounds = CryptoBounds::everything();
    TlsServer::new(Arc::new(store), &bounds, ClientCertificates::Requested).unwrap()
}
