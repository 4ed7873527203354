//! What is done with mail itself: judged, signed, sent on, reported.

use std::time::{Duration, SystemTime};

use postern_config::{AliasAddress, DmarcPolicy, Judgement, Quarantine, SpfOthers};

use crate::{
    exceptions::in_days,
    home::{BASE, Home},
};

#[track_caller]
fn check(home: &Home, rest: &str, expected: &[&str]) {
    assert_eq!(home.warnings(&format!("{BASE}{rest}")), expected);
}

#[track_caller]
fn refuse(home: &Home, rest: &str, expected: &[&str]) {
    assert_eq!(home.errors(&format!("{BASE}{rest}")), expected);
}

/// Where what follows [`BASE`] may be warned of; the moments in it differ from day to day.
#[track_caller]
fn check_part(rest: &str, expected: Option<&str>) {
    let warnings = Home::new().warnings(&format!("{BASE}{rest}"));
    match expected {
        Some(part) => {
            let told = matches!(warnings.as_slice(), [warning] if warning.contains(part));
            assert!(told, "{warnings:?}");
        }
        None => assert!(warnings.is_empty(), "{warnings:?}"),
    }
}

#[test]
fn strangers_are_judged_unless_a_listener_says_otherwise() {
    let home = Home::new();
    let settings = home.load(BASE).unwrap().settings;
    assert_eq!(
        settings.listeners[0].authentication,
        Judgement::Enforce(Quarantine::Mark)
    );
    let authentication = settings.authentication;
    assert_eq!(authentication.authserv_id.as_str(), "mx1.example.org");
    assert_eq!(authentication.time_limit, Duration::from_secs(20));
    assert_eq!(authentication.temperror_limit, Duration::from_secs(3600));
    assert_eq!(authentication.arc, None);

    let off = BASE.replace(
        "role = \"mx\"\n",
        "role = \"mx\"\nauthentication = \"off\"\n",
    );
    assert_eq!(
        home.warnings(&format!("{off}[authentication]\nreceived-spf = true\n")),
        [
            "postern.toml:6:18: listener.authentication: anybody can send in anybody's name, and \
             nobody sees it; write \"mark\" to begin with, and \"enforce\" when the marks are \
             right",
            "postern.toml:17:1: authentication: has no effect: every listener has authentication \
             = \"off\"; write \"enforce\" or \"mark\" there",
        ]
    );
    let mark = off.replace("\"off\"", "\"mark\"");
    let settings = home.load(&mark).unwrap().settings;
    assert_eq!(settings.listeners[0].authentication, Judgement::Mark);
}

#[test]
fn what_would_vouch_for_every_author_is_warned_of() {
    check(
        &Home::new(),
        r#"[authentication]
memory = "1MiB"
trusted-sealers = ["lists.example", "mail.ministry.example"]
trusted-forwarders = ["8.0.0.0/6"]

[[partner]]
name = "Ministry"
domains = ["*.ministry.example"]

[partner.outbound]
require = "encrypted"

[partner.inbound]
require = "encrypted"
"#,
        &[
            "postern.toml:17:1: authentication.memory: messages larger than 1MiB keep their \
             signatures unverified, and 50MiB are let in; give at least limits.message-size",
            "postern.toml:18:37: authentication.trusted-sealers: mail.ministry.example is a domain \
             of partner Ministry, who can then vouch for every author; trust the domain of a list \
             or a forwarder alone",
            "postern.toml:19:23: authentication.trusted-forwarders: 8.0.0.0/6 lets very many hosts \
             send in every author's name; name only the hosts that forward mail to you",
        ],
    );
}

#[test]
fn a_seal_and_a_signature_share_a_name_only_with_their_key() {
    let home = Home::new();
    let dkim = "[[domain.dkim]]\nselector = \"A\"\nkey = \"dkim-2026a.key\"\n";
    let arc = "[authentication.arc]\ndomain = \"example.org\"\nselector = \"a\"\nkey = ";
    refuse(
        &home,
        &format!("{dkim}\n{arc}\"arc.key\"\n"),
        &[
            "postern.toml:22:12: authentication.arc.selector: a is the name of another key of \
             example.org in line 17; give each key a name of its own, or the same file",
        ],
    );
    let text = format!("{BASE}{dkim}\n{arc}\"dkim-2026a.key\"\n");
    let settings = home.load(&text).unwrap().settings;
    let arc = settings.authentication.arc.unwrap();
    assert_eq!(arc.key, home.path("dkim-2026a.key"));
    assert_eq!(settings.domains[0].dkim[0].selector, "a");
}

#[test]
fn keys_that_sign_are_private_and_belong_to_one_domain() {
    let home = Home::new();
    home.protect("dkim-2026a.key", 0o644);
    let key = "[[domain.dkim]]\nselector = \"2026a\"\nkey = \"dkim-2026a.key\"\n";
    refuse(
        &home,
        key,
        &[
            "postern.toml:18:7: domain.dkim.key: dkim-2026a.key is secret and may be read by \
             everyone on this host (mode 0644); take that right away: chmod o-rwx",
        ],
    );
    home.protect("dkim-2026a.key", 0o640);
    let below = "[[domain]]\nname = \"*.example.org\"\nnext-hop = [\"mail.internal\"]\n";
    refuse(
        &home,
        &format!("{below}{key}"),
        &[
            "postern.toml:19:1: domain.dkim: *.example.org is many domains, and a key is published \
             for one; write it below the [[domain]] example.org: it signs for the domains below \
             that one as well",
        ],
    );
    let label = "a".repeat(60);
    let long = key.replace("2026a\"\n", &format!("{label}.{label}.{label}.{label}\"\n"));
    let errors = home.errors(&format!("{BASE}{long}"));
    assert!(
        errors[0].contains("._domainkey.example.org cannot be looked up: "),
        "{errors:?}"
    );
    assert!(
        errors[0].ends_with("; give a shorter selector"),
        "{errors:?}"
    );
}

/// The keys of a domain, each from so many days ahead to so many.
fn keys(terms: &[(Option<i64>, Option<i64>)]) -> String {
    let moment = |name, days: Option<i64>| {
        days.map_or_else(String::new, |days| {
            format!("{name} = \"{}\"\n", in_days(days))
        })
    };
    let keys = terms.iter().enumerate().map(|(at, (from, until))| {
        let (from, until) = (moment("from", *from), moment("until", *until));
        format!("[[domain.dkim]]\nselector = \"k{at}\"\nkey = \"dkim-2026a.key\"\n{from}{until}")
    });
    keys.collect()
}

#[test]
fn times_when_no_key_signs_are_warned_of() {
    check_part(&keys(&[(None, None)]), None);
    check_part(&keys(&[(None, Some(2)), (Some(1), None)]), None);
    check_part(&keys(&[(Some(-2), Some(30))]), None);
    check_part(
        &keys(&[(None, Some(-1))]),
        Some("every key has ended: mail of example.org is not signed; add a key that signs then"),
    );
    check_part(
        &keys(&[(Some(1), None)]),
        Some("domain.dkim: no key signs mail of example.org before "),
    );
    check_part(
        &keys(&[(None, Some(1)), (Some(2), None)]),
        Some(" no key signs mail of example.org; add a key"),
    );
    check_part(
        &keys(&[(None, Some(3)), (None, Some(4))]),
        Some("domain.dkim: the last key ends on "),
    );
}

#[test]
fn keys_have_their_terms() {
    let text = format!("{BASE}{}", keys(&[(Some(-1), Some(90))]));
    let settings = Home::new().load(&text).unwrap().settings;
    let key = &settings.domains[0].dkim[0];
    assert!(key.from.unwrap() < SystemTime::now());
    assert!(SystemTime::now() < key.until.unwrap());
}

#[test]
fn mail_that_leaves_in_its_senders_name_is_warned_of() {
    let home = Home::new();
    let aliases = r#"[[alias]]
address = "sales@example.org"
to = ["jo@example.org", "mo@example.net"]

[[domain]]
name = "old.example"
next-hop = ["mail.internal:25"]

[[rewrite]]
domain = "old.example"
to = "example.com"

"#;
    check(
        &home,
        aliases,
        &[
            "postern.toml:18:25: alias.to: mail leaves for mo@example.net in its sender's name, \
             and SPF fails there; write [srs], so that it takes a reverse-path of ours",
            "postern.toml:26:6: rewrite.to: mail leaves for example.com in its sender's name, and \
             SPF fails there; write [srs], so that it takes a reverse-path of ours",
        ],
    );
    let srs = "[srs]\ndomain = \"example.org\"\nsecret = [\"srs.secret\"]\n";
    check(&home, &format!("{aliases}{srs}"), &[]);
    let settings = home
        .load(&format!("{BASE}{aliases}{srs}"))
        .unwrap()
        .settings;
    let sales = "sales@example.org".parse().unwrap();
    assert_eq!(settings.aliases[0].address, AliasAddress::Mailbox(sales));
    assert_eq!(settings.aliases[0].to.len(), 2);
    assert_eq!(settings.rewrites[0].to.as_str(), "example.com");
    let srs = settings.srs.unwrap();
    assert_eq!(srs.secrets[0].octets(), b"0123456789abcdef");
    assert!(!format!("{srs:?}").contains("48"), "{srs:?}");
}

#[test]
fn a_secret_is_long_and_private() {
    let home = Home::new();
    let srs = "[srs]\ndomain = \"example.org\"\nsecret = [\"srs.secret\"]\n";
    home.put("srs.secret", "0123456789abcde\n\n");
    refuse(
        &home,
        srs,
        &[
            "postern.toml:18:11: srs.secret: srs.secret holds 15 octets; put a secret of at least \
             16 octets there",
        ],
    );
    home.protect("srs.secret", 0o604);
    refuse(
        &home,
        srs,
        &[
            "postern.toml:18:11: srs.secret: srs.secret is secret and may be read by everyone on \
             this host (mode 0604); take that right away: chmod o-rwx",
        ],
    );
}

#[test]
fn an_address_of_many_may_keep_its_mail() {
    let rest = r#"[[alias]]
address = "@example.org"
to = ["jo@example.org", "mo@example.org"]

[[alias]]
address = "jo@example.org"
to = ["JO@example.org"]

[[alias]]
address = "mo@example.org"
to = ["mo@example.org"]

[[alias]]
address = "dmarc@example.org"
to = ["dmarc@example.org"]

[reports]
receive = ["dmarc@example.org"]
"#;
    check(&Home::new(), rest, &[]);
}

#[test]
fn aliases_lead_only_so_far() {
    let chain = (0..33).map(|at| {
        let next = at + 1;
        format!("[[alias]]\naddress = \"a{at}@example.org\"\nto = [\"a{next}@example.org\"]\n")
    });
    let chain: String = chain.collect();
    refuse(
        &Home::new(),
        &chain,
        &[
            "postern.toml:17:11: alias.address: leads through more than 32 addresses; lead to the \
             last of them at once",
        ],
    );
    let shorter = chain.replacen("a1@", "a2@", 1);
    check(&Home::new(), &shorter, &[]);
}

#[test]
fn reports_come_from_the_postmaster_unless_somebody_else_answers() {
    let home = Home::new();
    let settings = home.load(BASE).unwrap().settings;
    let reports = settings.reports;
    assert_eq!(reports.contact.to_string(), "postmaster@example.org");
    assert_eq!(reports.organisation, "example.org");
    assert!(reports.dmarc && reports.tls && reports.receive.is_empty());
    assert_eq!(reports.failures, None);
    assert_eq!(settings.publish.dmarc_reports, [reports.contact]);

    let own = BASE.find("[[domain]]").unwrap();
    let settings = home.load(&BASE[..own]).unwrap().settings;
    let contact = settings.reports.contact;
    assert_eq!(contact.to_string(), "postmaster@mx1.example.org");

    let strange = "[reports]\ncontact = \"jo@example.net\"\nfailure = true\n";
    check(
        &home,
        strange,
        &[
            "postern.toml:17:11: reports.contact: jo@example.net is in no [[domain]]: no key of \
             ours signs the reports, and they count for little; give a mailbox in a domain of ours",
        ],
    );
    let reports = home
        .load(&format!("{BASE}{strange}"))
        .unwrap()
        .settings
        .reports;
    assert_eq!(reports.failures.map(u32::from), Some(10));
    refuse(
        &home,
        "[reports]\ncontact = \"r@example.org\"\nreceive = [\"r@example.org\"]\n",
        &[
            "postern.toml:17:11: reports.contact: stands in receive as well, where nobody reads \
             what people write; give a mailbox that somebody reads",
        ],
    );
}

#[test]
fn what_is_published_follows_from_the_rest() {
    let home = Home::new();
    let publish = home.load(BASE).unwrap().settings.publish;
    assert_eq!(publish.mx, ["mx1.example.org".parse().unwrap()]);
    assert_eq!(publish.spf_others, SpfOthers::SoftFail);
    assert_eq!(publish.dmarc_subdomain_policy, DmarcPolicy::None);
    assert_eq!(publish.ttl, Duration::from_secs(3600));

    let rest = r#"[reports]
receive = ["dmarc@example.org", "tls@example.org"]

[publish]
dmarc-policy = "reject"
tls-reports = ["tls@example.org"]
"#;
    let publish = home
        .load(&format!("{BASE}{rest}"))
        .unwrap()
        .settings
        .publish;
    assert_eq!(publish.dmarc_subdomain_policy, DmarcPolicy::Reject);
    assert_eq!(publish.dmarc_reports.len(), 2);
    assert_eq!(publish.tls_reports.len(), 1);
}

#[test]
fn what_receivers_would_stumble_over_is_warned_of() {
    check(
        &Home::new(),
        r#"[mta-sts]
https = "127.0.0.1:0"
mode = "testing"

[publish]
addresses = ["192.0.2.1", "10.0.0.0/8"]
mx = ["mx1.example.org", "mx2.example.org"]
dmarc-policy = "quarantine"
dmarc-subdomain-policy = "none"
"#,
        &[
            "postern.toml:21:27: publish.addresses: 10.0.0.0/8 is not on the public internet; give \
             the addresses that receivers see",
            "postern.toml:22:26: publish.mx: our MTA-STS policy leaves out mx2.example.org; name \
             it in mta-sts.mx as well",
            "postern.toml:24:1: publish.dmarc-subdomain-policy: asks for less than dmarc-policy: \
             any name below ours passes for one of ours; remove the key, or ask for as much",
        ],
    );
}

#[test]
fn a_key_that_is_to_come_is_another_one() {
    let home = Home::new();
    let next = |file: &str| {
        let key = "key = \"default.key\"\n";
        BASE.replace(key, &format!("{key}next-key = \"{file}\"\n"))
    };
    let settings = home.load(&next("next.key")).unwrap().settings;
    let coming = &settings.certificates.next_keys[0];
    assert_eq!(coming.certificate, "default");
    assert_eq!(coming.key, home.path("next.key"));
    assert_eq!(
        home.errors(&next("default.key")),
        [
            "postern.toml:11:12: tls.certificate.next-key: is the key that is used now; give the \
             key of the next certificate, or remove the key"
        ]
    );
    home.protect("next.key", 0o644);
    let errors = home.errors(&next("next.key"));
    assert!(
        errors[0].contains("next.key is secret and may be read by everyone"),
        "{errors:?}"
    );
}
