//! The same zone for the library by itself and for this crate.

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};

use mail_auth::{
    AuthenticatedMessage, DkimResult, DmarcOutput, DnsError, DnssecStatus, Error, MX,
    MessageAuthenticator, Parameters, RecordSet, ResolverCache, SpfOutput, SpfResult, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    dmarc::{Dmarc, verify::DmarcParameters},
    hickory_resolver::{
        config::{ResolverConfig, ResolverOpts},
        proto::op::ResponseCode,
    },
    spf::{Spf, verify::SpfParameters},
};
use postern_authentication::{
    ArcOutcome, DkimOutcome, DmarcOutcome, Letter, SpfOutcome, Verdict, Verifier, VerifierSettings,
};
use postern_mail::ReversePath;

/// A cache that has an answer to every question, so that no name server is asked.
struct Cache<K, V> {
    answers: HashMap<K, V>,
    otherwise: V,
}

impl<K: Hash + Eq, V: Clone> ResolverCache<K, V> for Cache<K, V> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        Some(self.answers.get(name).unwrap_or(&self.otherwise).clone())
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: K, _: V, _: Instant) {}
}

/// A zone as the library's caches can hold it.
struct Caches {
    txt: Cache<Box<str>, Txt>,
    mx: Cache<Box<str>, RecordSet<MX>>,
    ipv4: Cache<Box<str>, RecordSet<Ipv4Addr>>,
    ipv6: Cache<Box<str>, RecordSet<Ipv6Addr>>,
    ptr: Cache<IpAddr, RecordSet<Box<str>>>,
}

fn records<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet {
        rrset: records.into(),
        dnssec_status: DnssecStatus::Indeterminate,
    }
}

fn empty<K, T>() -> Cache<K, RecordSet<T>> {
    Cache {
        answers: HashMap::new(),
        otherwise: records(Vec::new()),
    }
}

impl Caches {
    /// Lines of names, types and data. Of several TXT records the first counts that can be read,
    /// as the library has it when it asks by itself.
    fn of(zone: &str, client: IpAddr) -> Self {
        let absent = Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain));
        let mut caches = Self {
            txt: Cache {
                answers: HashMap::new(),
                otherwise: Txt::Error(absent),
            },
            mx: empty(),
            ipv4: empty(),
            ipv6: empty(),
            ptr: empty(),
        };
        for line in zone.lines() {
            let mut words = line.trim().splitn(3, ' ').filter(|it| !it.is_empty());
            if let (Some(name), Some(kind), Some(data)) = (words.next(), words.next(), words.next())
            {
                caches.add(format!("{name}.").into(), kind, data, client);
            }
        }
        caches
    }

    fn add(&mut self, name: Box<str>, kind: &str, data: &str, client: IpAddr) {
        let own = data.to_owned().into_boxed_str();
        match kind {
            "TXT" => {
                let spf = Spf::parse(data.as_bytes()).map(|it| Txt::Spf(Arc::new(it)));
                let dmarc = || Dmarc::parse(data.as_bytes()).map(|it| Txt::Dmarc(Arc::new(it)));
                let key =
                    || DomainKey::parse(data.as_bytes()).map(|it| Txt::DomainKey(Arc::new(it)));
                let read = spf.or_else(|_| dmarc()).or_else(|_| key());
                let read = read.unwrap_or_else(Txt::Error);
                self.txt.answers.entry(name).or_insert(read);
            }
            "A" => drop(
                self.ipv4
                    .answers
                    .insert(name, records(vec![data.parse().unwrap()])),
            ),
            "PTR" => drop(self.ptr.answers.insert(client, records(vec![own]))),
            kind => assert!(["FAIL", "AAAA"].contains(&kind), "{kind}"),
        }
    }
}

fn library() -> MessageAuthenticator {
    let nobody = ResolverConfig::from_name_servers(Vec::new());
    MessageAuthenticator::new(nobody, ResolverOpts::default()).unwrap()
}

/// What the library says of `jo@d.example`.
pub(crate) async fn library_spf(zone: &str, client: &str) -> SpfResult {
    let client = client.parse().unwrap();
    let caches = Caches::of(zone, client);
    let sender = "jo@d.example";
    let asked = SpfParameters::verify_mail_from(client, "helo.example", "here.example", sender);
    let asked = Parameters::new(asked)
        .with_txt_cache(&caches.txt)
        .with_mx_cache(&caches.mx)
        .with_ipv4_cache(&caches.ipv4)
        .with_ipv6_cache(&caches.ipv6)
        .with_ptr_cache(&caches.ptr);
    library().verify_spf(asked).await.result()
}

/// What this crate says of `jo@d.example`.
pub(crate) async fn our_spf(zone: &str, client: &str) -> SpfOutcome {
    let verifier = verifier(zone);
    let helo = "helo.example".parse().unwrap();
    let (path, _) = ReversePath::parse_prefix("<jo@d.example>").unwrap();
    let hostname = "here.example".parse().unwrap();
    let verified = verifier.verify_sender(client.parse().unwrap(), &helo, &path, &hostname);
    verified.await.1.unwrap()
}

/// What the library says of an author, when neither SPF nor DKIM pass.
pub(crate) async fn library_dmarc(zone: &str, message: &str) -> DmarcOutput {
    let caches = Caches::of(zone, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let spf = SpfOutput::new("none.example".to_owned());
    let asked = DmarcParameters::new(&message, &[], "none.example", &spf);
    let asked = Parameters::new(asked)
        .with_txt_cache(&caches.txt)
        .with_ipv4_cache(&caches.ipv4);
    library().verify_dmarc(asked).await
}

/// What this crate says of the same.
pub(crate) async fn our_dmarc(zone: &str, message: &str) -> DmarcOutcome {
    ours(zone, message).await.dmarc
}

/// What the library says of the signatures of a message, parts of the body signed included.
pub(crate) async fn library_dkim(zone: &str, message: &str) -> Vec<DkimResult> {
    let caches = Caches::of(zone, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let message = AuthenticatedMessage::parse_with_opts(message.as_bytes(), None, false).unwrap();
    let asked = Parameters::new(&message).with_txt_cache(&caches.txt);
    let outputs = library().verify_dkim(asked).await;
    outputs.iter().map(|it| it.result().clone()).collect()
}

/// What this crate says of the same.
pub(crate) async fn our_dkim(zone: &str, message: &str) -> Vec<DkimOutcome> {
    ours(zone, message).await.dkim
}

/// What this crate says of the chain of a message, and what the library says.
pub(crate) async fn arc(zone: &str, message: &str) -> (DkimResult, ArcOutcome) {
    let caches = Caches::of(zone, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let read = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    let asked = Parameters::new(&read).with_txt_cache(&caches.txt);
    let theirs = library().verify_arc(asked).await.result().clone();
    (theirs, ours(zone, message).await.arc)
}

async fn ours(zone: &str, message: &str) -> Verdict {
    let letter = Letter {
        client: "192.0.2.1".parse().unwrap(),
        helo: &"helo.example".parse().unwrap(),
        reverse_path: &ReversePath::Null,
        hostname: &"here.example".parse().unwrap(),
        content: &[message.to_owned().into()],
    };
    verifier(zone).verify(&letter).await
}

fn verifier(zone: &str) -> Verifier {
    let zone: postern_dns::FixedZone = zone.parse().unwrap();
    Verifier::new(Arc::new(zone), VerifierSettings::default())
}
