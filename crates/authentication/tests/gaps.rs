//! What mail-auth does by itself where this crate does otherwise. Each of these shows a gap in
//! the library as it is; when one fails, the library has changed, and what this crate does about
//! it may be simpler. That the crate itself does as it should, its own tests show.
#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::{
    borrow::Borrow,
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Mutex,
    time::Instant,
};

use mail_auth::{
    AuthenticatedMessage, Error, MX, MessageAuthenticator, Parameters, RecordSet, ResolverCache,
    SpfResult, Txt,
    common::{parse::TxtRecordParser, verify::DomainKey},
    dkim::Signature,
    dmarc::Dmarc,
    hickory_resolver::config::{ResolverConfig, ResolverOpts},
    spf::{Spf, verify::SpfParameters},
};

struct Cache<K, V>(Mutex<HashMap<K, V>>);

impl<K: Hash + Eq, V: Clone> ResolverCache<K, V> for Cache<K, V> {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.lock().unwrap().remove(name)
    }

    fn insert(&self, key: K, value: V, _: Instant) {
        self.0.lock().unwrap().insert(key, value);
    }
}

fn cache<K: Hash + Eq, V>(entries: impl IntoIterator<Item = (K, V)>) -> Cache<K, V> {
    Cache(Mutex::new(entries.into_iter().collect()))
}

fn records<T>(records: Vec<T>) -> RecordSet<T> {
    RecordSet {
        rrset: records.into(),
        dnssec_status: mail_auth::DnssecStatus::Indeterminate,
    }
}

/// What the library says of `jo@d.example` from 192.0.2.1, where `record` is what its cache has
/// for the domain, and all names have the addresses given. It has nobody else to ask.
async fn spf(record: &str, addresses: &[(&str, &[Ipv4Addr])], ptr: &[&str]) -> SpfResult {
    // A resolver without servers: every name is in the caches, and nobody is asked.
    let nobody = ResolverConfig::from_name_servers(Vec::new());
    let library = MessageAuthenticator::new(nobody, ResolverOpts::default());
    let spf = Spf::parse(record.as_bytes()).unwrap();
    let txt = cache([(Box::<str>::from("d.example."), Txt::Spf(spf.into()))]);
    let ipv4 = cache(
        addresses
            .iter()
            .map(|(name, found)| (Box::<str>::from(*name), records(found.to_vec()))),
    );
    let ipv6 = cache::<Box<str>, RecordSet<Ipv6Addr>>([]);
    let mx = cache::<Box<str>, RecordSet<MX>>([]);
    let client: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    let ptr = ptr.iter().map(|name| Box::<str>::from(*name)).collect();
    let ptr = cache([(client, records(ptr))]);
    let asked =
        SpfParameters::verify_mail_from(client, "helo.example", "here.example", "jo@d.example");
    let asked = Parameters::new(asked)
        .with_txt_cache(&txt)
        .with_ipv4_cache(&ipv4)
        .with_ipv6_cache(&ipv6)
        .with_mx_cache(&mx)
        .with_ptr_cache(&ptr);
    library.unwrap().verify_spf(asked).await.result()
}

#[tokio::test]
async fn look_ups_that_find_nothing_are_not_counted() {
    let nothing: &[Ipv4Addr] = &[];
    let names = ["a.example.", "b.example.", "c.example.", "e.example."].map(|it| (it, nothing));
    let record = "v=spf1 a:a.example a:b.example a:c.example a:e.example +all";
    assert_eq!(spf(record, &names, &[]).await, SpfResult::Pass);
}

#[tokio::test]
async fn a_name_counts_as_validated_that_is_not() {
    let list: &[Ipv4Addr] = &[Ipv4Addr::LOCALHOST];
    let record = "v=spf1 exists:%{p}.w.example -all";
    let addresses = [("fake.example.w.example.", list)];
    let found = spf(record, &addresses, &["fake.example"]).await;
    assert_eq!(found, SpfResult::Pass);
}

#[test]
fn records_of_spf_that_are_not_of_the_grammar_are_read() {
    for record in [
        "v=spf1 +all foo:bar",
        "v=spf1 +all +-~a",
        "v=spf1 +all a:localhost",
        "v=spf1 +all ip4:192.0.2.256",
        "v=spf1 +all ip4:192.0.2.1/99",
        "v=spf1 +all\tmx",
    ] {
        assert!(Spf::parse(record.as_bytes()).is_ok(), "{record}");
    }
}

#[test]
fn a_record_of_dmarc_is_refused_for_a_tag_that_need_not_be_understood() {
    let found = Dmarc::parse(b"v=DMARC1; fo=x; p=reject");
    assert_eq!(found.unwrap_err(), Error::ParseError);
}

#[test]
fn signatures_are_read_that_must_not_count() {
    let signature = |tags: &str| {
        let value = format!("v=1; a=rsa-sha256; s=s; h=from; bh=AAAA; b=AAAA; {tags}");
        Signature::parse(value.as_bytes())
    };
    let twice = signature("d=good.example; d=evil.example").unwrap();
    assert_eq!(twice.d, "evil.example");
    let odd = signature("d=good.example(.evil.example").unwrap();
    assert_eq!(odd.d, "good.example(.evil.example");
    let nul = signature("d=good.example\0.evil.example").unwrap();
    assert_eq!(nul.d, "good.example\0.evil.example");
    assert!(
        signature("d=good.example; h=subject").is_ok(),
        "From is not signed"
    );
    assert!(signature("d=good.example; a=rsa-sha1").is_ok(), "SHA-1");
}

#[test]
fn keys_are_read_that_must_not_count() {
    // t=y and s=tlsrpt are flags that nobody asks for.
    let key = "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    for record in [
        format!("{key}; t=y"),
        format!("{key}; s=tlsrpt"),
        format!("{key}; h=sha1"),
    ] {
        assert!(DomainKey::parse(record.as_bytes()).is_ok(), "{record}");
    }
}

#[tokio::test]
async fn any_number_of_signatures_is_looked_at() {
    let field = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\n";
    let message = format!("{}From: jo@a.example\r\n\r\n", field.repeat(500));
    let message = AuthenticatedMessage::parse(message.as_bytes()).unwrap();
    assert_eq!(message.dkim_headers.len(), 500);
}

#[test]
fn a_message_with_two_authors_has_no_policy() {
    let message = b"From: jo@a.example\r\nFrom: jo@b.example\r\n\r\n";
    let message = AuthenticatedMessage::parse(message).unwrap();
    assert_eq!(message.froms().len(), 2);
    assert_eq!(message.from(), "jo@a.example");
}

#[test]
fn lines_of_white_space_at_the_end_of_a_body_count() {
    let hash = |body: &str| {
        let message = format!(
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=AAAA; b=AAAA\r\nFrom: jo@a.example\r\n\r\n{body}"
        );
        AuthenticatedMessage::parse(message.as_bytes())
            .unwrap()
            .body_hashes[0]
            .3
            .clone()
    };
    // RFC 6376 §3.4.4: white space goes first, and then the empty lines at the end.
    assert_ne!(hash("Hello\r\n"), hash("Hello\r\n \r\n"));
}
