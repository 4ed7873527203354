//! Our own MTA-STS policy, and whether those of others count.

use postern_config::HonourSts;
use postern_policy::StsMode;
use postern_testkit::{Authority, Leaf};

use crate::home::{BASE, Home};

fn served(rest: &str) -> String {
    format!("{BASE}[mta-sts]\nhttps = \"127.0.0.1:0\"\n{rest}")
}

#[test]
fn policies_of_others_count_unless_the_operator_says_otherwise() {
    let home = Home::new();
    let settings = home.load(BASE).unwrap().settings;
    assert_eq!(settings.mta_sts.honour, HonourSts::Yes);
    assert_eq!(settings.mta_sts.serving, None);

    let text = format!("{BASE}[mta-sts]\nhonour = false\n");
    assert_eq!(
        home.warnings(&text),
        [
            "postern.toml:17:10: mta-sts.honour: mail travels in clear to domains whose policies \
             ask for TLS; write true; TLS-Required: No is for the messages that cannot wait"
        ]
    );
    let settings = home.load(&text).unwrap().settings;
    assert_eq!(settings.mta_sts.honour, HonourSts::No);
}

#[test]
fn our_policy_names_this_host_unless_it_names_others() {
    let home = Home::new();
    let serving = |rest: &str| home.load(&served(rest)).unwrap().settings.mta_sts.serving;
    let testing = serving("mode = \"testing\"\n").unwrap();
    assert_eq!(testing.policy.mode(), StsMode::Testing);
    assert_eq!(
        testing.policy.to_text(),
        "version: STSv1\r\nmode: testing\r\nmx: mx1.example.org\r\nmax_age: 604800\r\n"
    );
    assert_eq!(testing.domains, ["example.org".parse().unwrap()]);
    assert_eq!(testing.certificate, None);

    let none = serving("mode = \"none\"\nmax-age = \"1d\"\n").unwrap();
    assert_eq!(
        none.policy.to_text(),
        "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n"
    );

    let several = "mode = \"enforce\"\nmx = [\"*.example.org\", \"b.example.net\"]\n";
    let several = serving(several).unwrap();
    assert_eq!(several.policy.mx().len(), 2);
}

#[test]
fn what_senders_would_stumble_over_is_warned_of() {
    let home = Home::new();
    let rest = "mode = \"enforce\"\nmx = [\"mx2.example.org\"]\nmax-age = \"1d\"\n\
                certificate = \"gateway\"\n";
    let gateway = "[[tls.certificate]]\nname = \"gateway\"\nchain = \"gateway.pem\"\n\
                   key = \"gateway.key\"\n";
    assert_eq!(
        home.warnings(&format!("{}{gateway}", served(rest))),
        [
            "postern.toml:19:1: mta-sts.mx: leaves out mx1.example.org, which is this host; name \
             every host of our MX records",
            "postern.toml:20:11: mta-sts.max-age: 1d is short: who withholds the policy waits no \
             longer; write at least 1w",
            "postern.toml:21:15: mta-sts.certificate: no certificate that is shown is for \
             mta-sts.example.org; senders cannot fetch the policy of that domain; have one issued \
             for the name",
        ]
    );
    let wildcard = Leaf::named("*.example.org");
    let wildcard = Authority::new("Our CA").issue(&wildcard);
    wildcard.write(&home.path(""), "gateway");
    let warnings = home.warnings(&format!("{}{gateway}", served(rest)));
    assert_eq!(warnings.len(), 2, "{warnings:?}");
}
