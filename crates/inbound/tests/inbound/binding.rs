//! Binding every listener, or none.

use std::{net::SocketAddr, sync::Arc};

use postern_inbound::{Inbound, NoAccounts, Role, TlsMode};
use postern_spool::{LocalSpool, Spool};
use postern_tls::CertificateStore;
use rustls_pki_types::UnixTime;
use tokio::net::{TcpListener, TcpStream};

use crate::house::{Plan, listener};

fn spool(plan: &Plan) -> Arc<dyn Spool> {
    let settings = postern_spool::Settings::at(plan.pki.directory.path().join("spool"));
    Arc::new(LocalSpool::open(&settings).unwrap().spool)
}

#[tokio::test]
async fn every_listener_that_cannot_be_served_is_named() {
    // An address that no other test uses, so that a port that is free stays so.
    let taken = TcpListener::bind("127.0.0.77:0").await.unwrap();
    let free = TcpListener::bind("127.0.0.77:0").await.unwrap();
    let (taken_at, free_at) = (taken.local_addr().unwrap(), free.local_addr().unwrap());
    drop(free);
    let mut plan = Plan::new();
    let at = |address: SocketAddr, tls| {
        let mut listener = listener(Role::Mx, tls);
        listener.address = address;
        listener
    };
    plan.settings.certificates = Arc::new(CertificateStore::load(&[], UnixTime::now()).unwrap());
    plan.settings.listeners = vec![
        at(free_at, TlsMode::None),
        at(taken_at, TlsMode::None),
        at("192.0.2.1:25".parse().unwrap(), TlsMode::None),
        at("127.0.0.1:0".parse().unwrap(), TlsMode::StartTls),
    ];
    let errors = Inbound::bind(&plan.settings, spool(&plan), Arc::new(NoAccounts)).unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            format!("cannot listen on {taken_at}"),
            "cannot listen on 192.0.2.1:25".to_owned(),
            "listener 127.0.0.1:0 cannot offer TLS".to_owned(),
        ]
    );
    assert!(
        TcpStream::connect(free_at).await.is_err(),
        "nothing stays bound"
    );
}

#[tokio::test]
async fn both_families_can_have_the_same_port() {
    let mut plan = Plan::new();
    let mut listener = listener(Role::Mx, TlsMode::None);
    listener.address = "[::]:0".parse().unwrap();
    plan.settings.listeners = vec![listener.clone()];
    let Ok(first) = Inbound::bind(&plan.settings, spool(&plan), Arc::new(NoAccounts)) else {
        // There are machines without IPv6.
        return;
    };
    let port = first.local_addresses()[0].port();
    assert!(TcpListener::bind(("127.0.0.77", port)).await.is_ok());
}
