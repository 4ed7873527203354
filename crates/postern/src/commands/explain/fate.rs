//! What would become of mail, by what was found out before anybody is dialled.

use std::fmt;

use postern_outbound::survey::{Dane, HostSurvey, Judged, Survey, Trouble};
use serde::Serialize;

use crate::failure::Exit;

/// The level that every channel meets, so that no rule guards the destination.
const ANY: &str = "any";

/// What would become of mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "outcome",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case"
)]
pub(super) enum Fate {
    /// A host would be dialled.
    Goes {
        /// The first.
        to: String,
    },
    /// It stays in the queue.
    Waits {
        /// Why.
        because: String,
    },
    /// It goes back to its sender.
    ComesBack {
        /// Why.
        because: String,
    },
    /// It does not go; which of both depends on what a survey does not tell.
    WaitsOrComesBack {
        /// Why.
        because: String,
    },
}

impl Fate {
    pub(super) fn of(survey: &Survey) -> Self {
        if let Some(trouble) = &survey.trouble {
            return Self::without_hosts(survey, trouble);
        }
        let mut worst: Option<Self> = None;
        for host in &survey.hosts {
            let fate = Self::at(host);
            if matches!(fate, Self::Goes { .. }) {
                return fate;
            }
            // There is hope as long as there is some with one host.
            if worst.as_ref().is_none_or(|it| fate.hope() > it.hope()) {
                worst = Some(fate);
            }
        }
        worst.unwrap_or_else(|| Self::Waits {
            because: "no host was found".to_owned(),
        })
    }

    /// What nobody proves returns no mail that a rule guards: whoever forges an answer could have
    /// it returned.
    fn without_hosts(survey: &Survey, trouble: &Trouble) -> Self {
        let requirement = &survey.requirement;
        let demanded = requirement.in_force.as_ref();
        let demanded = demanded.unwrap_or(&requirement.demanded);
        let because = trouble.to_string();
        match trouble {
            Trouble::NotKnown(_) => Self::Waits { because },
            Trouble::Known(_) if demanded.channel.demand == ANY => Self::ComesBack { because },
            Trouble::Known(_) => Self::WaitsOrComesBack { because },
        }
    }

    fn at(host: &HostSurvey) -> Self {
        if let Judged::Refused { reason, status } = &host.dialled {
            let because = reason.clone();
            return if status.starts_with('5') {
                Self::ComesBack { because }
            } else {
                Self::Waits { because }
            };
        }
        match &host.address.trouble {
            None => Self::Goes {
                to: host.host.clone(),
            },
            Some(Trouble::NotKnown(text)) => Self::Waits {
                because: text.clone(),
            },
            Some(Trouble::Known(text)) => Self::WaitsOrComesBack {
                because: text.clone(),
            },
        }
    }

    fn hope(&self) -> u8 {
        match self {
            Self::Goes { .. } => 3,
            Self::Waits { .. } => 2,
            Self::WaitsOrComesBack { .. } => 1,
            Self::ComesBack { .. } => 0,
        }
    }
}

/// What could not be found out is told before what was found.
pub(super) fn exit(survey: &Survey) -> Exit {
    if has_gaps(survey) {
        return Exit::NotKnown;
    }
    match Fate::of(survey) {
        Fate::Goes { .. } => Exit::Fine,
        Fate::Waits { .. } | Fate::ComesBack { .. } | Fate::WaitsOrComesBack { .. } => {
            Exit::Negative
        }
    }
}

/// Whether there is something that could not be found out.
fn has_gaps(survey: &Survey) -> bool {
    let not_known = |trouble: &Option<Trouble>| matches!(trouble, Some(Trouble::NotKnown(_)));
    let sts = survey.mta_sts.as_ref();
    let host = |host: &HostSurvey| {
        not_known(&host.address.trouble) || matches!(host.dane, Dane::Unknown { .. })
    };
    not_known(&survey.trouble)
        || sts.is_some_and(|it| it.policy.is_none() && it.trouble.is_some())
        || survey.hosts.iter().any(host)
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Goes { to } => {
                write!(f, "this mail goes to {to}, if it proves what holds there")
            }
            Self::Waits { because } => write!(f, "this mail waits because {because}"),
            Self::ComesBack { because } => write!(f, "this mail comes back because {because}"),
            Self::WaitsOrComesBack { because } => {
                write!(f, "this mail waits or comes back because {because}")
            }
        }
    }
}
