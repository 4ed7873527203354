//! What the DNS should say of us: printed by us, read by others, and held against what is published.

use std::process::{Command, Output};

use postern_tests::certificates::Leaf;
use postern_tests::fault::Fault;
use postern_tests::home::Home;
use postern_tests::loopback::Loopback;
use postern_tests::postern::Installation;
use postern_tests::programs::Program;
use postern_tests::zones::{Dns, Zone};
use serde_json::Value;

use crate::Scenario;
use crate::gateway::{GATEWAY, Plan, authority};
use crate::signing;

/// All of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "printed_records_are_loaded_by_nsd_and_found_to_be_right",
        needs: &[
            Program::Nsd,
            Program::NsdCheckzone,
            Program::LdnsReadZone,
            Program::Unbound,
            Program::LdnsSignzone,
        ],
        run: printed_and_checked,
    },
    Scenario {
        name: "what_is_published_wrongly_is_found",
        needs: &[Program::Nsd, Program::Unbound, Program::LdnsSignzone],
        run: published_wrongly,
    },
    Scenario {
        name: "requests_and_keys_are_understood_by_openssl",
        needs: &[Program::Openssl],
        run: requests_and_keys,
    },
];

/// All zones that the records are for.
const DOMAIN: &str = "postern.example";
const REVERSE: &str = "2.0.192.in-addr.arpa";

/// A gateway whose domain is the one that it lies in, and which says all that can be said.
fn plan() -> Result<Plan, Fault> {
    let nobody = postern_tests::ports::free()?;
    let leaf = Leaf::named(GATEWAY).and(&format!("mta-sts.{DOMAIN}"));
    let plan = Plan::new(&authority()?.issue(&leaf)?)?.with(|it| it.domain(DOMAIN, nobody));
    plan.installation.configure(&plan.configuration.text())?;
    let keys = [("2026a", "rsa", ""), ("2026e", "ed25519", "")];
    let plan = signing::with_keys(plan, DOMAIN, &keys)?.with(|it| it.table(PUBLISHED));
    plan.installation.configure(&plan.configuration.text())?;
    Ok(plan)
}

const PUBLISHED: &str = r#"
[mta-sts]
https = "127.0.0.1:0"
mode = "enforce"
[reports]
receive = ["reports@postern.example"]
[publish]
addresses = ["192.0.2.1"]
spf-others = "fail"
dmarc-policy = "reject"
caa = ["ca.example"]
"#;

/// What is printed for one of the zones, a line a record.
fn printed(installation: &Installation, zone: &str) -> Result<Vec<String>, Fault> {
    let all: Value = installation.json(&["dns", "records", "--json"])?;
    let array = |name| all.pointer(name).and_then(Value::as_array).into_iter();
    let records = array("/domains/0/records").chain(array("/elsewhere"));
    let lines = records.flatten().filter_map(|it| it.get("zone")?.as_str());
    let ours = |line: &&str| {
        let owner = line.split(' ').next().unwrap_or_default();
        owner.trim_end_matches('.').ends_with(zone)
    };
    Ok(lines.filter(ours).map(str::to_owned).collect())
}

/// The lines, served in zones of their own.
fn served(domain: &[String], reverse: &[String]) -> Result<Dns, Fault> {
    let zones = [
        Zone::signed(DOMAIN).lines(&domain.join("\n")),
        Zone::unsigned(REVERSE).lines(&reverse.join("\n")),
    ];
    Dns::start(&zones, Loopback::claim()?)
}

/// `postern dns check`, asking this DNS.
fn checked(plan: &Plan, dns: &Dns) -> Result<(Option<i32>, String), Fault> {
    let configuration = plan.configuration.clone();
    let configuration = configuration.dns(dns.relaying(), dns.anchor());
    plan.installation.configure(&configuration.text())?;
    let output = plan.installation.run(&["dns", "check"])?;
    Ok((output.status.code(), text(&output)))
}

fn printed_and_checked() -> Result<(), Fault> {
    let plan = plan()?;
    let zone = plan
        .installation
        .run(&["dns", "records", DOMAIN, "--zone"])?;
    assert!(zone.status.success(), "{zone:?}");
    let top = format!("$ORIGIN {DOMAIN}.\n$TTL 60\n@ SOA ns. hostmaster 1 60 60 60 60\n@ NS ns.\n");
    let whole = [top, String::from_utf8_lossy(&zone.stdout).into_owned()].concat();
    let home = Home::new("printed")?;
    let file = home.write("zone", &whole)?;
    let mut nsd = Command::new(Program::NsdCheckzone.find()?);
    let nsd = ran(nsd.arg(DOMAIN).arg(&file))?;
    assert!(nsd.status.success(), "{}\n{whole}", text(&nsd));
    let mut ldns = Command::new(Program::LdnsReadZone.find()?);
    let ldns = ran(ldns.arg(&file))?;
    assert!(ldns.status.success(), "{}\n{whole}", text(&ldns));
    // Everything is there for a reader that is not ours.
    for kind in ["MX", "TXT", "TLSA", "CAA", "CNAME"] {
        let column = format!("\tIN\t{kind}\t");
        assert!(text(&ldns).contains(&column), "{kind}: {}", text(&ldns));
    }

    let domain = printed(&plan.installation, DOMAIN)?;
    let dns = served(&domain, &printed(&plan.installation, REVERSE)?)?;
    let (status, said) = checked(&plan, &dns)?;
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("0 broken, 0 weak, 0 unknown"), "{said}");

    // Nobody answers at the port that the configuration has by itself.
    plan.installation.configure(&plan.configuration.text())?;
    let unreachable = plan.installation.run(&["dns", "check"])?;
    assert_eq!(unreachable.status.code(), Some(3), "{}", text(&unreachable));
    Ok(())
}

fn published_wrongly() -> Result<(), Fault> {
    let plan = plan()?;
    let domain = printed(&plan.installation, DOMAIN)?;
    let reverse = printed(&plan.installation, REVERSE)?;
    let without = |part: &str| {
        let lines = domain.iter().filter(|it| !it.contains(part)).cloned();
        let kept: Vec<String> = lines.collect();
        assert!(
            kept.len() < domain.len(),
            "nothing has {part:?}: {domain:#?}"
        );
        kept
    };
    let other_key = format!(
        "2026e._domainkey.{DOMAIN}. TXT \"v=DKIM1; k=ed25519; p={}=\"",
        "A".repeat(43)
    );
    let other_host = format!("_25._tcp.{GATEWAY}. TLSA 3 1 1 {}", "00".repeat(32));
    let cases = [
        (
            "SPF twice",
            [
                domain.clone(),
                vec![format!("{DOMAIN}. TXT \"v=spf1 -all\"")],
            ]
            .concat(),
            "SPF",
        ),
        (
            "another key",
            [without("2026e._domainkey"), vec![other_key]].concat(),
            "2026e._domainkey",
        ),
        ("no key", without("2026a._domainkey"), "2026a._domainkey"),
        (
            "TLSA of another key",
            [without(" TLSA "), vec![other_host]].concat(),
            "TLSA",
        ),
        ("no MX", without(" MX "), "MX"),
    ];
    for (what, lines, named) in cases {
        let dns = served(&lines, &reverse)?;
        let (status, said) = checked(&plan, &dns)?;
        assert_eq!(status, Some(1), "{what}: {said}");
        let found = |line: &str| {
            let line = line.trim_start();
            (line.starts_with("BROKEN") || line.starts_with("WEAK")) && line.contains(named)
        };
        assert!(said.lines().any(found), "{what}: {said}");
    }
    Ok(())
}

fn requests_and_keys() -> Result<(), Fault> {
    let plan = plan()?;
    let openssl = Program::Openssl.find()?;
    let at = |name: &str| plan.installation.path().join(name).display().to_string();
    for (kind, words) in [("ecdsa", "P-256"), ("rsa", "Private-Key: (3072 bit")] {
        let (key, csr) = (at(&format!("{kind}.tls")), at(&format!("{kind}.csr")));
        let made = plan
            .installation
            .run(&["key", "tls", "--type", kind, "--out", &key])?;
        assert!(made.status.success(), "{}", text(&made));
        let mut pkey = Command::new(&openssl);
        let pkey = ran(pkey.args(["pkey", "-check", "-noout", "-text", "-in", &key]))?;
        let said = text(&pkey);
        assert!(pkey.status.success() && said.contains(words), "{said}");
        let other = "mx2.postern.example";
        let asked = [
            "csr", "--key", &key, "--name", GATEWAY, "--name", other, "--out", &csr,
        ];
        let made = plan.installation.run(&asked)?;
        assert!(made.status.success(), "{}", text(&made));
        let mut request = Command::new(&openssl);
        let request = ran(request.args(["req", "-verify", "-noout", "-text", "-in", &csr]))?;
        let said = text(&request);
        assert!(request.status.success(), "{said}");
        for name in [GATEWAY, other] {
            assert!(said.contains(&format!("DNS:{name}")), "{name}: {said}");
        }
    }
    Ok(())
}

fn ran(command: &mut Command) -> Result<Output, Fault> {
    let failed = |error: std::io::Error| Fault::Unexpected(error.to_string());
    command.output().map_err(failed)
}

fn text(output: &Output) -> String {
    let written = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&written).into_owned()
}
