//! The resolver against name servers in this process, over UDP and TCP on the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on panics"
)]

mod hostile;
mod plain;
mod server;
mod signed;

use std::time::Duration;

use postern_dns::{Cause, LookupError, Name, Resolver, Servers, Settings, Validation};

/// Short times: what must time out here does so before a reader would notice.
fn settings(server: &server::Server, validation: Validation) -> Settings {
    Settings {
        servers: Servers::At(vec![server.address()]),
        validation,
        query_timeout: Duration::from_millis(500),
        retries: 0,
        deadline: Duration::from_secs(5),
        ..Settings::default()
    }
}

fn unvalidated(server: &server::Server) -> Resolver {
    Resolver::new(&settings(server, Validation::Off)).unwrap()
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
