//! What is learnt in the middle of a handshake.
//!
//! rustls asks verifiers and resolvers, which many connections share, and tells the connection
//! nothing of what they found. So each handshake runs with a record of its own in a task-local
//! variable, and whoever is asked while it is polled writes into that. It spares a configuration
//! per connection, which would cost an allocation of some 30 KiB each. Asked outside of a
//! handshake, the record is lost and the evidence says "unproven".

use std::{cell::RefCell, future::Future};

use crate::{OwnCertificate, Possession, SignatureScheme};

tokio::task_local! {
    static RECORD: RefCell<Record>;
}

/// What was found out during one handshake.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) signature: Option<Signature>,
    pub(crate) shown: Option<OwnCertificate>,
}

/// The peer's signature over the handshake.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) possession: Possession,
    pub(crate) scheme: Option<SignatureScheme>,
}

/// Runs a handshake with an empty record, and gives the record back with the outcome.
pub(super) async fn during<T>(handshake: impl Future<Output = T>) -> (T, Record) {
    let recorded = async {
        let outcome = handshake.await;
        (outcome, RECORD.with(RefCell::take))
    };
    RECORD.scope(RefCell::default(), recorded).await
}

pub(super) fn signature(possession: Possession, scheme: rustls::SignatureScheme) {
    let scheme = SignatureScheme::of(scheme);
    let _outside_of_a_handshake = RECORD.try_with(|record| {
        record.borrow_mut().signature = Some(Signature { possession, scheme });
    });
}

pub(crate) fn shown(certificate: OwnCertificate) {
    let _outside_of_a_handshake = RECORD.try_with(|record| {
        record.borrow_mut().shown = Some(certificate);
    });
}
