//! The whole configuration: what it means once everything in it has been checked.

use postern_mail::Domain;
use postern_policy::Policy;
use toml::de::DeTable;

use crate::{
    Admin, Certificates, Delivery, Dns, Limits, Listener, LocalDomain, Log, Queue, Route, Spool,
    agreement,
    schema::{Key, Notes, Occurs, Reported, Section, Table, all},
    section::{
        admin, certificate, delivery, dns, domain, limits, listener, log, partner, queue, route,
        spool, tls, trust::TrustLoader,
    },
    value::DOMAIN,
};

/// A checked configuration: every default is filled in, every file that it names has been read,
/// and the parts agree with each other.
#[derive(Debug)]
pub struct Settings {
    /// What this host calls itself, in greetings and in reports.
    pub hostname: Domain,
    /// Where accepted mail is kept.
    pub spool: Spool,
    /// Where mail comes in. There is at least one.
    pub listeners: Vec<Listener>,
    /// Our own certificates.
    pub certificates: Certificates,
    /// The partners, and what holds for everybody else.
    pub policy: Policy,
    /// The domains that mail is accepted for.
    pub domains: Vec<LocalDomain>,
    /// Where mail for other domains goes, other than where MX records say.
    pub routes: Vec<Route>,
    /// Whom the DNS is asked of.
    pub dns: Dns,
    /// How long and how often delivery is tried.
    pub queue: Queue,
    /// What peers may cost.
    pub limits: Limits,
    /// How mail leaves.
    pub delivery: Delivery,
    /// What is told of the daemon's work.
    pub log: Log,
    /// How the running daemon is spoken to.
    pub admin: Admin,
}

/// Where a daemon keeps mail and how it is spoken to: what it takes to look after its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where accepted mail is kept.
    pub spool: Spool,
    /// How the running daemon is spoken to.
    pub admin: Admin,
}

static HOSTNAME: Key<Domain> = Key::required(
    "hostname",
    &DOMAIN,
    r#""mx1.example.org""#,
    "The fully qualified name of this host (RFC 5321 §2.3.5), used in greetings, Received: fields \
     and reports. MX records and the reverse entry of its address should give the same name.",
);

/// The file as a whole.
pub(crate) static ROOT: Section = Section {
    name: "",
    occurs: Occurs::Once,
    doc: "",
    keys: &[&HOSTNAME.entry],
    sections: &[
        &spool::SPOOL,
        &listener::LISTENER,
        &tls::TLS,
        &domain::DOMAIN,
        &route::ROUTE,
        &partner::PARTNER,
        &dns::DNS,
        &queue::QUEUE,
        &limits::LIMITS,
        &delivery::DELIVERY,
        &log::LOG,
        &admin::ADMIN,
    ],
    not_yet: &[],
    commented: false,
    example: None,
};

/// What the file's document means.
///
/// Everything is read before anything is given up, so that all problems are noted.
pub(crate) fn read(notes: &Notes<'_>, document: &DeTable<'_>) -> Result<Settings, Reported> {
    let root = Table::root(notes, &ROOT, document);
    let hostname = root.one(&HOSTNAME);
    let spool = once(&root, &spool::SPOOL, spool::read);
    let dns = once(&root, &dns::DNS, dns::read);
    let queue = once(&root, &queue::QUEUE, queue::read);
    let limits = once(&root, &limits::LIMITS, limits::read);
    let delivery = once(&root, &delivery::DELIVERY, delivery::read);
    let log = once(&root, &log::LOG, log::read);
    let admin = once(&root, &admin::ADMIN, admin::read);
    let tls = root.section(&tls::TLS).map(|table| tls::read(&table));
    let ways = Ways::read(&root);
    agreement::check(&root, hostname.as_ref().ok(), tls.as_ref().ok(), &ways);
    let (certificates, policy) = channels(&root, tls);
    if let (Ok(hostname), Ok(certificates)) = (&hostname, &certificates) {
        certificate::check_names(notes, hostname, certificates);
    }
    let connections = limits.as_ref().ok().map(|limits| limits.connections);
    let listeners = ways.listeners.into_iter();
    let listeners = all(listeners.map(|(table, written)| written.check(&table, connections)));
    let domains = all(ways.domains.into_iter().map(|domain| domain.check(notes)));
    let routes = ways.routes.into_iter();
    let routes = all(routes.map(|(table, written)| written.check(&table)));
    Ok(Settings {
        hostname: hostname?.value,
        spool: spool?,
        listeners: listeners?,
        certificates: certificates?,
        policy: policy?,
        domains: domains?,
        routes: routes?,
        dns: dns?,
        queue: queue?,
        limits: limits?,
        delivery: delivery?,
        log: log?,
        admin: admin?,
    })
}

/// Where the document says that the daemon is; the other sections are not looked into.
///
/// Unknown sections are noted all the same: a misspelt `[spool]` would lead to another queue.
pub(crate) fn whereabouts(
    notes: &Notes<'_>,
    document: &DeTable<'_>,
) -> Result<Whereabouts, Reported> {
    let root = Table::root(notes, &ROOT, document);
    let spool = once(&root, &spool::SPOOL, spool::read);
    let admin = once(&root, &admin::ADMIN, admin::read);
    Ok(Whereabouts {
        spool: spool?,
        admin: admin?,
    })
}

fn once<'a, T>(
    root: &Table<'a>,
    section: &'static Section,
    read: fn(&Table<'a>) -> Result<T, Reported>,
) -> Result<T, Reported> {
    root.section(section).and_then(|table| read(&table))
}

/// Our certificates, and the policy with its partners.
fn channels(
    root: &Table<'_>,
    tls: Result<tls::Written<'_>, Reported>,
) -> (Result<Certificates, Reported>, Result<Policy, Reported>) {
    let notes = root.notes();
    let trust = TrustLoader::new(notes);
    let names = tls.as_ref().ok().and_then(tls::Written::certificate_names);
    let partners: Vec<_> = root
        .sections(&partner::PARTNER)
        .into_iter()
        .map(|table| partner::read(table).check(&trust, names.as_deref()))
        .collect();
    let (defaults, certificates) = match tls {
        Ok(tls) => tls.check(notes, &trust),
        Err(reported) => (Err(reported), Err(reported)),
    };
    // Partners are held against each other even if one of them is not right by itself.
    let complete = partners.iter().all(Result::is_ok);
    let partners: Vec<_> = partners.into_iter().flatten().collect();
    if let (Ok(defaults), Ok(certificates)) = (&defaults, &certificates) {
        partner::check_presented(notes, defaults.profile, &partners, certificates);
    }
    let policy = defaults.and_then(|defaults| partner::policy(notes, defaults, &partners));
    (
        certificates,
        policy.and_then(|policy| complete.then_some(policy).ok_or(Reported)),
    )
}

/// Where mail comes in and where it goes, as it was written.
pub(crate) struct Ways<'a> {
    pub(crate) listeners: Vec<(Table<'a>, listener::Written)>,
    pub(crate) domains: Vec<domain::Written>,
    pub(crate) routes: Vec<(Table<'a>, route::Written)>,
}

impl<'a> Ways<'a> {
    fn read(root: &Table<'a>) -> Self {
        let listeners = root.sections(&listener::LISTENER).into_iter();
        let domains = root.sections(&domain::DOMAIN).into_iter();
        let routes = root.sections(&route::ROUTE).into_iter();
        Self {
            listeners: listeners
                .map(|table| {
                    let written = listener::read(&table);
                    (table, written)
                })
                .collect(),
            domains: domains.map(|table| domain::read(&table)).collect(),
            routes: routes
                .map(|table| {
                    let written = route::read(&table);
                    (table, written)
                })
                .collect(),
        }
    }
}
