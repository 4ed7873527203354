//! Mail that we deliver: where it goes, and what the channel must prove.

use std::{fmt, time::SystemTime};

use postern_admin::{Client, Delay};
use postern_config::Settings;
use postern_mail::{Foreign, ForwardPath, Host, TlsWish};
use postern_outbound::survey::{Survey, survey};
use postern_policy::{DeliveryRequest, Explanation};
use rustls_pki_types::UnixTime;
use serde::Serialize;

use super::{
    fate::{self, Fate},
    forward_path,
};
use crate::{
    cli::{Explain, Party, Wish},
    commands::{live::Live, surveyed::Surveyed, wait_for},
    failure::{Exit, Failure},
    output, wiring, words,
};

/// The rule joins with those of a host, and without asking none is known.
const REQUIRETLS: &str = "REQUIRETLS will demand of each host:
  that it is configured, proven by DNSSEC, or listed by an MTA-STS policy
  that it authenticates: as a rule of ours says, by TLSA records, or by its name
  that it offers REQUIRETLS itself
";

/// Of a message that we deliver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Outbound {
    /// It plays no part: no rule for mail that leaves is about its sender.
    from: Option<String>,
    to: String,
    /// What the sender wishes of TLS.
    wish: &'static str,
    route: Route,
    /// In the order in which they are tried; empty where MX records name them.
    next_hops: Vec<String>,
    /// Which of our certificates is shown.
    present: Option<String>,
    /// What holds at every next hop.
    requirement: Explanation,
    /// What the network said, unless nobody was asked.
    survey: Option<Survey>,
    /// What would become of it, by that.
    fate: Option<Fate>,
    /// What keeps its mail waiting at present; nothing where no daemon runs or nobody was asked.
    delay: Option<Delay>,
}

/// What decides on the next hop.
#[derive(Debug, Serialize)]
#[serde(tag = "by", content = "name", rename_all = "kebab-case")]
enum Route {
    /// The `hosts` of a partner.
    Partner(String),
    /// A `[[domain]]` or `[[route]]`, by its domains.
    Configured(String),
    /// The MX records of this domain.
    Mx(String),
    /// The address that the sender wrote.
    Literal(String),
}

impl Outbound {
    /// What is said of mail that `question` is about.
    pub(super) fn of(settings: Settings, question: &Explain, to: &Party) -> Result<Self, Failure> {
        let path = forward_path(to)?;
        let wish = question.wish.map_or(TlsWish::Unstated, Wish::wish);
        let mut known = Self::offline(&settings, question, to, &path, wish)?;
        if !question.offline {
            let daemon = Client::new(&settings.admin.socket);
            let (found, delay) = wait_for(async {
                let live = Live::new(settings, &path, wish)?;
                let found = survey(&live.situation, &live.question).await;
                Ok((found, delay(&daemon, &path).await))
            })?;
            known.delay = delay;
            known.requirement = found.requirement.clone();
            known.fate = Some(Fate::of(&found));
            known.survey = Some(found);
        }
        Ok(known)
    }

    /// What is known without asking anybody.
    fn offline(
        settings: &Settings,
        question: &Explain,
        to: &Party,
        path: &ForwardPath,
        wish: TlsWish,
    ) -> Result<Self, Failure> {
        let way = wiring::routes(settings).way(path);
        let way = way.map_err(|error| Failure::new(path, &error))?;
        let request = DeliveryRequest {
            wish,
            ..DeliveryRequest::to(&way.destination).over(way.floor())
        };
        let plan = settings.policy.plan_delivery(&request, UnixTime::now());
        let hops = way.fixed_hops(&plan);
        let partner = plan.partner().filter(|_| !plan.next_hops().is_empty());
        let route = match (partner, &way.destination) {
            (Some(partner), _) => Route::Partner(partner.name().to_string()),
            (None, _) if !hops.is_empty() => Route::Configured(
                way.floor()
                    .map_or_else(String::new, |it| it.label().to_string()),
            ),
            (None, Host::Domain(domain)) => Route::Mx(domain.to_string()),
            (None, Host::Literal(literal)) => Route::Literal(literal.to_string()),
        };
        Ok(Self {
            from: question.from.as_ref().map(ToString::to_string),
            to: to.to_string(),
            wish: wish.as_str(),
            route,
            next_hops: hops.iter().map(ToString::to_string).collect(),
            present: plan.present().map(ToString::to_string),
            requirement: plan.explanation(),
            survey: None,
            fate: None,
            delay: None,
        })
    }

    /// What the answer is as a finding. Who asks nobody finds out nothing, and wants nothing else.
    pub(super) fn exit(&self) -> Exit {
        self.survey.as_ref().map_or(Exit::Fine, fate::exit)
    }
}

/// What the running daemon knows of mail to `path`. That none runs, or may be asked, is no reason
/// to explain nothing: the rules are in the configuration.
async fn delay(daemon: &Client, path: &ForwardPath) -> Option<Delay> {
    let ForwardPath::Mailbox(mailbox) = path else {
        return None;
    };
    let delay = daemon.delay(mailbox.host().domain()?).await.ok()?;
    delay.is_one().then_some(delay)
}

impl fmt::Display for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "mail to {}", self.to)?;
        if let Some(from) = &self.from {
            writeln!(
                f,
                "  from      {from}, which no rule for mail that leaves is about"
            )?;
        }
        if self.wish != TlsWish::Unstated.as_str() {
            writeln!(f, "  wish      {}", self.wish)?;
        }
        writeln!(f, "  goes      {}", self.route)?;
        if self.survey.is_none() || !self.next_hops.is_empty() {
            let hops = output::list(&self.next_hops, "found when it is delivered");
            writeln!(f, "  next hop  {hops}")?;
        }
        if let Some(certificate) = &self.present {
            writeln!(f, "  shown     our certificate {certificate}")?;
        }
        match &self.survey {
            Some(survey) => write!(f, "{}", Surveyed(survey))?,
            None => write!(
                f,
                "\n{}nobody was asked: what DANE and MTA-STS demand would be added\n",
                self.requirement
            )?,
        }
        if self.survey.is_none() && self.wish == TlsWish::Required.as_str() {
            f.write_str(REQUIRETLS)?;
        }
        if let Some(fate) = &self.fate {
            writeln!(f, "\n{}", Foreign::new(&fate.to_string()))?;
        }
        let causes = self.delay.iter();
        for cause in causes.flat_map(|it| words::delay(it, SystemTime::now())) {
            writeln!(f, "\nwaits: {}", Foreign::new(&cause))?;
        }
        Ok(())
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Partner(name) => write!(f, "to the hosts of partner {name}"),
            Self::Configured(label) => write!(f, "to the next hop configured for {label}"),
            Self::Mx(domain) => write!(f, "where the MX records of {domain} say"),
            Self::Literal(address) => write!(f, "to the address {address}"),
        }
    }
}
