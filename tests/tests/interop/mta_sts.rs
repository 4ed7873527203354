//! MTA-STS (RFC 8461): policies found in the DNS, fetched over HTTPS from a real web server, and
//! kept to in delivery, beside DANE.

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Validity};
use postern_tests::configuration::Configuration;
use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::policy_host::{PolicyHost, answer, policy};
use postern_tests::postern::Installation;
use postern_tests::postfix::{Postfix, ServerTls, Setup};
use postern_tests::programs::Program;
use postern_tests::sink::Sink;
use postern_tests::tlsa::tlsa;
use postern_tests::zones::{Dns, Zone};

use crate::Scenario;
use crate::gateway::Gateway;
use crate::handover::{self, Expected, Outcome};
use Outcome::{Authenticated, Clear, Deferred, Encrypted};

/// What all scenarios need.
const NEEDS: &[Program] = &[
    Program::Nsd,
    Program::Unbound,
    Program::LdnsSignzone,
    Program::Postfix,
];

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "policies_decide_and_replace_nothing",
        needs: NEEDS,
        run: policies_decide,
    },
    Scenario {
        name: "policies_that_do_not_come_by_the_rules_do_not_count",
        needs: NEEDS,
        run: policies_that_do_not_count,
    },
    Scenario {
        name: "a_policy_outlives_its_host_and_the_daemon",
        needs: NEEDS,
        run: a_policy_outlives_its_host,
    },
    Scenario {
        name: "one_gateway_keeps_to_the_policy_that_another_one_serves",
        needs: NEEDS,
        run: our_own_policy,
    },
];

/// Mail hosts, each on an address of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// Its certificate is for `mx.` and the domain, from an authority that everybody trusts.
    Right = 1,
    /// Its certificate expired years ago and names another host.
    Wrong = 2,
    /// It offers no STARTTLS.
    Plain = 3,
    /// A gateway, where a scenario has a second one.
    Gateway = 43,
}

/// The last number of the address of the web server that has a right certificate.
const POLICIES: u8 = 40;
/// That of one whose certificate is for another name.
const IMPOSTOR: u8 = 41;
/// That of a gateway that serves its policy itself.
const OURS: u8 = 42;

/// A domain with the mail host `mx.DOMAIN`, and what its policy host answers.
struct Domain {
    name: &'static str,
    host: Host,
    answer: String,
    outcome: Outcome,
    /// How many TXT records announce the policy.
    announced: u8,
    policy_host: u8,
}

impl Domain {
    fn new(name: &'static str, host: Host, answer: impl Into<String>, outcome: Outcome) -> Self {
        Self {
            name,
            host,
            answer: answer.into(),
            outcome,
            announced: 1,
            policy_host: POLICIES,
        }
    }
}

fn policies_decide() -> Result<(), Fault> {
    let domains = [
        Domain::new(
            "met.insecure.example",
            Host::Right,
            policy("enforce", &["mx.met.insecure.example"]),
            Authenticated,
        ),
        Domain::new(
            "pattern.insecure.example",
            Host::Right,
            policy(
                "enforce",
                &["mx.elsewhere.example", "*.Pattern.Insecure.example"],
            ),
            Authenticated,
        ),
        Domain::new(
            "other-certificate.insecure.example",
            Host::Wrong,
            policy("enforce", &["mx.other-certificate.insecure.example"]),
            Deferred,
        ),
        Domain::new(
            "stripped.insecure.example",
            Host::Plain,
            policy("enforce", &["mx.stripped.insecure.example"]),
            Deferred,
        ),
        Domain::new(
            "not-listed.insecure.example",
            Host::Right,
            policy(
                "enforce",
                &["mx.elsewhere.example", "*.mx.not-listed.insecure.example"],
            ),
            Deferred,
        ),
        // What is tested or withdrawn stops nothing (RFC 8461 §5).
        Domain::new(
            "testing.insecure.example",
            Host::Wrong,
            policy("testing", &["mx.elsewhere.example"]),
            Encrypted,
        ),
        Domain::new(
            "testing-plain.insecure.example",
            Host::Plain,
            policy("testing", &["mx.testing-plain.insecure.example"]),
            Clear,
        ),
        Domain::new(
            "none.insecure.example",
            Host::Plain,
            policy("none", &[]),
            Clear,
        ),
        // The first of two hosts is not in the policy: it is passed over (RFC 8461 §10).
        Domain::new(
            "forged.insecure.example",
            Host::Right,
            policy("enforce", &["mx.forged.insecure.example"]),
            Authenticated,
        ),
        // Neither makes up for the other (RFC 8461 §2).
        Domain::new(
            "dane-fails.secure.example",
            Host::Right,
            policy("enforce", &["mx.dane-fails.secure.example"]),
            Deferred,
        ),
        Domain::new(
            "policy-fails.secure.example",
            Host::Right,
            policy("enforce", &["mx.elsewhere.example"]),
            Deferred,
        ),
    ];
    let world = World::start(&domains)?;
    let gateway = world.gateway()?;
    handover::check(&gateway, &world.hosts, "bob", expected(&domains))
}

/// Each of these policies would keep mail from its domain, whose host speaks no TLS.
fn policies_that_do_not_count() -> Result<(), Fault> {
    let strict = policy("enforce", &["mx.elsewhere.example"]);
    let text = "version: STSv1\r\nmode: enforce\r\nmx: mx.elsewhere.example\r\nmax_age: 86400\r\n";
    let body = |body: &str| answer("200 OK", "text/plain", body);
    let redirect = |status: &str| {
        strict.replacen(
            "200 OK\r\n",
            &format!("{status}\r\nLocation: https://mta-sts.counts.insecure.example/.well-known/mta-sts.txt\r\n"),
            1,
        )
    };
    let domain = |name, answer: String| Domain::new(name, Host::Plain, answer, Clear);
    let mut domains = vec![
        domain("moved.insecure.example", redirect("301 Moved Permanently")),
        domain("found.insecure.example", redirect("302 Found")),
        domain(
            "missing.insecure.example",
            answer("404 Not Found", "text/plain", text),
        ),
        domain("page.insecure.example", answer("200 OK", "text/html", text)),
        domain(
            "packed.insecure.example",
            strict.replacen("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n", 1),
        ),
        domain(
            "long.insecure.example",
            body(&format!("{text}x: {}\r\n", "y".repeat(70_000))),
        ),
        domain(
            "no-version.insecure.example",
            body(&text.replace("version: STSv1\r\n", "")),
        ),
        domain(
            "no-age.insecure.example",
            body(&text.replace("max_age: 86400\r\n", "")),
        ),
        domain("marked.insecure.example", body(&format!("\u{feff}{text}"))),
        domain(
            "cut-short.insecure.example",
            strict.replacen("Content-Length: ", "Content-Length: 9", 1),
        ),
        domain("garbage.insecure.example", "what?".to_owned()),
    ];
    for (name, announced, policy_host) in [
        ("twice.insecure.example", 2, POLICIES),
        ("silent.insecure.example", 0, POLICIES),
        ("impostor.insecure.example", 1, IMPOSTOR),
    ] {
        domains.push(Domain {
            announced,
            policy_host,
            ..domain(name, strict.clone())
        });
    }
    // The same policy counts where nothing is wrong with it.
    domains.push(Domain {
        outcome: Deferred,
        ..domain("counts.insecure.example", strict.clone())
    });
    let world = World::start(&domains)?;
    let gateway = world.gateway()?;
    handover::check(&gateway, &world.hosts, "bob", expected(&domains))
}

fn a_policy_outlives_its_host() -> Result<(), Fault> {
    let name = "kept.insecure.example";
    let strict = policy("enforce", &["mx.elsewhere.example"]);
    let domains = [Domain::new(name, Host::Plain, strict, Deferred)];
    let world = World::start(&domains)?;
    let gateway = world.gateway()?;
    handover::check(&gateway, &world.hosts, "before", expected(&domains))?;
    let asked = world.policies.asked(&format!("mta-sts.{name}"));
    assert!(asked > 0, "the policy came from its host");
    let gateway = gateway.killed_and_restarted(|| {
        world.policies.forgets(&format!("mta-sts.{name}"));
        Ok(())
    })?;
    handover::check(&gateway, &world.hosts, "after", expected(&domains))
}

/// A policy that lists the gateway's own host, and one that does not.
fn our_own_policy() -> Result<(), Fault> {
    let name = "ours.insecure.example";
    let domains = [Domain {
        policy_host: OURS,
        ..Domain::new(name, Host::Gateway, "", Deferred)
    }];
    let world = World::start(&domains)?;
    let sink = Sink::start()?;
    let policies = world
        .authority
        .issue(&Leaf::named(&format!("mta-sts.{name}")))?;
    let host = world.authority.issue(&Leaf::named(&format!("mx.{name}")))?;
    let serving = |patterns: &str| {
        let installation = Installation::new()?;
        let mut configuration = Configuration::of(&installation, &format!("mx.{name}"))
            .mx(world.dns.loopback().port(Host::Gateway as u8, 25))
            .domain(name, sink.address());
        for (name, pair) in [("host", &host), ("policies", &policies)] {
            let (chain, key) = installation.keep(name, pair)?;
            configuration = configuration.certificate(name, &chain, &key);
        }
        let https = world.dns.loopback().port(OURS, 443).to_string();
        let table =
            format!("[mta-sts]\nhttps = {https:?}\nmode = \"enforce\"\nmx = [{patterns:?}]");
        installation.configure(&configuration.table(&table).text())?;
        Ok::<_, Fault>((installation.serve()?, installation))
    };
    let mailbox = format!("bob@{name}");

    let elsewhere = serving("mx.elsewhere.example")?;
    let gateway = world.gateway()?;
    handover::check(&gateway, &world.hosts, "bob", expected(&domains))?;
    drop((gateway, elsewhere));

    let _here = serving(&format!("*.{name}"))?;
    let gateway = world.gateway()?;
    handover::send(&gateway, "bob", [name])?;
    sink.wait_for(1)?;
    let line = gateway.postern.logged_beside("accepted", &mailbox)?;
    let proven = format!("authenticated as mx.{name}");
    assert!(
        line.contains(" delivered ") && line.contains(&proven),
        "{line}"
    );
    Ok(())
}

fn expected(domains: &[Domain]) -> impl Iterator<Item = Expected> + Clone {
    domains.iter().map(|it| (it.name, it.outcome))
}

/// The DNS, the web server and the mail hosts of some domains.
struct World {
    dns: Dns,
    hosts: Postfix,
    policies: PolicyHost,
    _impostor: PolicyHost,
    authority: Authority,
}

impl World {
    fn start(domains: &[Domain]) -> Result<Self, Fault> {
        let loopback = Loopback::claim()?;
        let authority = Authority::new("Authority of the web", Key::Ecdsa)?;
        let named = |prefix: &str| {
            let names = domains.iter().map(|it| format!("{prefix}.{}", it.name));
            let leaf = Leaf::named(&format!("{prefix}.example"));
            authority.issue(&names.fold(leaf, |leaf, name| leaf.and(&name)))
        };
        let impostor = authority.issue(&Leaf::named("impostor.example"))?;
        let stale = Leaf::named("elsewhere.example").validity(Validity::Expired);
        let right = named("mx")?;
        let hosts = hosts(domains, &right, &authority.issue(&stale)?, &loopback)?;
        let policies = PolicyHost::start(loopback.port(POLICIES, 443), &named("mta-sts")?)?;
        let impostor_host = PolicyHost::start(loopback.port(IMPOSTOR, 443), &impostor)?;
        for domain in domains {
            let host = format!("mta-sts.{}", domain.name);
            for server in [&policies, &impostor_host] {
                server.answers(&host, domain.answer.clone());
            }
        }
        let dns = Dns::start(&zones(domains, &right, &impostor, &loopback), loopback)?;
        Ok(Self {
            dns,
            hosts,
            policies,
            _impostor: impostor_host,
            authority,
        })
    }

    fn gateway(&self) -> Result<Gateway, Fault> {
        let trust = |it: Configuration| {
            let root = self.authority.root().display().to_string();
            it.table(&format!("[tls]\ntrust = [{root:?}]"))
        };
        handover::gateway(&self.dns, self.dns.relaying(), trust)
    }
}

fn hosts(
    domains: &[Domain],
    right: &Credentials,
    wrong: &Credentials,
    loopback: &Loopback,
) -> Result<Postfix, Fault> {
    let port = |host: Host| loopback.port(host as u8, 25);
    let setup = Setup::named("hosts.example")
        .tls(ServerTls::Offered, right)
        .also_at(port(Host::Wrong), Some(wrong))
        .also_at(port(Host::Plain), None);
    domains
        .iter()
        .fold(setup, |setup, it| setup.serving(it.name))
        .start_at(port(Host::Right))
}

/// Where a signed domain's policy is at odds with DANE, TLSA records are about the certificate that
/// its host shows, or about another one.
fn zones(
    domains: &[Domain],
    right: &Credentials,
    other: &Credentials,
    loopback: &Loopback,
) -> Vec<Zone> {
    let mut secure = Zone::signed("secure.example");
    let mut insecure = Zone::unsigned("insecure.example");
    for it in domains {
        let Domain { name, host, .. } = *it;
        let zone = if name.ends_with(".secure.example") {
            &mut secure
        } else {
            &mut insecure
        };
        let mx = format!("mx.{name}");
        zone.add(name, "MX", &format!("10 {mx}."));
        zone.add(&mx, "A", &loopback.address(host as u8).to_string());
        let policies = loopback.address(it.policy_host).to_string();
        zone.add(&format!("mta-sts.{name}"), "A", &policies);
        for id in 0..it.announced {
            let text = format!("\"v=STSv1; id={id};\"");
            zone.add(&format!("_mta-sts.{name}"), "TXT", &text);
        }
        if name.starts_with("forged.") {
            let plain = loopback.address(Host::Plain as u8).to_string();
            zone.add(name, "MX", "5 mx.evil.insecure.example.");
            zone.add("mx.evil.insecure.example", "A", &plain);
        }
        for (first, about) in [("dane-fails.", other), ("policy-fails.", right)] {
            if name.starts_with(first) {
                zone.add(&format!("_25._tcp.{mx}"), "TLSA", &tlsa(3, 1, 1, about));
            }
        }
    }
    vec![Zone::signed("example"), secure, insecure]
}
