//! `key` and `csr`: what is made, where it is kept, and what is refused.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::home::{Home, Ran};

/// Makes a key for tests, and says what was printed.
fn make(home: &Home, arguments: &[&str], file: &str) -> Ran {
    let out = home.path(file);
    let out = out.to_str().unwrap();
    home.run(&[arguments, &["--out", out]].concat())
}

fn mode(home: &Home, file: &str) -> u32 {
    let metadata = fs::metadata(home.path(file)).unwrap();
    metadata.permissions().mode() & 0o7777
}

const DKIM: [&str; 6] = [
    "key",
    "dkim",
    "--domain",
    "Example.ORG",
    "--selector",
    "2026a",
];

#[test]
fn a_key_that_signs_comes_with_its_record_and_its_place() {
    let home = Home::new("");
    for (kind, begin) in [
        ("rsa", "v=DKIM1; k=rsa; p=MII"),
        ("ed25519", "v=DKIM1; k=ed25519; p="),
    ] {
        let file = format!("{kind}.key");
        let ran = make(&home, &[&DKIM[..], &["--type", kind]].concat(), &file);
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{}", ran.out);
        let record = format!("2026a._domainkey.example.org. 3600 IN TXT \"{begin}");
        assert!(ran.out.contains(&record), "{}", ran.out);
        let path = home.path(&file);
        let stanza = "\n[[domain.dkim]]\nselector = \"2026a\"\nkey = \"";
        assert!(ran.out.contains(stanza), "{}", ran.out);
        assert!(!ran.out.contains("PRIVATE"), "{}", ran.out);
        assert_eq!(mode(&home, &file), 0o600);
        let pem = fs::read_to_string(&path).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    }
}

#[test]
fn the_stanza_that_is_printed_is_taken() {
    let home = Home::new("");
    let ran = make(&home, &DKIM, "a.key");
    let (_, stanza) = ran.out.split_once("[[domain.dkim]]").unwrap();
    let (stanza, _) = stanza.split_once("\n\n").unwrap();
    let relay = crate::home::RELAY.replace(
        "next-hop = [\"127.0.0.1:1\"]\n",
        &format!("next-hop = [\"127.0.0.1:1\"]\n[[domain.dkim]]{stanza}\n"),
    );
    assert!(relay.contains("[[domain.dkim]]"), "{relay}");
    home.write("postern.toml", &relay);
    let records = home.run(&["dns", "records", "example.org", "--zone"]);
    assert_eq!((records.status, records.err.as_str()), (0, ""));
    let line = |text: &str| {
        let mut lines = text.lines();
        let found = lines.find(|line| line.starts_with("2026a._domainkey."));
        found.unwrap().to_owned()
    };
    assert_eq!(line(&records.out), line(&ran.out));
}

#[test]
fn a_file_that_is_there_is_never_overwritten() {
    let home = Home::new("");
    home.write("a.key", "precious");
    for arguments in [&DKIM[..], &["key", "tls"]] {
        let ran = make(&home, arguments, "a.key");
        assert_eq!((ran.status, ran.out.as_str()), (3, ""), "{ran:?}");
        assert!(
            ran.err.contains("is there already, and is left as it is"),
            "{ran:?}"
        );
    }
    let made = make(&home, &["key", "tls"], "b.key");
    assert_eq!(made.status, 0, "{made:?}");
    let key = home.path("b.key");
    let request = [
        "csr",
        "--name",
        "mx1.example.org",
        "--key",
        key.to_str().unwrap(),
    ];
    let ran = make(&home, &request, "a.key");
    assert_eq!(ran.status, 3, "{ran:?}");
    assert_eq!(fs::read_to_string(home.path("a.key")).unwrap(), "precious");
}

#[test]
fn a_key_goes_into_a_file_and_nowhere_else() {
    let home = Home::new("");
    for arguments in [&DKIM[..], &["key", "tls"]] {
        let ran = home.run(&[arguments, &["--out", "-"]].concat());
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
    }
}

#[test]
fn weak_parameters_are_refused() {
    let home = Home::new("");
    for bits in [
        &["--type", "rsa", "--bits", "1024"][..],
        &["--type", "rsa", "--bits", "256"],
        &["--type", "ecdsa", "--bits", "521"],
        &["--type", "dsa"],
    ] {
        let ran = make(&home, &[&["key", "tls"], bits].concat(), "a.key");
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(!home.path("a.key").exists());
    }
}

#[test]
fn a_key_for_a_certificate_comes_with_its_record_and_the_steps() {
    let home = Home::new("");
    let arguments = [
        "key",
        "tls",
        "--name",
        "mx1.example.org",
        "--name",
        "mx2.example.org",
    ];
    let ran = make(&home, &arguments, "mx.key");
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.contains("a private key, ECDSA P-256."),
        "{}",
        ran.out
    );
    for host in ["mx1", "mx2"] {
        let record = format!("\n_25._tcp.{host}.example.org. 3600 IN TLSA 3 1 1 ");
        assert!(ran.out.contains(&record), "{}", ran.out);
    }
    assert!(
        ran.out
            .contains(" --name mx1.example.org --name mx2.example.org "),
        "{}",
        ran.out
    );
    assert_eq!(mode(&home, "mx.key"), 0o600);
    let ran = make(&home, &["key", "tls", "--type", "rsa"], "rsa.key");
    assert!(ran.out.contains("RSA with 3072 bits"), "{}", ran.out);
}

#[test]
fn a_request_is_printed_or_kept() {
    let home = Home::new("");
    make(&home, &["key", "tls"], "mx.key");
    let key = home.path("mx.key");
    let request = [
        "csr",
        "--key",
        key.to_str().unwrap(),
        "--name",
        "mx1.example.org",
    ];
    let ran = home.run(&request);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.starts_with("-----BEGIN CERTIFICATE REQUEST-----"),
        "{}",
        ran.out
    );
    let ran = make(&home, &request, "mx.csr");
    assert_eq!(ran.status, 0, "{ran:?}");
    let kept = fs::read_to_string(home.path("mx.csr")).unwrap();
    assert!(kept.starts_with("-----BEGIN CERTIFICATE REQUEST-----"));
    for name in ["localhost", "a b.example", "192.0.2.1", "_x.example.org"] {
        let ran = home.run(&["csr", "--key", key.to_str().unwrap(), "--name", name]);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{ran:?}");
    }
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let home = Home::new("");
    make(&home, &["key", "tls"], "mx.key");
    let key = home.path("mx.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = home.run(&[
        "csr",
        "--key",
        key.to_str().unwrap(),
        "--name",
        "mx1.example.org",
    ]);
    assert_eq!((ran.status, ran.out.as_str()), (3, ""), "{ran:?}");
    assert!(ran.err.contains("open to others (mode 0644)"), "{ran:?}");
}
