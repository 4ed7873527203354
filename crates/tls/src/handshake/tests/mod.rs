//! Real handshakes in memory: between our own ends, and with rustls set up by nobody of ours.

mod certificates;
mod failures;
mod floods;
mod hello;
mod opportunistic;
mod parameters;
mod possession;
mod resumption;

use postern_testkit::{Authority, Identity, Key, Leaf};

use crate::{Evidence, PeerCertificates, PeerChain, SignatureScheme};

fn mx(key: Key) -> Identity {
    Authority::new("CA").issue(&Leaf::named("mx.example").key(key))
}

fn shown(evidence: &Evidence) -> &PeerChain {
    match evidence.peer() {
        PeerCertificates::Chain(chain) => chain,
        PeerCertificates::None => panic!("{evidence} came without a certificate"),
    }
}

fn rustls_schemes(schemes: &[SignatureScheme]) -> Vec<rustls::SignatureScheme> {
    schemes.iter().map(|scheme| scheme.rustls()).collect()
}
