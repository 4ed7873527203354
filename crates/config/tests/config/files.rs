//! Files that the configuration names: who may touch them, and what must be in them.

use postern_testkit::{Authority, Key, Leaf, OcspAnswer, OcspStatus, Validity};

use crate::home::{BASE, Home};

#[track_caller]
fn check(home: &Home, text: &str, expected: &[&str]) {
    assert_eq!(home.errors(text), expected);
}

#[test]
fn what_everyone_may_change_is_not_trusted() {
    let home = Home::new();
    let text = format!("{BASE}[tls]\ntrust = [\"ministry-ca.pem\"]\n");
    home.protect("ministry-ca.pem", 0o646);
    home.protect("default.pem", 0o666);
    check(
        &home,
        &text,
        &[
            "postern.toml:9:9: tls.certificate.chain: default.pem may be changed by everyone on \
             this host (mode 0666); take that right away: chmod o-w",
            "postern.toml:17:10: tls.trust: ministry-ca.pem may be changed by everyone on this \
             host (mode 0646); take that right away: chmod o-w",
        ],
    );
}

#[test]
fn a_configuration_that_everyone_may_change_is_not_read() {
    let home = Home::new();
    home.put("postern.toml", "not even TOML");
    home.protect("postern.toml", 0o602);
    let errors = postern_config::load(&home.path("postern.toml")).unwrap_err();
    let expected = "postern.toml: may be changed by everyone on this host (mode 0602); take that \
                    right away: chmod o-w";
    assert!(errors.to_string().ends_with(expected), "{errors}");
    assert_eq!(errors.problems()[0].position(), None);
}

#[test]
fn a_private_key_is_private() {
    let home = Home::new();
    home.protect("default.key", 0o644);
    check(
        &home,
        BASE,
        &[
            "postern.toml:10:7: tls.certificate.key: default.key is secret and may be read by \
             everyone on this host (mode 0644); take that right away: chmod o-rwx",
        ],
    );
    home.protect("default.key", 0o640);
    assert!(home.load(BASE).is_ok());
}

#[test]
fn a_certificate_must_be_one_that_peers_can_use() {
    let home = Home::new();
    let ours = Authority::new("Our CA");
    let mx1 = Leaf::named("mx1.example.org");
    let sound = ours.issue(&mx1);
    let put = |chain: &str, key: &str| {
        home.put("default.pem", chain);
        home.put("default.key", key);
    };

    put(&sound.chain_pem(), &ours.issue(&mx1).key_pem());
    let mismatch = "postern.toml:10:7: tls.certificate.key: default.key: the private key does not \
                    belong to the certificate; give the key that the certificate was issued for";
    check(&home, BASE, &[mismatch]);

    put(&sound.key_pem(), &sound.chain_pem());
    let swapped = "postern.toml:9:9: tls.certificate.chain: default.pem: there is no certificate \
                   in PEM in it; give a file of certificates in PEM, our own one first";
    check(&home, BASE, &[swapped]);

    let expired = ours.issue(&mx1.clone().validity(Validity::Expired));
    put(&expired.chain_pem(), &expired.key_pem());
    let errors = home.errors(BASE);
    assert!(
        errors[0].starts_with(
            "postern.toml:9:9: tls.certificate.chain: default.pem: certificate 1 expired on "
        ) && errors[0].ends_with("; have it renewed"),
        "{errors:?}"
    );

    home.put("postern.toml", BASE);
    let started = postern_config::load_to_start(&home.path("postern.toml")).unwrap();
    assert!(
        started.warnings[0]
            .to_string()
            .contains("the certificate ended on "),
        "{:?}",
        started.warnings
    );

    let ending = ours.issue(&mx1.validity(Validity::EndsInDays(3)));
    put(&ending.chain_pem(), &ending.key_pem());
    let warnings = home.warnings(BASE);
    assert!(
        warnings[0]
            .starts_with("postern.toml:9:9: tls.certificate.chain: the certificate ends on "),
        "{warnings:?}"
    );
}

#[test]
fn a_certificate_for_another_host_is_warned_of() {
    let home = Home::new();
    let text = BASE.replace("mx1.example.org", "mx2.example.org");
    let expected = "postern.toml:1:12: hostname: no [[tls.certificate]] is for mx2.example.org; \
                    peers that verify certificates will refuse this host under that name; add one";
    assert_eq!(home.warnings(&text), [expected]);
}

#[test]
fn certificates_with_rsa_and_ecdsa_keys_share_a_name() {
    let home = Home::new();
    let rsa = Leaf::named("mx1.example.org").key(Key::Rsa2048);
    Authority::new("Our CA")
        .issue(&rsa)
        .write(&home.path(""), "rsa");
    let text = format!(
        "{BASE}[[tls.certificate]]\nname = \"default\"\nchain = \"rsa.pem\"\nkey = \"rsa.key\"\n"
    );
    let certificates = home.load(&text).unwrap().settings.certificates;
    assert_eq!(certificates.store.current().len(), 2);
    assert_eq!(certificates.files.len(), 2);
    assert_eq!(certificates.files[1].key, home.path("rsa.key"));
}

#[test]
fn a_profile_must_leave_a_certificate_to_show() {
    let home = Home::new();
    let rsa = Leaf::named("gateway.example.org").key(Key::Rsa2048);
    Authority::new("Our CA")
        .issue(&rsa)
        .write(&home.path(""), "gateway");
    let text = format!(
        r#"{BASE}[tls]
profile = "foundation"

[[tls.certificate]]
name = "gateway"
chain = "gateway.pem"
key = "gateway.key"

[[partner]]
name = "Ministry"
domains = ["ministry.example"]
profile = "foundation"

[partner.outbound]
present = "default"

[partner.inbound]
names = ["out.ministry.example"]
"#
    );
    let refused = "key of the certificate: ECDSA P-256 was used, allowed is RSA; ";
    check(
        &home,
        &text,
        &[&format!(
            "postern.toml:30:1: partner.outbound.present: profile foundation does not allow it; \
             {refused}present a certificate with such a key, or choose another profile"
        )],
    );
    let only_default = text
        .replace("gateway.pem", "default.pem")
        .replace("gateway.key", "default.key");
    let errors = home.errors(&only_default);
    assert_eq!(
        errors[0],
        format!(
            "postern.toml:17:11: tls.profile: foundation allows none of our certificates; \
             {refused}choose another profile, or add a certificate with such a key"
        ),
        "{errors:?}"
    );
}

#[test]
fn a_listener_must_leave_a_certificate_to_show() {
    let home = Home::new();
    let listener = BASE.replace(
        "role = \"mx\"\n",
        "role = \"mx\"\nprofile = \"foundation\"\n",
    );
    check(
        &home,
        &listener,
        &[
            "postern.toml:6:11: listener.profile: foundation allows none of our certificates; key \
             of the certificate: ECDSA P-256 was used, allowed is RSA; choose another profile, or \
             add a certificate with such a key",
        ],
    );
}

#[test]
fn the_profile_of_mail_is_not_that_of_our_own_policy() {
    let home = Home::new();
    let web = Leaf::named("mta-sts.example.org").key(Key::Rsa2048);
    let authority = Authority::new("Our CA");
    authority.issue(&web).write(&home.path(""), "web");
    let text = format!(
        "{BASE}[[tls.certificate]]\nname = \"web\"\nchain = \"web.pem\"\nkey = \"web.key\"\n\n\
         [tls]\nprofile = \"suite-b-128\"\n\n[mta-sts]\nhttps = \"127.0.0.1:0\"\n\
         mode = \"testing\"\ncertificate = \"web\"\n"
    );
    // Suite B has no RSA for mail.
    assert_eq!(home.warnings(&text), [""; 0]);
    let serving = home.load(&text).unwrap().settings.mta_sts.serving;
    assert_eq!(serving.unwrap().certificate.as_deref(), Some("web"));
}

#[test]
fn an_ocsp_response_must_hold_for_its_certificate() {
    let home = Home::new();
    let text = BASE.replace(
        "key = \"default.key\"\n",
        "key = \"default.key\"\nocsp = \"a.ocsp\"\n",
    );
    let ours = Authority::new("Our CA");
    let pair = ours.issue(&Leaf::named("mx1.example.org"));
    pair.write(&home.path(""), "default");
    let answer = |status, validity| ours.ocsp(&pair, OcspAnswer::new(status).validity(validity));
    home.put("a.ocsp", answer(OcspStatus::Good, Validity::Current));
    assert_eq!(home.warnings(&text), [""; 0]);
    let certificates = home.load(&text).unwrap().settings.certificates;
    assert_eq!(certificates.files[0].ocsp, Some(home.path("a.ocsp")));

    home.put("a.ocsp", answer(OcspStatus::Revoked, Validity::Current));
    let errors = home.errors(&text);
    assert_eq!(errors.len(), 1, "{errors:?}");
    let begin =
        "postern.toml:11:8: tls.certificate.ocsp: a.ocsp: the OCSP response cannot be served";
    assert!(errors[0].starts_with(begin), "{errors:?}");

    home.put("a.ocsp", answer(OcspStatus::Good, Validity::Expired));
    assert!(home.errors(&text)[0].starts_with(begin));
    let started = postern_config::load_to_start(&home.path("postern.toml")).unwrap();
    let warnings: Vec<_> = started.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].ends_with(
            "tls.certificate.ocsp: the OCSP response ran out and is not served; have a new one \
             fetched"
        ),
        "{warnings:?}"
    );
}

#[test]
fn what_cannot_be_read_is_told() {
    let home = Home::new();
    let missing = postern_config::load(&home.path("postern.toml")).unwrap_err();
    let expected = "postern.toml: cannot be read: No such file or directory (os error 2); give \
                    the path of an existing file";
    assert!(missing.to_string().ends_with(expected), "{missing}");

    let folder = postern_config::load(&home.path("."))
        .unwrap_err()
        .to_string();
    assert!(
        folder.ends_with("is not a file; give the path of an existing file"),
        "{folder}"
    );

    std::fs::write(home.path("postern.toml"), b"hostname = \"\xff\"").unwrap();
    let octets = postern_config::load(&home.path("postern.toml")).unwrap_err();
    let expected = "is not UTF-8 from octet 12 on; give a text file in UTF-8";
    assert!(octets.to_string().ends_with(expected), "{octets}");
}

#[test]
fn a_file_without_an_end_costs_a_bounded_amount() {
    let home = Home::new();
    let large = std::fs::File::create(home.path("large.toml")).unwrap();
    large.set_len(1 << 40).unwrap();
    home.protect("large.toml", 0o600);
    let errors = postern_config::load(&home.path("large.toml")).unwrap_err();
    assert!(
        errors.to_string().contains("is larger than 16 MiB"),
        "{errors}"
    );
    let device = postern_config::load("/dev/zero".as_ref()).unwrap_err();
    assert!(device.to_string().contains("is not a file"), "{device}");
}
