//! The DNS and the hosts of the destinations, started once for all scenarios.

use std::sync::{Arc, Mutex, PoisonError};

use postern_tests::certificates::{Authority, Credentials, Key, Leaf, Validity};
use postern_tests::fault::Fault;
use postern_tests::loopback::Loopback;
use postern_tests::postfix::{Postfix, ServerTls, Setup};
use postern_tests::tlsa::tlsa;
use postern_tests::zones::{Dns, Flaw, Zone};

use super::destination::{Destination, Host, Mx, Of, Tlsa};
use super::destinations::{
    DESTINATIONS, EXPIRED, EXPIRED_TLSA, FORGED, LOST, LOST_TLSA, NAMED, NAMES, NEXT, NEXT_AT,
    NULL_MX, OTHER_KEY, OURSELVES, OURSELVES_AT,
};

/// All that there is besides Postern.
pub(crate) struct World {
    pub(crate) dns: Dns,
    /// One Postfix that listens on the addresses of all hosts and takes mail for all destinations.
    pub(crate) hosts: Postfix,
    // The files of the certificates are read whenever a process of Postfix begins.
    shown: Shown,
}

/// Kept until [`end`], because statics are never dropped and daemons would stay.
static WORLD: Mutex<Option<Result<Arc<World>, String>>> = Mutex::new(None);

/// The world, started by the first who asks.
pub(crate) fn shared() -> Result<Arc<World>, Fault> {
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    let start = || World::start().map(Arc::new).map_err(|it| it.to_string());
    world
        .get_or_insert_with(start)
        .clone()
        .map_err(Fault::Unexpected)
}

/// Stops it.
pub(crate) fn end() {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner).take();
}

impl World {
    fn start() -> Result<Self, Fault> {
        let loopback = Loopback::claim()?;
        let shown = Shown::make()?;
        let hosts = hosts(&shown, &loopback)?;
        let dns = Dns::start(&zones(&shown, &loopback), loopback)?;
        Ok(Self { dns, hosts, shown })
    }
}

impl World {
    /// The certificate for a gateway that serves [`NEXT`].
    pub(crate) fn certificate_of_next(&self) -> &Credentials {
        &self.shown.named
    }
}

/// What hosts show and records speak of.
struct Shown {
    authority: Authority,
    stale: Credentials,
    chain: Credentials,
    leaf: Credentials,
    named: Credentials,
    other: Credentials,
}

impl Shown {
    fn make() -> Result<Self, Fault> {
        let authority = Authority::new("Authority of the hosts", Key::Ecdsa)?;
        let [first, others @ ..] = NAMES;
        let named = others
            .iter()
            .fold(Leaf::named(first), |leaf, name| leaf.and(name));
        let stale = Leaf::named("elsewhere.example").validity(Validity::Expired);
        Ok(Self {
            stale: authority.issue(&stale)?,
            chain: authority.issue_with_root(&named)?,
            leaf: authority.issue(&named)?,
            named: authority.issue(&stale)?,
            other: authority.issue(&stale)?,
            authority,
        })
    }

    fn record(&self, (usage, selector, matching, of): Tlsa) -> String {
        match of {
            Of::Stale => tlsa(usage, selector, matching, &self.stale),
            Of::Named => tlsa(usage, selector, matching, &self.named),
            Of::Authority => tlsa(usage, selector, matching, &self.authority),
            Of::Other => tlsa(usage, selector, matching, &self.other),
        }
    }
}

fn hosts(shown: &Shown, loopback: &Loopback) -> Result<Postfix, Fault> {
    let port = |host: Host| loopback.port(host as u8, 25);
    let setup = Setup::named("hosts.example")
        .tls(ServerTls::Offered, &shown.stale)
        .tls_for(NAMED, &shown.named)
        .also_at(port(Host::Chain), Some(&shown.chain))
        .also_at(port(Host::Leaf), Some(&shown.leaf))
        .also_at(port(Host::Plain), None);
    DESTINATIONS
        .iter()
        .fold(setup, |setup, it| setup.serving(it.domain))
        .start_at(port(Host::Stale))
}

fn zones(shown: &Shown, loopback: &Loopback) -> Vec<Zone> {
    let mut zones = vec![
        Zone::signed("example"),
        Zone::signed("secure.example")
            .record(NEXT, "MX", &format!("10 mx.{NEXT}."))
            .record(
                &format!("mx.{NEXT}"),
                "A",
                &loopback.address(NEXT_AT).to_string(),
            )
            .record(
                &format!("_25._tcp.mx.{NEXT}"),
                "TLSA",
                &shown.record((3, 1, 1, Of::Named)),
            ),
        Zone::signed_with_nsec3("nsec3.example"),
        Zone::unsigned("insecure.example")
            .record(NULL_MX, "MX", "0 .")
            .record(OURSELVES, "MX", &format!("10 mx.{OURSELVES}."))
            .record(
                &format!("mx.{OURSELVES}"),
                "A",
                &loopback.address(OURSELVES_AT).to_string(),
            ),
        Zone::signed(EXPIRED).with(Flaw::Expired),
        Zone::signed(OTHER_KEY).with(Flaw::OtherKey),
        // Who takes forged MX records for none would go to this address (RFC 5321 §5.1).
        Zone::signed(FORGED)
            .record(
                FORGED,
                "A",
                &loopback.address(Host::Plain as u8).to_string(),
            )
            .with(Flaw::Forged {
                name: FORGED.to_owned(),
                kind: "MX".to_owned(),
            }),
        Zone::signed(LOST).with(Flaw::Lost),
        Zone::signed(EXPIRED_TLSA).with(Flaw::Expired),
        Zone::signed(LOST_TLSA).with(Flaw::Lost),
    ];
    for destination in DESTINATIONS {
        for (name, kind, data) in records(destination, shown, loopback) {
            let ends = |zone: &&mut Zone| {
                name == zone.name() || name.ends_with(&format!(".{}", zone.name()))
            };
            let deepest = zones
                .iter_mut()
                .filter(ends)
                .max_by_key(|zone| zone.name().len());
            if let Some(zone) = deepest {
                zone.add(&name, kind, &data);
            }
        }
    }
    zones
}

/// Every record of a destination: name, type and data.
fn records(
    it: &Destination,
    shown: &Shown,
    loopback: &Loopback,
) -> Vec<(String, &'static str, String)> {
    let mail_host = it.mail_host();
    let mut records = Vec::new();
    if it.mx != Mx::Absent {
        records.push((it.domain.to_owned(), "MX", format!("10 {mail_host}.")));
    }
    if let Mx::After(first) = it.mx {
        records.push((it.domain.to_owned(), "MX", format!("5 {first}.")));
    }
    let canonical = it.alias_of.map_or_else(|| mail_host.clone(), str::to_owned);
    if it.alias_of.is_some() {
        records.push((mail_host, "CNAME", format!("{canonical}.")));
    }
    let address = loopback.address(it.host as u8);
    records.push((canonical.clone(), "A", address.to_string()));
    let base = it.base.unwrap_or(&canonical);
    for &record in it.tlsa {
        records.push((format!("_25._tcp.{base}"), "TLSA", shown.record(record)));
    }
    records
}
