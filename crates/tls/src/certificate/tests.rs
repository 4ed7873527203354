use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use postern_testkit::{Authority, Files, Identity, Key, Leaf, Oddity, Validity};
use tempfile::TempDir;

use super::*;
use crate::{
    Authentication, ProfileName,
    testing::{attempt, client, evidence, handshake, now, server_of},
};

/// One pair on disk, to be spoilt.
struct Pair {
    _directory: TempDir,
    written: Files,
}

impl Pair {
    fn of(identity: &Identity) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let written = identity.write(directory.path(), "mx");
        Self {
            _directory: directory,
            written,
        }
    }

    fn sound() -> Self {
        Self::of(&Authority::new("CA").issue(&Leaf::named("mx.example")))
    }

    fn files(&self) -> CertificateFiles {
        CertificateFiles {
            name: "default".to_owned(),
            chain: self.written.chain.clone(),
            key: self.written.key.clone(),
            ocsp: None,
        }
    }

    fn load(&self) -> Result<CertificateStore, Vec<CertificateError>> {
        CertificateStore::load(&[self.files()], now())
    }

    #[track_caller]
    fn check(&self, file: &Path, sentence: &str) {
        let errors = self.load().unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors[0].file, file);
        let text = errors[0].to_string();
        let expected = format!("certificate \"default\": {}: {sentence}", file.display());
        assert!(text.starts_with(&expected), "{text}");
    }

    #[track_caller]
    fn chain_is(&self, sentence: &str) {
        self.check(&self.written.chain, sentence);
    }

    #[track_caller]
    fn key_is(&self, sentence: &str) {
        self.check(&self.written.key, sentence);
    }
}

#[test]
fn a_sound_pair_loads_with_or_without_its_root() {
    let authority = Authority::new("CA");
    let identity = authority
        .intermediate("Issuing")
        .issue(&Leaf::named("MX.example"));
    let pair = Pair::of(&identity);
    let store = pair.load().unwrap();
    let current = store.current();
    assert_eq!(current[0].names(), ["mx.example"]);
    assert_eq!(current[0].key().to_string(), "ECDSA P-256");
    fs::write(&pair.written.chain, identity.chain_pem() + &authority.pem()).unwrap();
    pair.load().unwrap();
}

#[test]
fn every_kind_of_key_loads() {
    for key in [Key::EcdsaP256, Key::EcdsaP384, Key::Ed25519, Key::Rsa2048] {
        let leaf = Leaf::named("mx.example").key(key);
        Pair::of(&Authority::new("CA").issue(&leaf)).load().unwrap();
    }
}

#[test]
fn chain_and_key_may_be_one_file() {
    let identity = Authority::new("CA").issue(&Leaf::named("mx.example"));
    let pair = Pair::of(&identity);
    fs::write(
        &pair.written.key,
        identity.key_pem() + &identity.chain_pem(),
    )
    .unwrap();
    let files = CertificateFiles {
        chain: pair.written.key.clone(),
        ..pair.files()
    };
    CertificateStore::load(&[files], now()).unwrap();
}

#[test]
fn faults_of_the_chain_are_named() {
    let issue = |leaf: &Leaf| Pair::of(&Authority::new("CA").issue(leaf));
    let leaf = || Leaf::named("mx.example");
    issue(&leaf().validity(Validity::Expired)).chain_is("certificate 1 expired on 20");
    issue(&leaf().validity(Validity::NotYet)).chain_is("certificate 1 is not valid before 20");
    issue(&leaf().oddity(Oddity::Rsa1024))
        .chain_is("certificate 1 has a key that is too weak: RSA with 1024 bits");
    issue(&Leaf::common_name_only("mx.example")).chain_is("the certificate has no dNSName");
    Pair::of(&Authority::with_key("CA", Key::Rsa2048).issue(&leaf().oddity(Oddity::ClaimsSha1)))
        .chain_is("certificate 1 is signed with SHA-1 and RSA, which can be forged");
    let old = Authority::new("CA").intermediate_valid("Old", Validity::Expired);
    Pair::of(&old.issue(&leaf())).chain_is("certificate 2 expired on 20");
}

#[test]
fn a_pair_whose_time_is_over_can_still_be_served() {
    let check = |identity: &Identity| {
        let pair = Pair::of(identity);
        let store = CertificateStore::load_even_expired(&[pair.files()], now()).unwrap();
        assert!(store.current()[0].has_expired(now()));
    };
    let expired = || Leaf::named("mx.example").validity(Validity::Expired);
    check(&Authority::new("CA").issue(&expired()));
    let old = Authority::new("CA").intermediate_valid("Old", Validity::Expired);
    check(&old.issue(&Leaf::named("mx.example")));

    let weak = Pair::of(&Authority::new("CA").issue(&expired().oddity(Oddity::Rsa1024)));
    assert!(CertificateStore::load_even_expired(&[weak.files()], now()).is_err());
}

#[test]
fn the_order_of_the_chain_is_named() {
    let identity = Authority::new("CA")
        .intermediate("First")
        .intermediate("Second")
        .issue(&Leaf::named("mx.example"));
    let [leaf, second, first] = identity.chain() else {
        panic!("{identity:?}");
    };
    let swapped = vec![leaf.clone(), first.clone(), second.clone()];
    Pair::of(&Identity::of(swapped, identity.key())).chain_is(
        "the chain is out of order: certificate 1 was issued by O=Postern tests, CN=Second, \
         but what follows is O=Postern tests, CN=First",
    );
    let impostor = Authority::new("CA")
        .intermediate("Second")
        .issue(&Leaf::named("x"));
    let mixed = vec![leaf.clone(), impostor.chain()[1].clone()];
    Pair::of(&Identity::of(mixed, identity.key())).chain_is(
        "the chain does not hold together: a certificate bears the name of its issuer, but not \
         its signature",
    );
}

#[test]
fn files_that_hold_no_chain_are_named() {
    let pair = Pair::sound();
    let good = fs::read_to_string(&pair.written.chain).unwrap();
    let write = |text: &str| fs::write(&pair.written.chain, text).unwrap();
    write("");
    pair.chain_is("there is no certificate in PEM in it");
    write(&good[..good.len() / 2]);
    pair.chain_is("certificate 1 cannot be read: ");
    write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    pair.chain_is("certificate 1 cannot be read: ");
    write(&"\n".repeat(1024 * 1024 + 1));
    pair.chain_is("the file is longer than 1 MiB");
    fs::remove_file(&pair.written.chain).unwrap();
    pair.chain_is("No such file");
}

#[test]
fn faults_of_the_key_are_named() {
    let pair = Pair::sound();
    let good = fs::read_to_string(&pair.written.key).unwrap();
    let other = Authority::new("CA").issue(&Leaf::named("mx.example"));
    let write = |text: &str| fs::write(&pair.written.key, text).unwrap();
    write(&other.key_pem());
    pair.key_is("the private key does not belong to the certificate");
    write("");
    pair.key_is("there is no private key in PEM in it");
    write(&good[..good.len() / 2]);
    pair.key_is("the private key cannot be used: ");
    write("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    pair.key_is("the private key cannot be used: ");
    write("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    pair.key_is("the private key is encrypted");
}

#[test]
fn keys_are_kept_from_others() {
    let pair = Pair::sound();
    let set = |mode| {
        fs::set_permissions(&pair.written.key, fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o600, 0o400, 0o640, 0o440] {
        set(mode);
        pair.load().unwrap();
    }
    for mode in [0o644, 0o604, 0o660, 0o620, 0o777] {
        set(mode);
        pair.key_is(&format!(
            "the private key is open to others (mode {mode:04o})"
        ));
    }
}

#[test]
fn every_fault_is_reported_at_once() {
    let (a, b) = (Pair::sound(), Pair::sound());
    fs::write(&a.written.chain, "").unwrap();
    fs::write(&b.written.key, "").unwrap();
    let errors = CertificateStore::load(&[a.files(), b.files()], now()).unwrap_err();
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn the_end_is_announced_two_weeks_before() {
    let ends_in = |days| {
        let leaf = Leaf::named("mx.example").validity(Validity::EndsInDays(days));
        let store = Pair::of(&Authority::new("CA").issue(&leaf)).load().unwrap();
        store.current()[0].expires_soon(now())
    };
    assert!(ends_in(13));
    assert!(!ends_in(15));
}

#[test]
fn a_pair_that_does_not_pass_leaves_the_old_one() {
    let (pair, other) = (Pair::sound(), Pair::sound());
    let files = [pair.files(), other.files()];
    let store = CertificateStore::load(&files, now()).unwrap();
    let fingerprints = || -> Vec<_> {
        let current = store.current();
        current
            .iter()
            .map(|pair| pair.summary().fingerprint)
            .collect()
    };
    let before = fingerprints();

    // The key is replaced first; between the two writes it belongs to nothing.
    let new = Authority::new("CA").issue(&Leaf::named("mx.example"));
    fs::write(&pair.written.key, new.key_pem()).unwrap();
    let errors = store.reload(&files, now());
    assert_eq!(errors[0].fault, CertificateFault::KeyMismatch);
    assert_eq!(fingerprints(), before);

    fs::write(&pair.written.chain, new.chain_pem()).unwrap();
    assert_eq!(store.reload(&files, now()), []);
    assert_ne!(fingerprints()[0], before[0]);
    assert_eq!(fingerprints()[1], before[1]);

    // A pair that is no longer listed goes; a new one that does not pass does not come.
    fs::write(&other.written.key, "").unwrap();
    let renamed = CertificateFiles {
        name: "renamed".to_owned(),
        ..other.files()
    };
    assert_eq!(store.reload(&[pair.files(), renamed], now()).len(), 1);
    assert_eq!(store.current().len(), 1);
}

#[test]
fn a_name_to_present_is_looked_up() {
    let pair = Pair::sound();
    let store = pair.load().unwrap();
    assert_eq!(store.identity("default").unwrap().certificates().len(), 1);
    assert!(store.identity("gateway").is_none());
}

/// Writes a pair as a careless script does: the key, then half of the chain, then all of it.
/// Reloads at each step.
fn replace_carelessly(store: &CertificateStore, pair: &Pair, identity: &Identity) {
    let files = [pair.files()];
    let chain = identity.chain_pem();
    fs::write(&pair.written.key, identity.key_pem()).unwrap();
    assert_eq!(store.reload(&files, now()).len(), 1);
    fs::write(&pair.written.chain, &chain[..chain.len() / 2]).unwrap();
    assert_eq!(store.reload(&files, now()).len(), 1);
    fs::write(&pair.written.chain, &chain).unwrap();
    assert_eq!(store.reload(&files, now()), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handshake_fails_while_pairs_are_replaced() {
    let authority = Authority::new("CA");
    let pair = Pair::of(&authority.issue(&Leaf::named("mx.example")));
    let store = Arc::new(pair.load().unwrap());
    let server = server_of(Arc::clone(&store), ProfileName::Intermediate);
    let done = Arc::new(AtomicBool::new(false));
    let replacing = {
        let done = Arc::clone(&done);
        tokio::task::spawn_blocking(move || {
            for _ in 0..30 {
                let identity = authority.issue(&Leaf::named("mx.example"));
                replace_carelessly(&store, &pair, &identity);
            }
            done.store(true, Ordering::Relaxed);
        })
    };
    let client = client(ProfileName::Intermediate);
    let attempt = attempt(Authentication::Demanded);
    let mut shown = std::collections::BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        let (near, far) = handshake(&client, &attempt, &server).await;
        far.unwrap();
        let evidence = near.unwrap().evidence().clone();
        let crate::PeerCertificates::Chain(chain) = evidence.peer() else {
            panic!("{evidence:?}");
        };
        shown.insert(chain.summary().fingerprint);
    }
    replacing.await.unwrap();
    assert!(shown.len() > 1, "no handshake met a replaced pair");
}

#[tokio::test]
async fn what_was_shown_is_known_to_both_ends() {
    let identity = Authority::new("CA").issue(&Leaf::named("mx.example"));
    let store = Arc::new(Pair::of(&identity).load().unwrap());
    let server = server_of(store, ProfileName::Intermediate);
    let (near, far) = evidence(
        &client(ProfileName::Intermediate),
        &attempt(Authentication::Demanded),
        &server,
    )
    .await;
    let own = far.own_certificate().unwrap();
    assert_eq!(&*own.name, "default");
    assert_eq!(*own.certificate, CertificateSummary::of(identity.leaf()));
    assert_eq!(near.own_certificate(), None);
}
