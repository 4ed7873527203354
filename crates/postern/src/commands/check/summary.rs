//! What a configuration comes to, on a page.

use std::fmt;

use postern_admin::{CertificateStatus, SigningKeyStatus};
use postern_config::{Listener, ListenerTls, LocalDomain, Role, Route, RouteBy, Settings};
use postern_policy::{ChannelLevel, Dane, Exclusivity, IdentityTerms, Partner};
use serde::Serialize;

use super::authenticity::{Authenticity, judgement};
use crate::{
    certificates,
    output::{self, Table},
    signing_keys,
};

/// What a configuration comes to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Summary {
    hostname: String,
    listeners: Vec<ListenerSummary>,
    domains: Vec<WaySummary>,
    routes: Vec<WaySummary>,
    partners: Vec<PartnerSummary>,
    certificates: Vec<CertificateStatus>,
    authentication: Authenticity,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct ListenerSummary {
    address: String,
    role: &'static str,
    tls: &'static str,
    /// What follows for strangers from who wrote their mail.
    authentication: &'static str,
    /// Its own crypto profile, which is joined with the general one.
    profile: Option<&'static str>,
    networks: Vec<String>,
}

/// A domain of ours or a route.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct WaySummary {
    domains: Vec<String>,
    /// Empty where MX records decide.
    next_hops: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct PartnerSummary {
    name: String,
    stage: &'static str,
    domains: Vec<String>,
    except: Vec<String>,
    outbound: Demand,
    inbound: Demand,
    exclusive: bool,
}

/// What one direction demands.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Demand {
    require: ChannelLevel,
    names: Vec<String>,
    pins: usize,
    trust: Option<String>,
    /// By what revoked certificates are told.
    revocation: Option<String>,
    /// Whether TLSA records are demanded.
    dane: bool,
}

impl Summary {
    pub(super) fn of(settings: &Settings, keys: Vec<SigningKeyStatus>) -> Self {
        Self {
            hostname: settings.hostname.to_string(),
            listeners: settings.listeners.iter().map(listener).collect(),
            domains: settings.domains.iter().map(domain).collect(),
            routes: settings.routes.iter().map(route).collect(),
            partners: settings.policy.partners().map(partner).collect(),
            certificates: certificates::describe(&settings.certificates.store),
            authentication: Authenticity::of(settings, keys),
        }
    }
}

fn listener(written: &Listener) -> ListenerSummary {
    let (role, networks) = match &written.role {
        Role::Mx => ("mx", Vec::new()),
        Role::Relay { networks } => ("relay", strings(networks)),
    };
    ListenerSummary {
        address: written.address.to_string(),
        role,
        tls: match written.tls {
            ListenerTls::StartTls => "starttls",
            ListenerTls::Required => "required",
            ListenerTls::Implicit => "implicit",
            ListenerTls::None => "none",
        },
        authentication: judgement(written.authentication),
        profile: written.profile.map(|profile| profile.name().as_str()),
        networks,
    }
}

fn domain(written: &LocalDomain) -> WaySummary {
    WaySummary {
        domains: vec![written.pattern.to_string()],
        next_hops: strings(&written.next_hops),
    }
}

fn route(written: &Route) -> WaySummary {
    WaySummary {
        domains: strings(&written.domains),
        next_hops: match &written.by {
            RouteBy::Mx => Vec::new(),
            RouteBy::Hosts(hosts) => strings(hosts),
        },
    }
}

fn partner(partner: &Partner) -> PartnerSummary {
    let (outbound, inbound) = (partner.outbound(), partner.inbound());
    PartnerSummary {
        name: partner.name().to_string(),
        stage: partner.stage().as_str(),
        domains: strings(partner.domains()),
        except: strings(partner.except()),
        outbound: demand(outbound.require, &outbound.identity, outbound.dane),
        inbound: demand(inbound.require, &inbound.identity, Dane::WherePublished),
        exclusive: match inbound.exclusive {
            Exclusivity::Exclusive => true,
            Exclusivity::Shared => false,
        },
    }
}

fn demand(require: ChannelLevel, identity: &IdentityTerms, dane: Dane) -> Demand {
    Demand {
        require,
        names: strings(&identity.names),
        pins: identity.pins.len(),
        trust: identity
            .trust
            .as_ref()
            .map(|trust| trust.label().to_owned()),
        revocation: identity.revocation.as_ref().map(ToString::to_string),
        dane: match dane {
            Dane::Demanded => true,
            Dane::WherePublished => false,
        },
    }
}

/// `*.ministry.example, but not old.ministry.example`
fn domains(partner: &PartnerSummary) -> String {
    let domains = partner.domains.join(", ");
    if partner.except.is_empty() {
        return domains;
    }
    format!("{domains}, but not {}", partner.except.join(" or "))
}

pub(super) fn strings<'a, T: ToString + 'a>(
    values: impl IntoIterator<Item = &'a T>,
) -> Vec<String> {
    values.into_iter().map(T::to_string).collect()
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.require)?;
        if !self.names.is_empty() {
            write!(f, " as {}", self.names.join(" or "))?;
        }
        match self.pins {
            0 => {}
            1 => f.write_str(" by 1 pin")?,
            many => write!(f, " by {many} pins")?,
        }
        if self.dane {
            f.write_str(" by DANE")?;
        }
        match &self.revocation {
            Some(check) => write!(f, ", {check}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        section(f, &self.listeners())?;
        section(f, &self.ways())?;
        section(f, &self.partners())?;
        section(f, &certificates::table(&self.certificates))?;
        section(f, &self.authentication.table())?;
        section(f, &signing_keys::table(&self.authentication.keys))
    }
}

fn section<const N: usize>(f: &mut fmt::Formatter<'_>, table: &Table<N>) -> fmt::Result {
    if table.is_empty() {
        return Ok(());
    }
    write!(f, "\n{table}")
}

impl Summary {
    fn listeners(&self) -> Table<6> {
        let head = [
            "LISTENER",
            "ROLE",
            "TLS",
            "PROFILE",
            "STRANGERS",
            "MAY SEND ANYWHERE",
        ];
        let mut table = Table::new(head);
        for it in &self.listeners {
            let networks = output::list(&it.networks, "nobody");
            table.row([
                it.address.clone(),
                it.role.into(),
                it.tls.into(),
                it.profile.unwrap_or("general").to_owned(),
                it.authentication.to_owned(),
                networks,
            ]);
        }
        table
    }

    fn ways(&self) -> Table<3> {
        let mut table = Table::new(["MAIL FOR", "IS", "GOES TO"]);
        let hops = |way: &WaySummary| output::list(&way.next_hops, "the hosts of its MX records");
        for way in &self.domains {
            table.row([way.domains.join(", "), "ours".into(), hops(way)]);
        }
        for way in &self.routes {
            table.row([way.domains.join(", "), "routed".into(), hops(way)]);
        }
        table
    }

    fn partners(&self) -> Table<5> {
        let mut table = Table::new(["PARTNER", "STAGE", "DOMAINS", "OUTBOUND", "INBOUND"]);
        for it in &self.partners {
            let exclusive = if it.exclusive { ", exclusive" } else { "" };
            table.row([
                it.name.clone(),
                it.stage.to_owned(),
                domains(it),
                it.outbound.to_string(),
                format!("{}{exclusive}", it.inbound),
            ]);
        }
        table
    }
}
