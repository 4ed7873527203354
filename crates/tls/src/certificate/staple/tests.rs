use std::{
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use postern_testkit::{
    Authority, Identity, Leaf, OcspAnswer, OcspStatus, Usage, Validity, ocsp_try_later,
};
use proptest::prelude::*;
use rustls::{
    DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
};
use rustls_pki_types::ServerName;
use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use super::*;
use crate::{
    CertificateError, CertificateFiles, CertificateStore, PlainServerChannel, ProfileName,
    TlsServer,
    testing::{LIMIT, now, server_of},
};

const GOOD: OcspStatus = OcspStatus::Good;

fn mx(authority: &Authority) -> Identity {
    authority.issue(&Leaf::named("mx.example"))
}

/// An authority whose certificate is in the chains that it issues.
fn issuing() -> Authority {
    Authority::new("Root").intermediate("Issuing")
}

#[track_caller]
fn check_fault(response: Vec<u8>, identity: &Identity, sentence: &str) {
    let fault = check(response, identity.chain(), now()).unwrap_err();
    assert!(fault.to_string().starts_with(sentence), "{fault}");
}

#[test]
fn a_good_answer_of_the_issuer_is_taken() {
    let authority = issuing();
    let identity = mx(&authority);
    let answer = OcspAnswer::new(GOOD).validity(Validity::EndsInDays(3));
    let staple = check(authority.ocsp(&identity, answer), identity.chain(), now()).unwrap();
    assert!(!staple.has_expired(now()));
    let later = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() + 4 * 86400));
    assert!(staple.has_expired(later));
    assert!(staple.this_update() < staple.next_update());
}

#[test]
fn what_cannot_be_served_is_told_apart() {
    let authority = issuing();
    let identity = mx(&authority);
    let answer = |answer: OcspAnswer| authority.ocsp(&identity, answer);
    let good = OcspAnswer::new(GOOD);
    check_fault(b"nonsense".to_vec(), &identity, "it is no OCSP response");
    check_fault(
        ocsp_try_later(),
        &identity,
        "the responder did not answer: tryLater",
    );
    check_fault(
        authority.ocsp(&mx(&authority), good),
        &identity,
        "it is not for this certificate, whose serial number is ",
    );
    check_fault(
        answer(OcspAnswer::new(OcspStatus::Revoked)),
        &identity,
        "it says that the certificate was revoked on 20",
    );
    check_fault(
        answer(OcspAnswer::new(OcspStatus::Unknown)),
        &identity,
        "it says that the responder does not know",
    );
    check_fault(
        answer(good.validity(Validity::NotYet)),
        &identity,
        "it holds from 20",
    );
    check_fault(
        answer(good.validity(Validity::Expired)),
        &identity,
        "it held until 20",
    );
    check_fault(answer(good.unlimited()), &identity, "it has no nextUpdate");
}

#[test]
fn signatures_are_the_issuer_s_or_delegated_by_it() {
    let authority = issuing();
    let identity = mx(&authority);
    let good = OcspAnswer::new(GOOD);
    let not_signed = "it is not signed by the issuer";

    let stranger = issuing();
    let response = authority.ocsp_by(&stranger, &[], &identity, good);
    check_fault(response, &identity, not_signed);

    // A leaf of the issuer's that is for OCSP, one that is for TLS, and somebody else's.
    let by = |responder: &Authority| {
        let shown = [responder.certificate().clone()];
        authority.ocsp_by(responder, &shown, &identity, good)
    };
    let delegate = |authority: &Authority, usage| {
        authority.impersonated_by(&Leaf::named("ocsp.example").usage(usage))
    };
    let response = by(&delegate(&authority, Usage::OcspSigning));
    check(response, identity.chain(), now()).unwrap();
    let response = by(&delegate(&authority, Usage::ServerAuth));
    check_fault(response, &identity, not_signed);
    let response = by(&delegate(&stranger, Usage::OcspSigning));
    check_fault(response, &identity, not_signed);
}

#[test]
fn without_the_issuer_s_certificate_its_signature_is_not_looked_at() {
    let authority = Authority::new("Root");
    let identity = mx(&authority);
    let other = Authority::new("Root");
    let response = other.ocsp(&identity, OcspAnswer::new(GOOD));
    check(response, identity.chain(), now()).unwrap();
}

/// A pair with a staple on disk.
struct Stapled {
    directory: TempDir,
    files: CertificateFiles,
}

impl Stapled {
    fn of(identity: &Identity, response: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let written = identity.write(directory.path(), "mx");
        let stapled = Self {
            files: CertificateFiles {
                name: "default".to_owned(),
                chain: written.chain,
                key: written.key,
                ocsp: Some(directory.path().join("mx.ocsp")),
            },
            directory,
        };
        fs::write(stapled.staple(), response).unwrap();
        stapled
    }

    fn staple(&self) -> PathBuf {
        self.directory.path().join("mx.ocsp")
    }

    fn load(&self) -> Result<CertificateStore, Vec<CertificateError>> {
        CertificateStore::load(std::slice::from_ref(&self.files), now())
    }

    fn reload(&self, store: &CertificateStore) -> Vec<CertificateError> {
        store.reload(std::slice::from_ref(&self.files), now())
    }
}

fn until(store: &CertificateStore) -> Option<Date> {
    store.current()[0].staple().map(OcspStaple::next_update)
}

/// Writes down which OCSP response came with a certificate.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<u8>>);

impl ServerCertVerifier for Notes {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap() = ocsp_response.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

async fn served_staple(server: &TlsServer) -> Vec<u8> {
    let notes = Arc::new(Notes::default());
    let mut config = postern_testkit::loose_client_config(rustls::ALL_VERSIONS, &[]);
    let verifier = Arc::clone(&notes);
    config.dangerous().set_certificate_verifier(verifier);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("mx.example").unwrap();
    let (near, far) = tokio::join!(
        TlsConnector::from(Arc::new(config)).connect(name, near),
        PlainServerChannel::new(far).upgrade(server, LIMIT),
    );
    near.unwrap();
    far.unwrap();
    let served = notes.0.lock().unwrap();
    served.clone()
}

#[tokio::test]
async fn a_staple_is_served_with_its_certificate() {
    let authority = issuing();
    let identity = mx(&authority);
    let response = authority.ocsp(&identity, OcspAnswer::new(GOOD));
    let store = Arc::new(Stapled::of(&identity, &response).load().unwrap());
    for profile in [ProfileName::Intermediate, ProfileName::SuiteB128] {
        let server = server_of(Arc::clone(&store), profile);
        assert_eq!(served_staple(&server).await, response, "{profile}");
    }
}

#[test]
fn a_staple_that_does_not_pass_is_a_fault_of_its_file() {
    let pair = Stapled::of(&mx(&issuing()), b"nonsense");
    let [error] = &pair.load().unwrap_err()[..] else {
        panic!("one fault");
    };
    assert_eq!(error.file, pair.staple());
    let text = error.to_string();
    assert!(
        text.contains("the OCSP response cannot be served: it is no"),
        "{text}"
    );
    fs::remove_file(pair.staple()).unwrap();
    assert!(pair.load().is_err());
}

#[test]
fn a_reload_keeps_the_staple_from_before_while_it_fits() {
    let authority = issuing();
    let identity = mx(&authority);
    let answer = |days| OcspAnswer::new(GOOD).validity(Validity::EndsInDays(days));
    let pair = Stapled::of(&identity, &authority.ocsp(&identity, answer(3)));
    let store = pair.load().unwrap();
    let first = until(&store).unwrap();

    fs::write(pair.staple(), b"half of").unwrap();
    assert_eq!(pair.reload(&store).len(), 1);
    assert_eq!(until(&store), Some(first));

    fs::write(pair.staple(), authority.ocsp(&identity, answer(6))).unwrap();
    assert_eq!(pair.reload(&store), []);
    assert!(until(&store).unwrap() > first);

    // A renewed certificate does not wait for its staple, and does not take the old one.
    let renewed = mx(&authority);
    renewed.write(pair.directory.path(), "mx");
    assert_eq!(pair.reload(&store).len(), 1);
    assert_eq!(until(&store), None);
    let shown = store.current()[0].summary().clone();
    assert_eq!(shown, crate::CertificateSummary::of(renewed.leaf()));
}

#[tokio::test]
async fn a_staple_that_ended_keeps_nobody_from_starting_and_is_not_served() {
    let authority = issuing();
    let identity = mx(&authority);
    let ended = OcspAnswer::new(GOOD).validity(Validity::Expired);
    let pair = Stapled::of(&identity, &authority.ocsp(&identity, ended));
    let files = std::slice::from_ref(&pair.files);
    let store = CertificateStore::load_even_expired(files, now()).unwrap();
    assert_eq!(until(&store), None);

    // One that ends while it is in use: loaded three days ago, ended yesterday.
    let past = UnixTime::since_unix_epoch(Duration::from_secs(now().as_secs() - 3 * 86400));
    let before_the_pair = load::pair(&pair.files, now()).unwrap();
    let staple = check(fs::read(pair.staple()).unwrap(), identity.chain(), past).unwrap();
    let pair = before_the_pair.with_staple(Some(staple));
    assert!(pair.servable(past).ocsp.is_some());
    assert!(pair.servable(now()).ocsp.is_none());
}

proptest! {
    /// A response with some octets changed is taken or not; nothing panics.
    #[test]
    fn spoilt_responses_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in 0..40_usize,
    ) {
        static SOUND: LazyLock<(Identity, Vec<u8>)> = LazyLock::new(|| {
            let authority = issuing();
            let identity = mx(&authority);
            let response = authority.ocsp(&identity, OcspAnswer::new(GOOD));
            (identity, response)
        });
        let (identity, sound) = &*SOUND;
        let mut octets = sound.clone();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        octets.truncate(octets.len() - cut);
        if let Err(fault) = check(octets, identity.chain(), now()) {
            prop_assert!(!fault.to_string().chars().any(char::is_control));
        }
    }
}
