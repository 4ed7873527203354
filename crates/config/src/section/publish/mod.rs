//! `[publish]`: what the DNS should say of us and the rest of the file does not.

mod check;
mod issuer;

use std::time;

use postern_mail::{Domain, Mailbox, Network};

use issuer::issuer;

pub(crate) use check::Around;

use crate::{
    schema::{Key, Kind, Located, Occurs, Reported, Scalar, Section, Table},
    value::{DOMAIN, DURATION, Duration, MAILBOX, NETWORK, not_a_choice},
};

/// What the DNS should say of our domains that the rest of the settings do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// From which addresses our mail comes; for SPF.
    pub addresses: Vec<Network>,
    /// Whose SPF records speak for ours as well.
    pub spf_includes: Vec<Domain>,
    /// What SPF says of all other hosts.
    pub spf_others: SpfOthers,
    /// The hosts of our MX records, the preferred first. There is at least one.
    pub mx: Vec<Domain>,
    /// What receivers are to do with mail that fails DMARC.
    pub dmarc_policy: DmarcPolicy,
    /// The same for mail in the name of domains below ours.
    pub dmarc_subdomain_policy: DmarcPolicy,
    /// Where DMARC aggregate reports go. There is at least one.
    pub dmarc_reports: Vec<Mailbox>,
    /// Where TLS reports go. There is at least one.
    pub tls_reports: Vec<Mailbox>,
    /// Who may issue certificates, as CAA records name them; nobody is named if it is empty, and
    /// everybody may.
    pub caa: Vec<String>,
    /// For how long others may keep our records.
    pub ttl: time::Duration,
}

/// What our SPF record says of the hosts that it does not name (RFC 7208 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpfOthers {
    /// `-all`
    Fail,
    /// `~all`
    SoftFail,
    /// `?all`
    Neutral,
}

/// What a domain asks receivers to do with mail that fails DMARC (RFC 9989 §4.7), the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DmarcPolicy {
    /// Nothing but reports.
    None,
    /// To treat it as suspicious.
    Quarantine,
    /// To refuse it.
    Reject,
}

/// What was written; whatever is not right was told and is absent.
pub(crate) struct Written {
    addresses: Result<Option<Vec<Located<Network>>>, Reported>,
    spf_includes: Result<Option<Vec<Located<Domain>>>, Reported>,
    spf_others: Result<Located<SpfOthers>, Reported>,
    mx: Result<Option<Vec<Located<Domain>>>, Reported>,
    dmarc_policy: Result<Located<DmarcPolicy>, Reported>,
    dmarc_subdomain_policy: Result<Option<Located<DmarcPolicy>>, Reported>,
    dmarc_reports: Result<Option<Vec<Located<Mailbox>>>, Reported>,
    tls_reports: Result<Option<Vec<Located<Mailbox>>>, Reported>,
    caa: Result<Option<Vec<Located<String>>>, Reported>,
    ttl: Result<Located<Duration>, Reported>,
}

static OTHERS: Kind<SpfOthers> = Kind {
    name: "choice",
    right: "\"fail\", \"softfail\" or \"neutral\"",
    scalar: Scalar::Text(|text| match text {
        "fail" => Ok(SpfOthers::Fail),
        "softfail" => Ok(SpfOthers::SoftFail),
        "neutral" => Ok(SpfOthers::Neutral),
        other => Err(not_a_choice(other)),
    }),
};

static POLICIES: Kind<DmarcPolicy> = Kind {
    name: "choice",
    right: "\"none\", \"quarantine\" or \"reject\"",
    scalar: Scalar::Text(|text| match text {
        "none" => Ok(DmarcPolicy::None),
        "quarantine" => Ok(DmarcPolicy::Quarantine),
        "reject" => Ok(DmarcPolicy::Reject),
        other => Err(not_a_choice(other)),
    }),
};

static ISSUERS: Kind<String> = Kind {
    name: "issuer",
    right: "an authority's domain, with its parameters if there are any, such as \
            \"letsencrypt.org\" or \"letsencrypt.org; validationmethods=dns-01\"",
    scalar: Scalar::Text(issuer),
};

static ADDRESSES: Key<Network> = Key::optional(
    "addresses",
    &NETWORK,
    "the hosts of `mx` are named instead",
    r#"["192.0.2.1", "192.0.2.8/29"]"#,
    "The public addresses that mail of our domains comes from, those of this host and of others. \
     They stand in the SPF records.",
)
.list()
.bounded(|network| match network.prefix() {
    0 => Err(format!("{network} is everyone")),
    _ => Ok(()),
});

static SPF_INCLUDES: Key<Domain> = Key::optional(
    "spf-includes",
    &DOMAIN,
    "none",
    r#"["_spf.newsletters.example"]"#,
    "Domains whose SPF records name further hosts that send in our name. Each costs at least one \
     of the ten look-ups that a record may (RFC 7208 §4.6.4).",
)
.list();

static SPF_OTHERS: Key<SpfOthers> = Key::defaulted(
    "spf-others",
    &OTHERS,
    r#""softfail""#,
    "What the SPF records say of all other hosts: `fail` (`-all`), `softfail` (`~all`) or \
     `neutral` (`?all`). With `fail` some receivers refuse forwarded mail before they look at \
     its signatures.",
);

static MX: Key<Domain> = Key::optional(
    "mx",
    &DOMAIN,
    "`hostname`",
    r#"["mx1.example.org", "mx2.example.org"]"#,
    "The hosts that take mail for our domains, the preferred one first. They stand in the MX \
     records.",
)
.list();

static DMARC_POLICY: Key<DmarcPolicy> = Key::defaulted(
    "dmarc-policy",
    &POLICIES,
    r#""none""#,
    "What receivers are to do with mail in the name of our domains that fails DMARC: `none` \
     (report alone; begin with this), `quarantine` or `reject`.",
);

static DMARC_SUBDOMAIN_POLICY: Key<DmarcPolicy> = Key::optional(
    "dmarc-subdomain-policy",
    &POLICIES,
    "as `dmarc-policy`",
    r#""reject""#,
    "The same for mail in the name of domains below them, which need not exist.",
);

static DMARC_REPORTS: Key<Mailbox> = Key::optional(
    "dmarc-reports",
    &MAILBOX,
    "`reports.receive`, or else `reports.contact`",
    r#"["dmarc-reports@example.org"]"#,
    "Where others send DMARC aggregate reports about our domains.",
)
.list();

static TLS_REPORTS: Key<Mailbox> = Key::optional(
    "tls-reports",
    &MAILBOX,
    "`reports.receive`, or else `reports.contact`",
    r#"["tls-reports@example.org"]"#,
    "Where others send TLS reports about connections to us.",
)
.list();

static CAA: Key<String> = Key::optional(
    "caa",
    &ISSUERS,
    "no CAA record is asked for",
    r#"["letsencrypt.org"]"#,
    "The authorities that may issue certificates for our hosts, as their CAA records name them \
     (RFC 8659 §4.2), with their parameters behind a semicolon.",
)
.list();

static TTL: Key<Duration> = Key::defaulted(
    "ttl",
    &DURATION,
    r#""1h""#,
    "For how long others may keep the records. From 1m to 1w.",
)
.bounded(|ttl| {
    let (least, most) = (Duration::from_seconds(60), Duration::from_days(7));
    match (least..=most).contains(ttl) {
        true => Ok(()),
        false => Err(format!("{ttl} is not from {least} to {most}")),
    }
});

pub(crate) static PUBLISH: Section = Section {
    name: "publish",
    occurs: Occurs::Once,
    doc: "What the DNS should say of the domains that are given by name, as far as the rest of \
          this file does not tell. `postern dns records` prints the records, and `postern dns \
          check` compares them with what is published; nothing else looks at it.",
    keys: &[
        &ADDRESSES.entry,
        &SPF_INCLUDES.entry,
        &SPF_OTHERS.entry,
        &MX.entry,
        &DMARC_POLICY.entry,
        &DMARC_SUBDOMAIN_POLICY.entry,
        &DMARC_REPORTS.entry,
        &TLS_REPORTS.entry,
        &CAA.entry,
        &TTL.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Written {
    Written {
        addresses: table.maybe_many(&ADDRESSES),
        spf_includes: table.maybe_many(&SPF_INCLUDES),
        spf_others: table.one(&SPF_OTHERS),
        mx: table.maybe_many(&MX),
        dmarc_policy: table.one(&DMARC_POLICY),
        dmarc_subdomain_policy: table.maybe(&DMARC_SUBDOMAIN_POLICY),
        dmarc_reports: table.maybe_many(&DMARC_REPORTS),
        tls_reports: table.maybe_many(&TLS_REPORTS),
        caa: table.maybe_many(&CAA),
        ttl: table.one(&TTL),
    }
}
