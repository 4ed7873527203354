use postern_dns::FixedZone;

use super::*;

const ZONE: &str = "
    two.example       MX   20 b.two.example
    two.example       MX   10 a.two.example
    null.example      MX   0 .
    alsonull.example  MX   0 .
    alsonull.example  MX   10 a.two.example
    implicit.example  A    203.0.113.7
    broken.example    FAIL servfail
    loop.example      MX   10 us.example
    backup.example    MX   10 a.two.example
    backup.example    MX   20 us.example
    backup.example    MX   30 b.two.example
    a.two.example     A    198.51.101.1
    inside.example    A    10.1.2.3
    inside.example    A    127.0.0.1
    mapped.example    AAAA ::ffff:127.0.0.1
    own.example       A    198.51.101.9
    none.example      TXT  nothing
    wrong.example     MX   10 -host.example
    half.example      MX   10 -host.example
    half.example      MX   20 a.two.example
    many.example      A    198.51.101.2
    many.example      A    198.51.101.3
    many.example      AAAA 2a00::1
    many.example      AAAA 2a00::2
    many.example      AAAA 2a00::3
    cluster.example   A    198.51.101.8
    cluster.example   A    198.51.101.9
    clothes.example   AAAA ::ffff:198.51.101.9
";

struct World {
    zone: FixedZone,
    hostname: Domain,
    own: Vec<SocketAddr>,
}

impl World {
    fn new() -> Self {
        Self {
            zone: ZONE.parse().unwrap(),
            hostname: "us.example".parse().unwrap(),
            own: vec!["198.51.101.9:25".parse().unwrap()],
        }
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            dns: &self.zone,
            hostname: &self.hostname,
            own_addresses: &self.own,
            families: AddressFamilies::Any,
            mx_port: 25,
            private_targets: PrivateTargets::Refused,
        }
    }
}

fn shown<T: ToString>(result: Result<Vec<T>, Unreachable>) -> String {
    match result {
        Ok(found) => found.iter().map(T::to_string).collect::<Vec<_>>().join(" "),
        Err(unreachable) => unreachable.status.to_string(),
    }
}

async fn hosts_of(domain: &str) -> String {
    let destination = domain.parse().unwrap();
    let hosts = mail_hosts(&destination, &[], &World::new().surroundings()).await;
    let hops = hosts.map(|found| found.hosts.into_iter().map(|host| host.next_hop).collect());
    shown(hops)
}

#[tokio::test]
async fn mx_hosts_by_preference() {
    for (domain, expected) in [
        ("two.example", "a.two.example:25 b.two.example:25"),
        ("null.example", "5.1.10"),
        ("alsonull.example", "a.two.example:25"),
        ("implicit.example", "implicit.example:25"),
        ("missing.example", "5.1.2"),
        ("broken.example", "4.4.3"),
        ("loop.example", "5.4.6"),
        ("backup.example", "a.two.example:25"),
        ("wrong.example", "5.4.4"),
        ("half.example", "a.two.example:25"),
    ] {
        assert_eq!(hosts_of(domain).await, expected, "{domain}");
    }
}

async fn addresses_of(
    host: &str,
    provenance: Provenance,
    private_targets: PrivateTargets,
) -> String {
    let host = MailHost {
        next_hop: host.parse().unwrap(),
        provenance,
    };
    let world = World::new();
    let surroundings = Surroundings {
        private_targets,
        ..world.surroundings()
    };
    let located = locate(&host, &surroundings).await;
    let located = located.map_err(|not_located| not_located.unreachable);
    shown(located.map(|located| located.addresses))
}

#[tokio::test]
async fn dns_cannot_send_us_behind_our_own_firewall() {
    use PrivateTargets::{Allowed, Refused};
    let by_dns = Provenance::Dns(DnsProof::Secure);
    for (host, provenance, private_targets, expected) in [
        ("a.two.example", by_dns, Refused, "198.51.101.1:25"),
        ("inside.example", by_dns, Refused, "5.4.4"),
        (
            "inside.example",
            by_dns,
            Allowed,
            "10.1.2.3:25 127.0.0.1:25",
        ),
        (
            "inside.example",
            Provenance::Configured,
            Refused,
            "10.1.2.3:25 127.0.0.1:25",
        ),
        ("mapped.example", by_dns, Refused, "5.4.4"),
        ("[169.254.169.254]", Provenance::Literal, Refused, "5.4.4"),
        ("own.example", by_dns, Refused, "5.4.6"),
        ("own.example", Provenance::Configured, Refused, "5.4.6"),
        ("cluster.example", by_dns, Refused, "5.4.6"),
        (
            "cluster.example",
            Provenance::Configured,
            Refused,
            "198.51.101.8:25",
        ),
        ("clothes.example", by_dns, Refused, "5.4.6"),
        ("none.example", by_dns, Refused, "5.4.4"),
        ("none.example", Provenance::Configured, Refused, "4.4.4"),
        ("missing.example", Provenance::Configured, Refused, "4.4.4"),
        ("missing.example", by_dns, Refused, "5.4.4"),
        ("broken.example", by_dns, Refused, "4.4.3"),
    ] {
        assert_eq!(
            addresses_of(host, provenance, private_targets).await,
            expected,
            "{host}"
        );
    }
}

#[tokio::test]
async fn address_families_take_turns() {
    let by_dns = Provenance::Dns(DnsProof::Insecure);
    assert_eq!(
        addresses_of("many.example", by_dns, PrivateTargets::Refused).await,
        "[2a00::1]:25 198.51.101.2:25 [2a00::2]:25 198.51.101.3:25 [2a00::3]:25"
    );
}
