use std::{net::SocketAddr, num::NonZeroU32, path::Path, time::Duration};

use postern_inbound::{Role, TlsMode};
use postern_mail::{Domain, ForwardPath};
use postern_outbound::{AddressFamilies, Pace, PaceOverride, PrivateTargets, Rate};
use postern_policy::{DeliveryRequest, PartnerName};
use rustls_pki_types::UnixTime;

use super::{delivery::own_addresses, *};

fn wiring(text: &str) -> Wiring {
    let loaded = postern_config::parse(text, Path::new("/etc/postern/postern.toml"));
    match loaded {
        Ok(loaded) => Wiring::try_from(loaded.settings).unwrap(),
        Err(errors) => panic!("{errors}"),
    }
}

/// What every test begins with. Trust is of files that every build has.
const HEAD: &str = r#"
hostname = "mx1.example.org"
[tls]
trust = ["public"]
"#;

#[test]
fn every_setting_arrives_where_it_counts() {
    let wiring = wiring(&format!(
        r#"{HEAD}
        [spool]
        path = "/nonexistent/queue"
        reserve = "1GiB"
        [[listener]]
        address = "127.0.0.1:2525"
        role = "relay"
        tls = "none"
        networks = ["127.0.0.0/8"]
        max-connections = 7
        [[domain]]
        name = "example.org"
        next-hop = ["192.0.2.1:2525"]
        [dns]
        servers = ["127.0.0.1:5353"]
        dnssec = "validate"
        [queue]
        retry = ["2s"]
        lifetime = "6d"
        delay-notice = "3s"
        [limits]
        message-size = "1MiB"
        recipients = 123
        connections = 50
        connections-per-address = 5
        [delivery]
        connections = 3
        concurrency = 4
        address-families = "ipv4"
        allow-private-targets = true
        [admin]
        socket = "/nonexistent/control.sock"
        "#
    ));
    assert_eq!(wiring.spool.path, Path::new("/nonexistent/queue"));
    assert_eq!(wiring.spool.reserve, 1 << 30);
    let server: SocketAddr = "127.0.0.1:5353".parse().unwrap();
    assert_eq!(wiring.dns.servers, postern_dns::Servers::At(vec![server]));
    let built_in = postern_dns::Validation::With(postern_dns::TrustAnchors::BuiltIn);
    assert_eq!(wiring.dns.validation, built_in);

    let delivery = &wiring.delivery;
    assert_eq!(delivery.hostname.as_str(), "mx1.example.org");
    assert_eq!(delivery.schedule.retry.len(), 1);
    assert_eq!(delivery.schedule.retry[0].as_secs(), 2);
    assert_eq!(delivery.schedule.lifetime.as_secs(), 6 * 24 * 60 * 60);
    assert_eq!(delivery.schedule.delay_notice.as_secs(), 3);
    assert_eq!((delivery.pace.connections, delivery.messages), (3, 4));
    assert_eq!(delivery.families, AddressFamilies::Ipv4);
    assert_eq!(delivery.private_targets, PrivateTargets::Allowed);

    let reception = &wiring.reception;
    let [listener] = reception.listeners.as_slice() else {
        panic!("one listener: {reception:?}");
    };
    assert_eq!(listener.tls, TlsMode::None);
    assert_eq!(listener.connections, 7);
    assert!(matches!(&listener.role, Role::Relay { networks } if networks.len() == 1));
    assert_eq!(reception.limits.connections, 50);
    assert_eq!(reception.limits.connections_per_address, 5);
    assert_eq!(reception.limits.session.content, 1 << 20);
    assert_eq!(reception.limits.session.recipients, 123);
    let own: Domain = "example.org".parse().unwrap();
    assert!(reception.domains.find(&own).is_some());
    assert_eq!(
        wiring.control_socket,
        Path::new("/nonexistent/control.sock")
    );
}

#[test]
fn mail_goes_as_fast_as_the_configuration_says() {
    let wiring = wiring(&format!(
        r#"{HEAD}
        [[listener]]
        address = "127.0.0.1:0"
        role = "relay"
        tls = "none"
        networks = ["127.0.0.0/8"]
        [[domain]]
        name = "example.org"
        next-hop = ["mail.internal:24"]
        connections = 2
        [[route]]
        domains = ["slow.example"]
        rate = "6/m"
        [[partner]]
        name = "Bank"
        domains = ["bank.example"]
        [partner.outbound]
        messages-per-connection = 100
        rate = "5/s"
        [delivery]
        connections = 3
        rate = "7/h"
        "#
    ));
    let number = |number| NonZeroU32::new(number).unwrap();
    let rate = |messages, seconds| {
        let (messages, per) = (number(messages), Duration::from_secs(seconds));
        Some(Rate { messages, per })
    };
    let delivery = &wiring.delivery;
    let general = Pace {
        connections: 3,
        initial_connections: 3,
        messages_per_connection: None,
        rate: rate(7, 3600),
    };
    assert_eq!(delivery.pace, general);
    let bank = "Bank".parse::<PartnerName>().unwrap();
    let expected = PaceOverride {
        messages_per_connection: Some(number(100)),
        rate: rate(5, 1),
        ..PaceOverride::default()
    };
    assert_eq!(delivery.partner_paces.len(), 1);
    assert_eq!(delivery.partner_paces[&bank], expected);
    let said = |recipient: &str| {
        let (path, _) = ForwardPath::parse_prefix(recipient).unwrap();
        delivery.routes.way(&path).unwrap().route.unwrap().pace
    };
    assert_eq!(said("<a@example.org>").connections, Some(2));
    assert_eq!(said("<a@slow.example>").rate, rate(6, 60));
}

#[track_caller]
fn check_way(wiring: &Wiring, recipient: &str, expected: &[&str]) {
    let (path, _) = ForwardPath::parse_prefix(recipient).unwrap();
    let way = wiring.delivery.routes.way(&path).unwrap();
    let plan = wiring.policy.plan_delivery(
        &DeliveryRequest::to(&way.destination).over(way.floor()),
        UnixTime::now(),
    );
    let hops: Vec<_> = way
        .fixed_hops(&plan)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(hops, expected, "{recipient}");
}

#[test]
fn mail_goes_where_the_configuration_says() {
    let wiring = wiring(&format!(
        r#"{HEAD}
        [[listener]]
        address = "127.0.0.1:0"
        role = "relay"
        tls = "none"
        networks = ["127.0.0.0/8"]
        [[domain]]
        name = "example.org"
        next-hop = ["mail.internal:24"]
        [[route]]
        domains = ["direct.example"]
        require = "encrypted"
        [[route]]
        domains = ["*"]
        next-hop = ["smarthost.example:587"]
        [[partner]]
        name = "P"
        domains = ["partner.example"]
        stage = "enforce"
        [partner.outbound]
        require = "encrypted"
        hosts = ["mx.partner.example:26"]
        "#
    ));
    check_way(&wiring, "<a@example.org>", &["mail.internal:24"]);
    check_way(&wiring, "<Postmaster>", &["mail.internal:24"]);
    check_way(&wiring, "<a@direct.example>", &[]);
    check_way(&wiring, "<a@else.example>", &["smarthost.example:587"]);
    check_way(&wiring, "<a@partner.example>", &["mx.partner.example:26"]);
    check_way(&wiring, "<a@[192.0.2.1]>", &[]);
}

#[test]
fn a_listener_on_every_address_is_at_loopback_too() {
    let bound = ["0.0.0.0:25", "[::]:26", "192.0.2.1:27"].map(|it| it.parse().unwrap());
    let own: Vec<_> = own_addresses(&bound)
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [
        "0.0.0.0:25",
        "[::]:26",
        "192.0.2.1:27",
        "127.0.0.1:25",
        "[::1]:26",
    ];
    assert_eq!(own, expected);
}

#[test]
fn what_is_fetched_from_others_follows_the_configuration() {
    let silent = wiring(HEAD_AND_LISTENER);
    assert_eq!(silent.honour, HonourSts::Yes);
    assert_eq!(silent.targets, Targets::Public);
    assert_eq!(silent.serving, None);
    assert!(silent.revocation.is_empty());

    let told = wiring(&format!(
        r#"{HEAD_AND_LISTENER}
        [mta-sts]
        honour = false
        [delivery]
        allow-private-targets = true
        [[partner]]
        name = "P"
        domains = ["partner.example"]
        stage = "observe"
        [partner.outbound]
        require = "authenticated"
        crl = ["http://crl.partner.example/ca.crl"]
        [partner.inbound]
        require = "authenticated"
        names = ["out.partner.example"]
        crl = ["http://crl.partner.example/ca.crl"]
        [[partner]]
        name = "Q"
        domains = ["q.example"]
        stage = "observe"
        [partner.outbound]
        require = "authenticated"
        crl = ["https://crl.q.example/ca.crl"]
        "#
    ));
    assert_eq!(told.honour, HonourSts::No);
    assert_eq!(told.targets, Targets::Any);
    let places: Vec<_> = told
        .revocation
        .iter()
        .map(|it| match &it.place {
            postern_fetch::CrlPlace::Url(url) => url.as_str(),
            postern_fetch::CrlPlace::File(path) => panic!("{}", path.display()),
        })
        .collect();
    let expected = [
        "http://crl.partner.example/ca.crl",
        "https://crl.q.example/ca.crl",
    ];
    assert_eq!(places, expected);
    // Whoever refreshes a list does so for the rule that asks it.
    let partner = told.policy.partners().next().unwrap();
    let check = partner.outbound().identity.revocation.as_ref().unwrap();
    assert!(Arc::ptr_eq(&check.sources()[0], &told.revocation[0].source));
}

#[test]
fn a_listener_has_its_own_profile() {
    let text = HEAD_AND_LISTENER.replace("tls = \"none\"", "profile = \"modern\"");
    let home = tempfile::tempdir().unwrap();
    let leaf = postern_testkit::Leaf::named("mx1.example.org");
    let authority = postern_testkit::Authority::new("Test CA");
    authority.issue(&leaf).write(home.path(), "mx");
    let text = format!(
        "{text}\n[[tls.certificate]]\nname = \"default\"\nchain = \"mx.pem\"\nkey = \"mx.key\"\n"
    );
    let loaded = postern_config::parse(&text, &home.path().join("postern.toml"));
    let wiring = Wiring::try_from(loaded.unwrap().settings).unwrap();
    let profile = wiring.reception.listeners[0].profile.map(|it| it.name());
    assert_eq!(profile, Some(postern_tls::ProfileName::Modern));
}

/// A host that takes mail from its own network alone.
const HEAD_AND_LISTENER: &str = r#"
hostname = "mx1.example.org"
[tls]
trust = ["public"]
[[listener]]
address = "127.0.0.1:0"
role = "relay"
tls = "none"
networks = ["127.0.0.0/8"]
"#;

#[test]
fn who_wrote_a_message_is_judged_and_said_as_the_configuration_has_it() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = home.path().join(name);
        std::fs::write(&file, text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
    };
    let key = postern_authentication::make_dkim_key(postern_authentication::DkimKeyKind::Ed25519);
    write("dkim.key", &key.unwrap());
    write("srs.secret", "0123456789abcdef0123456789abcdef");
    let text = format!(
        r#"{HEAD}
        [[listener]]
        address = "127.0.0.1:0"
        role = "mx"
        tls = "none"
        quarantine = "redirect"
        [[domain]]
        name = "example.org"
        next-hop = ["192.0.2.1:2525"]
        [[domain.dkim]]
        selector = "s1"
        key = "dkim.key"
        [[alias]]
        address = "sales@example.org"
        to = ["jo@example.org", "mo@example.net"]
        [authentication]
        authserv-id = "example.org"
        received-spf = true
        temperror-limit = "10m"
        quarantine-next-hop = ["quarantine.internal:26"]
        [authentication.arc]
        domain = "example.org"
        selector = "s1"
        key = "dkim.key"
        [srs]
        domain = "example.org"
        secret = ["srs.secret"]
        [reports]
        receive = ["dmarc@example.org"]
        "#
    );
    let loaded = postern_config::parse(&text, &home.path().join("postern.toml"));
    let settings = loaded.unwrap_or_else(|errors| panic!("{errors}")).settings;
    let wiring = Wiring::try_from(settings).unwrap();

    let dns = Arc::new(postern_dns::FixedZone::default());
    let reception = wiring.judging(dns);
    let judged = reception.authentication.unwrap();
    assert_eq!(judged.authserv_id, "example.org");
    assert!(judged.received_spf);
    assert_eq!(judged.temperror_limit.as_secs(), 600);
    assert!(judged.sealer.is_some());
    let own: Domain = "example.org".parse().unwrap();
    let now = std::time::SystemTime::now();
    assert_eq!(judged.signer.keys_for(&own, now).len(), 1);
    let apart = postern_inbound::Judgement::Enforce(postern_inbound::Quarantine::Redirect);
    assert_eq!(reception.listeners[0].judgement, apart);
    let (sales, _) = ForwardPath::parse_prefix("<sales@example.org>").unwrap();
    let behind = reception.rewriting.recipient(&sales, now).unwrap();
    assert_eq!(behind.to.len(), 2);

    let delivery = &wiring.delivery;
    assert!(delivery.srs.is_some() && delivery.signer.is_some());
    assert_eq!(delivery.quarantine[0].to_string(), "quarantine.internal:26");
    assert_eq!(delivery.local_addresses[0].to_string(), "dmarc@example.org");
    assert!(delivery.own_domains.find(&own).is_some());
}
