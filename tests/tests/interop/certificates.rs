//! Which certificate a client is shown, and how it is exchanged while the daemon runs.

use std::fs;
use std::io;
use std::net::SocketAddr;

use postern_tests::certificates::{Authority, Credentials, Key, Leaf};
use postern_tests::fault::Fault;
use postern_tests::openssl::{self, Version};
use postern_tests::programs::Program;
use postern_tests::wait::{self, PATIENCE};

use crate::Scenario;
use crate::gateway::{GATEWAY, Gateway, Plan};

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "each_client_sees_the_certificate_that_it_understands",
        needs: &[Program::Openssl],
        run: by_kind_of_key,
    },
    Scenario {
        name: "each_name_has_its_certificate_and_an_unknown_one_sees_the_first",
        needs: &[Program::Openssl],
        run: by_name,
    },
    Scenario {
        name: "a_reload_serves_the_new_certificate",
        needs: &[Program::Openssl],
        run: reloaded,
    },
    Scenario {
        name: "a_reload_of_something_broken_keeps_the_old_certificate",
        needs: &[Program::Openssl],
        run: broken_reloads,
    },
];

/// An authority that clients of either kind can follow.
fn authority() -> Result<Authority, Fault> {
    Authority::new("Gateway CA", Key::Rsa)
}

fn by_kind_of_key() -> Result<(), Fault> {
    let authority = authority()?;
    let ecdsa = authority.issue(&Leaf::named(GATEWAY))?;
    let rsa = authority.issue(&Leaf::named(GATEWAY).key(Key::Rsa))?;
    let gateway = with_second(&ecdsa, "default", &rsa)?;
    for address in [gateway.mx, gateway.relay] {
        for (key, expected) in [(Key::Ecdsa, &ecdsa), (Key::Rsa, &rsa)] {
            check(address, GATEWAY, key, expected)?;
        }
    }
    Ok(())
}

fn by_name() -> Result<(), Fault> {
    const SECOND: &str = "second.postern.example";
    let authority = authority()?;
    let first = authority.issue(&Leaf::named(GATEWAY))?;
    let second = authority.issue(&Leaf::named(SECOND))?;
    let gateway = with_second(&first, "second", &second)?;
    for (name, expected) in [
        (GATEWAY, &first),
        (SECOND, &second),
        ("unknown.example", &first),
    ] {
        check(gateway.mx, name, Key::Ecdsa, expected)?;
    }
    Ok(())
}

fn reloaded() -> Result<(), Fault> {
    let authority = authority()?;
    let old = authority.issue(&Leaf::named(GATEWAY))?;
    let new = authority.issue(&Leaf::named(GATEWAY))?;
    let gateway = Plan::new(&old)?.start()?;
    check(gateway.mx, GATEWAY, Key::Ecdsa, &old)?;
    gateway.installation.keep("default", &new)?;
    check(gateway.mx, GATEWAY, Key::Ecdsa, &old)?;
    gateway.postern.reload()?;
    wait_until_shown(&gateway, &new)
}

fn broken_reloads() -> Result<(), Fault> {
    let authority = authority()?;
    let old = authority.issue(&Leaf::named(GATEWAY))?;
    let new = authority.issue(&Leaf::named(GATEWAY))?;
    let gateway = Plan::new(&old)?.start()?;
    let chain = gateway.installation.path().join("default.pem");

    // A file half written, and a certificate whose key has not come yet.
    let refused = |error: io::Error| Fault::Unexpected(error.to_string());
    let whole = fs::read(&new.chain).map_err(refused)?;
    for content in [whole.split_at(whole.len() / 2).0, whole.as_slice()] {
        let before = complaints(&gateway);
        fs::write(&chain, content).map_err(refused)?;
        gateway.postern.reload()?;
        wait_for_complaint(&gateway, before)?;
        check(gateway.mx, GATEWAY, Key::Ecdsa, &old)?;
    }

    // Once all of it is there, it is served.
    gateway.installation.keep("default", &new)?;
    gateway.postern.reload()?;
    wait_until_shown(&gateway, &new)
}

/// A gateway with two certificates.
fn with_second(default: &Credentials, name: &str, second: &Credentials) -> Result<Gateway, Fault> {
    let plan = Plan::new(default)?;
    let (chain, key) = plan.installation.keep("second", second)?;
    plan.with(|it| it.certificate(name, &chain, &key)).start()
}

/// Checks what a client with keys of this kind is shown, by both versions of TLS.
fn check(address: SocketAddr, name: &str, key: Key, expected: &Credentials) -> Result<(), Fault> {
    for version in [Version::Tls12, Version::Tls13] {
        let seen = openssl::starttls(address, name, version, key)?;
        assert_eq!(
            seen.certificate,
            expected.certificate(),
            "{address} {name} {key:?} {version:?}"
        );
    }
    Ok(())
}

fn wait_until_shown(gateway: &Gateway, expected: &Credentials) -> Result<(), Fault> {
    let look = || {
        let seen = openssl::starttls(gateway.mx, GATEWAY, Version::Tls13, Key::Ecdsa)?;
        Ok((seen.certificate == expected.certificate()).then_some(()))
    };
    wait::until("the new certificate", PATIENCE, look, || {
        gateway.postern.stderr()
    })
}

/// How often the daemon has kept to what it had.
fn complaints(gateway: &Gateway) -> usize {
    let log = gateway.postern.stderr();
    log.matches("the old configuration stays in force").count()
}

fn wait_for_complaint(gateway: &Gateway, before: usize) -> Result<(), Fault> {
    let look = || Ok((complaints(gateway) > before).then_some(()));
    wait::until("a complaint about the file", PATIENCE, look, || {
        gateway.postern.stderr()
    })
}
