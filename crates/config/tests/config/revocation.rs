//! Revocation lists: read once, shared, and the same after a reload.

use std::sync::Arc;

use postern_config::CrlPlace;
use postern_testkit::{Authority, RevocationList, Validity, crl_pem};
use postern_tls::UnknownStatus;

use crate::home::{BASE, Home};

const PARTNERS: &str = r#"
[[partner]]
name = "Ministry"
domains = ["ministry.example"]

[partner.outbound]
trust = ["ministry-ca.pem"]
crl = ["ministry.crl", "https://crl.example/root.crl"]

[partner.inbound]
names = ["out.ministry.example"]
crl = ["./ministry.crl"]
crl-unknown = "accept"

[[partner]]
name = "Office"
domains = ["office.example"]

[partner.outbound]
crl = ["https://crl.example/root.crl"]

[partner.inbound]
require = "encrypted"
"#;

fn text() -> String {
    format!("{BASE}{PARTNERS}")
}

/// The list of an authority, of this number and validity.
fn list(number: u64, validity: Validity) -> String {
    let list = RevocationList::numbered(number).validity(validity);
    crl_pem(&Authority::new("Ministry CA").crl(&list))
}

#[test]
fn what_several_rules_name_is_one_source() {
    let home = Home::new();
    let settings = home.load(&text()).unwrap().settings;
    let labels: Vec<_> = settings
        .crls
        .iter()
        .map(|(_, source)| source.label())
        .collect();
    assert_eq!(labels, ["ministry.crl", "https://crl.example/root.crl"]);

    let file = CrlPlace::File(home.path("ministry.crl"));
    let url = CrlPlace::Url("https://crl.example/root.crl".to_owned());
    let (file, url) = (settings.crls.find(&file), settings.crls.find(&url));
    let (file, url) = (file.unwrap(), url.unwrap());
    assert!(file.facts().is_some());
    assert_eq!(url.facts(), None);

    let partners: Vec<_> = settings.policy.partners().collect();
    let outward = &partners[0].outbound().identity.revocation;
    let outward = outward.as_ref().unwrap();
    assert_eq!(outward.unknown(), UnknownStatus::Refuse);
    assert!(
        outward
            .sources()
            .iter()
            .any(|source| Arc::ptr_eq(source, file))
    );
    let inward = &partners[0].inbound().identity.revocation;
    let inward = inward.as_ref().unwrap();
    assert_eq!(inward.unknown(), UnknownStatus::Accept);
    assert!(Arc::ptr_eq(&inward.sources()[0], file));
    let other = &partners[1].outbound().identity.revocation;
    assert!(Arc::ptr_eq(&other.as_ref().unwrap().sources()[0], url));
}

#[test]
fn a_reload_keeps_the_sources() {
    let home = Home::new();
    let path = home.path("postern.toml");
    home.put("ministry.crl", list(2, Validity::Current));
    let before = home.load(&text()).unwrap().settings.crls;

    let after = postern_config::reload(&path, &before).unwrap().settings;
    for (place, source) in before.iter() {
        assert!(
            Arc::ptr_eq(source, after.crls.find(place).unwrap()),
            "{place:?}"
        );
    }

    home.put("ministry.crl", list(1, Validity::Current));
    let loaded = postern_config::reload(&path, &after.crls).unwrap();
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    let older = "the revocation list is older than the one held";
    assert!(warnings[0].contains(older), "{warnings:?}");

    let fewer = postern_config::reload(&path, &after.crls)
        .unwrap()
        .settings
        .crls;
    assert_eq!(fewer.len(), 2);
    home.put("postern.toml", BASE);
    let none = postern_config::reload(&path, &after.crls)
        .unwrap()
        .settings
        .crls;
    assert!(none.is_empty());
}

#[test]
fn a_list_that_ran_out_is_refused_at_check_and_does_not_stop_the_daemon() {
    let home = Home::new();
    home.put("ministry.crl", list(1, Validity::Expired));
    let errors = home.errors(&text());
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].starts_with(
            "postern.toml:23:8: partner.outbound.crl: ministry.crl: the revocation list of \
             O=Postern tests, CN=Ministry CA ran out on "
        ) && errors[0].ends_with("; have the authority's current one fetched"),
        "{errors:?}"
    );

    let path = home.path("postern.toml");
    let started = postern_config::load_to_start(&path).unwrap();
    assert_eq!(started.warnings.len(), 2, "{:?}", started.warnings);
    let again = postern_config::reload(&path, &started.settings.crls).unwrap();
    assert_eq!(again.warnings.len(), 2, "{:?}", again.warnings);
    let file = CrlPlace::File(path.with_file_name("ministry.crl"));
    assert!(again.settings.crls.find(&file).unwrap().facts().is_some());
}

#[test]
fn a_list_that_is_missing_is_refused_at_check_and_does_not_stop_the_daemon() {
    let home = Home::new();
    std::fs::remove_file(home.path("ministry.crl")).unwrap();
    let errors = home.errors(&text());
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(
        errors[0].contains("ministry.crl cannot be read: "),
        "{errors:?}"
    );

    let path = home.path("postern.toml");
    let started = postern_config::load_to_start(&path).unwrap();
    assert_eq!(started.warnings.len(), 2, "{:?}", started.warnings);
    let again = postern_config::reload(&path, &started.settings.crls).unwrap();
    assert_eq!(again.warnings.len(), 2, "{:?}", again.warnings);
    let file = CrlPlace::File(path.with_file_name("ministry.crl"));
    assert!(again.settings.crls.find(&file).unwrap().facts().is_none());
}

#[test]
fn a_file_must_be_a_list_that_only_we_may_change() {
    let home = Home::new();
    let wrong = |home: &Home| {
        let errors = home.errors(&text());
        assert_eq!(errors.len(), 2, "{errors:?}");
        errors[0].clone()
    };
    home.put("ministry.crl", "nothing");
    assert_eq!(
        wrong(&home),
        "postern.toml:23:8: partner.outbound.crl: ministry.crl: there is no revocation list in \
         it, neither in DER nor in PEM (X509 CRL); give a file of complete revocation lists, in \
         PEM, or of one in DER"
    );
    home.put("ministry.crl", list(1, Validity::NotYet));
    assert!(wrong(&home).ends_with("set the clock of this host, or wait"));
    home.put("ministry.crl", list(1, Validity::Current));
    home.protect("ministry.crl", 0o666);
    assert!(wrong(&home).ends_with("take that right away: chmod o-w"));
    std::fs::remove_file(home.path("ministry.crl")).unwrap();
    assert!(wrong(&home).contains("cannot be read"));
}
