//! What is allowed, and told to be unwise.

use postern_tls::{Profile, ProfileName};

use crate::home::{BASE, Home};

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(Home::new().warnings(text), expected);
}

#[test]
fn a_plain_configuration_gives_no_warning() {
    check(BASE, &[]);
}

#[test]
fn listeners_without_tls_are_warned_of() {
    let text = BASE.replace("role = \"mx\"\n", "role = \"mx\"\ntls = \"none\"\n")
        + r#"
[[listener]]
address = "127.0.0.1:0"
role = "relay"
tls = "none"
networks = ["127.0.0.0/8"]

[[listener]]
address = "127.0.0.1:0"
role = "relay"
tls = "none"
networks = ["0.0.0.0/4"]
"#;
    check(
        &text,
        &[
            "postern.toml:6:7: listener.tls: strangers are offered no TLS, and partners that must \
             use it cannot deliver; write \"starttls\"",
            "postern.toml:27:7: listener.tls: the mail of your own hosts comes in clear; write \
             \"starttls\" or \"required\"",
            "postern.toml:28:13: listener.networks: 0.0.0.0/4 lets very many hosts send to any \
             domain; name only the networks of your own hosts",
        ],
    );
}

#[test]
fn an_mx_without_domains_is_warned_of() {
    let end = BASE.find("[[domain]]").unwrap();
    check(
        &BASE[..end],
        &[
            "postern.toml:3:1: listener: role \"mx\" accepts mail for the domains of [[domain]], \
             and there is none; write a [[domain]] with name and next-hop",
        ],
    );
}

#[test]
fn what_weakens_delivery_is_warned_of() {
    check(
        &format!(
            "{}[queue]\nlifetime = \"1d\"\n\n[delivery]\nallow-private-targets = true\n",
            BASE.replace("mx1.example.org", "mx1"),
        ),
        &[
            "postern.toml:1:12: hostname: mx1 is not fully qualified (RFC 5321 §2.3.5); many \
             hosts refuse such a greeting; write the whole name, such as mx1.example.org",
            "postern.toml:1:12: hostname: no [[tls.certificate]] is for mx1; peers that verify \
             certificates will refuse this host under that name; add one",
            "postern.toml:17:12: queue.lifetime: 1d is short: an outage over a weekend bounces \
             mail; RFC 5321 §4.5.4.1 asks for at least 4 to 5 days",
            "postern.toml:20:25: delivery.allow-private-targets: lets the owner of any domain \
             have this host speak to inner hosts; name inner hosts in [[route]] or [[domain]] \
             instead",
        ],
    );
}

#[test]
fn dns_answers_that_nobody_proves_are_warned_of() {
    check(
        &format!("{BASE}[dns]\ndnssec = \"off\"\n"),
        &[
            "postern.toml:17:10: dns.dnssec: nothing that the DNS says is proven, and DANE \
             protects no delivery; write \"validate\", and ask servers that pass signatures on",
        ],
    );
}

#[test]
fn a_partner_that_a_listener_shuts_out_is_warned_of() {
    let listener = BASE.replace("role = \"mx\"\n", "role = \"mx\"\nprofile = \"modern\"\n");
    let text = format!(
        "{listener}[[partner]]\nname = \"Ministry\"\ndomains = [\"ministry.example\"]\n\
         profile = \"suite-b-128\"\n\n[partner.outbound]\nrequire = \"encrypted\"\n\n\
         [partner.inbound]\nrequire = \"encrypted\"\n"
    );
    check(
        &text,
        &[
            "postern.toml:6:11: listener.profile: modern allows nothing that the profile \
             suite-b-128 of partner Ministry allows: no protocol version is left; let the partner \
             deliver to another listener",
        ],
    );
    let settings = Home::new().load(&text).unwrap().settings;
    let profile = settings.listeners[0].profile;
    assert_eq!(profile.map(Profile::name), Some(ProfileName::Modern));
}

#[test]
fn a_direction_that_a_partner_leaves_out_is_warned_of() {
    let text = format!(
        "{BASE}[[partner]]\nname = \"Ministry\"\ndomains = [\"ministry.example\"]\n\n\
         [partner.outbound]\nrequire = \"encrypted\"\n"
    );
    check(
        &text,
        &[
            "postern.toml:16:1: partner.inbound: is absent, so mail from the partner may travel \
             without TLS; write [partner.inbound] and what it requires",
        ],
    );
}
