//! The resolver against name servers in this process, over UDP and TCP on the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod bounds;
mod hostile;
mod plain;
mod self_test;
mod signed;
mod trouble;

use std::{io::Write, net::SocketAddr, path::Path, time::Duration};

use postern_dns::{
    Cause, LookupError, Name, Resolver, Servers, Settings, TrustAnchors, Validation,
};
use postern_testkit::signed_zone::{DnsTree, NameServer, ServedTree};

/// Short times: what must time out here does so before a reader would notice.
fn settings(server: SocketAddr, validation: Validation) -> Settings {
    Settings {
        servers: Servers::At(vec![server]),
        validation,
        query_timeout: Duration::from_millis(500),
        retries: 0,
        deadline: Duration::from_secs(5),
        ..Settings::default()
    }
}

fn unvalidated(server: &NameServer) -> Resolver {
    Resolver::new(&settings(server.address(), Validation::Off)).unwrap()
}

/// A resolver that begins from the anchors in `text`.
fn validating(server: SocketAddr, text: &str) -> Resolver {
    let file = anchor_file(text);
    Resolver::new(&settings(server, anchored(file.path()))).unwrap()
}

fn anchor_file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn anchored(file: &Path) -> Validation {
    Validation::With(TrustAnchors::File(file.to_owned()))
}

async fn serve(tree: DnsTree) -> (ServedTree, Resolver) {
    let tree = tree.start().await;
    let resolver = validating(tree.address(), tree.anchor());
    (tree, resolver)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[track_caller]
fn assert_cause<T: std::fmt::Debug>(outcome: Result<T, LookupError>, expected: Cause) {
    match outcome {
        Err(LookupError::Temporary(failure)) => assert_eq!(failure.cause, expected, "{failure}"),
        other => panic!("{other:?} instead of a failure"),
    }
}
