//! The whole configuration: what it means once everything in it has been checked.

use postern_mail::Domain;
use postern_policy::{PartnerName, Policy};
use toml::de::DeTable;

use crate::{
    Admin, Alias, Authentication, Certificates, CrlRegistry, Delivery, Dns, Limits, Listener,
    LocalDomain, Log, MtaSts, Pace, Publish, Queue, Reports, Rewrite, Route, Service, Spool, Srs,
    agreement,
    channels::Channels,
    handling::{Around, Handling},
    schema::{Key, Notes, Occurs, Reported, Section, Table, all},
    section::{
        admin, alias, authentication, break_glass, certificate, delivery, deny, dns, domain,
        limits, listener, log, mta_sts, partner, publish, queue, reports, route, service, spool,
        srs, tls,
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
    /// The partners, what is refused, the exceptions, and what holds for everybody else.
    pub policy: Policy,
    /// How fast mail goes to partners, where their sections say anything about it.
    pub partner_paces: Vec<(PartnerName, Pace)>,
    /// The revocation lists that the policy asks.
    pub crls: CrlRegistry,
    /// The domains that mail is accepted for.
    pub domains: Vec<LocalDomain>,
    /// Which addresses stand for others. No address leads back to itself through several.
    pub aliases: Vec<Alias>,
    /// Which domains are other names of one.
    pub rewrites: Vec<Rewrite>,
    /// Where mail for other domains goes, other than where MX records say.
    pub routes: Vec<Route>,
    /// Whom the DNS is asked of.
    pub dns: Dns,
    /// How mail of strangers is judged.
    pub authentication: Authentication,
    /// In whose name mail is sent on that others have sent; it keeps theirs without this.
    pub srs: Option<Srs>,
    /// What domains are told about mail in their name, and what they tell us.
    pub reports: Reports,
    /// What the DNS should say of us.
    pub publish: Publish,
    /// The MTA-STS policies of others, and ours.
    pub mta_sts: MtaSts,
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
    /// The process among others on its host.
    pub service: Service,
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
        &alias::ALIAS,
        &alias::REWRITE,
        &route::ROUTE,
        &partner::PARTNER,
        &deny::DENY,
        &break_glass::BREAK_GLASS,
        &dns::DNS,
        &authentication::AUTHENTICATION,
        &srs::SRS,
        &mta_sts::MTA_STS,
        &reports::REPORTS,
        &publish::PUBLISH,
        &queue::QUEUE,
        &limits::LIMITS,
        &delivery::DELIVERY,
        &log::LOG,
        &admin::ADMIN,
        &service::SERVICE,
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
    let service = once(&root, &service::SERVICE, service::read);
    let tls = root.section(&tls::TLS).map(|table| tls::read(&table));
    let ways = Ways::read(&root);
    agreement::check(&root, hostname.as_ref().ok(), tls.as_ref().ok(), &ways);
    let channels = Channels::read(&root, tls, dns.as_ref().ok(), &ways);
    if let (Ok(hostname), Ok(certificates)) = (&hostname, &channels.certificates) {
        certificate::check_names(notes, hostname, certificates);
    }
    let mta_sts = ways.mta_sts.and_then(|(table, written)| {
        let around = mta_sts::Surroundings {
            hostname: hostname.as_ref().ok().map(|hostname| &hostname.value),
            domains: &ways.domains,
            certificates: channels.certificates.as_ref().ok(),
        };
        written.check(&table, &around)
    });
    let handling = Handling::read(
        &root,
        ways.authentication,
        &Around {
            hostname: hostname.as_ref().ok().map(|hostname| &hostname.value),
            policy: channels.policy.as_ref().ok(),
            limits: limits.as_ref().ok(),
            mta_sts: mta_sts.as_ref().ok(),
            domains: &ways.domains,
            listeners: &ways.listeners,
        },
    );
    let connections = limits.as_ref().ok().map(|limits| limits.connections);
    let listeners = ways.listeners.into_iter();
    let listeners = all(listeners.map(|(table, written)| written.check(&table, connections)));
    let has_srs = root.holds(srs::SRS.name);
    let domains = ways.domains.into_iter();
    let domains = all(domains.map(|domain| domain.check(notes, has_srs)));
    let routes = ways.routes.into_iter();
    let routes = all(routes.map(|(table, written)| written.check(&table)));
    Ok(Settings {
        hostname: hostname?.value,
        spool: spool?,
        listeners: listeners?,
        certificates: channels.certificates?,
        policy: channels.policy?,
        partner_paces: channels.paces,
        crls: channels.crls,
        domains: domains?,
        aliases: handling.aliases?,
        rewrites: handling.rewrites?,
        routes: routes?,
        dns: dns?,
        authentication: handling.authentication?,
        srs: handling.srs?,
        reports: handling.reports?,
        publish: handling.publish?,
        mta_sts: mta_sts?,
        queue: queue?,
        limits: limits?,
        delivery: delivery?,
        log: log?,
        admin: admin?,
        service: service?,
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

/// Where mail comes in and where it goes, as it was written.
pub(crate) struct Ways<'a> {
    pub(crate) listeners: Vec<(Table<'a>, listener::Written)>,
    pub(crate) domains: Vec<domain::Written<'a>>,
    pub(crate) routes: Vec<(Table<'a>, route::Written)>,
    pub(crate) mta_sts: Result<(Table<'a>, mta_sts::Written), Reported>,
    pub(crate) authentication: Result<(Table<'a>, authentication::Written), Reported>,
}

impl<'a> Ways<'a> {
    fn read(root: &Table<'a>) -> Self {
        let listeners = root.sections(&listener::LISTENER).into_iter();
        let domains = root.sections(&domain::DOMAIN).into_iter();
        let routes = root.sections(&route::ROUTE).into_iter();
        Self {
            listeners: listeners.map(|table| table.with(listener::read)).collect(),
            domains: domains.map(|table| domain::read(&table)).collect(),
            routes: routes.map(|table| table.with(route::read)).collect(),
            mta_sts: root
                .section(&mta_sts::MTA_STS)
                .map(|table| table.with(mta_sts::read)),
            authentication: root
                .section(&authentication::AUTHENTICATION)
                .map(|table| table.with(authentication::read)),
        }
    }
}
