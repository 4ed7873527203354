//! Mistakes that are made on purpose, to show that the invariants can fail.

use std::{fmt, str::FromStr};

/// One mistake in the simulated Postern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// 250 is said when the message has been given to the queue, not when it is on disk.
    AcknowledgedBeforeSync,
    /// The disk says that it has synced and has not.
    SyncLies,
    /// The channel to a next hop is used whatever the policy says of it.
    VerdictIgnored,
    /// A connection that was kept is used for the next message whatever the policy says of it now.
    KeptUnjudged,
    /// A message begins on a connection that was made under an older configuration.
    OutdatedBegins,
    /// A plan that was made before a reload is followed after it.
    OutdatedPlan,
    /// A bogus answer about TLSA records is taken for the proof that there are none.
    BogusIsAbsent,
    /// The MTA-STS policy of the destination is not asked for.
    StsForgotten,
    /// What was learnt of a host counts for as long as the connection to it is kept.
    FactsNeverAge,
    /// One rule that is met passes for all of them.
    AnyRuleWillDo,
    /// A clock that was set is believed at once.
    ClockBelieved,
    /// It is not noticed that the clock was set back.
    StepBackMissed,
    /// What was put off because it was frozen is not made due when it thaws.
    ThawForgotten,
    /// The policy is not asked who may speak for a partner.
    SenderUnjudged,
    /// What was delivered is not recorded.
    SettlementDropped,
    /// A cut between the end of content and its reply counts as delivered.
    CutTakenForSuccess,
    /// What became of recipients is recorded a second time.
    SettledAgain,
    /// Whoever is given up is forgotten without a notice.
    NoticeForgotten,
    /// A failed attempt is recorded without another one.
    NeverTriedAgain,
    /// Content loses its last line on the way to the next hop.
    ContentCut,
    /// The queue is asked anew for what is due whatever happens, and never told to stop.
    TimersPileUp,
}

impl Mutation {
    pub(crate) const ALL: [Self; 21] = [
        Self::AcknowledgedBeforeSync,
        Self::SyncLies,
        Self::VerdictIgnored,
        Self::KeptUnjudged,
        Self::OutdatedBegins,
        Self::OutdatedPlan,
        Self::BogusIsAbsent,
        Self::StsForgotten,
        Self::FactsNeverAge,
        Self::AnyRuleWillDo,
        Self::ClockBelieved,
        Self::StepBackMissed,
        Self::ThawForgotten,
        Self::SenderUnjudged,
        Self::SettlementDropped,
        Self::CutTakenForSuccess,
        Self::NoticeForgotten,
        Self::NeverTriedAgain,
        Self::ContentCut,
        Self::SettledAgain,
        Self::TimersPileUp,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedBeforeSync => "acknowledged-before-sync",
            Self::SyncLies => "sync-lies",
            Self::VerdictIgnored => "verdict-ignored",
            Self::KeptUnjudged => "kept-unjudged",
            Self::OutdatedBegins => "outdated-begins",
            Self::OutdatedPlan => "outdated-plan",
            Self::BogusIsAbsent => "bogus-is-absent",
            Self::StsForgotten => "sts-forgotten",
            Self::FactsNeverAge => "facts-never-age",
            Self::AnyRuleWillDo => "any-rule-will-do",
            Self::ClockBelieved => "clock-believed",
            Self::StepBackMissed => "step-back-missed",
            Self::ThawForgotten => "thaw-forgotten",
            Self::SenderUnjudged => "sender-unjudged",
            Self::SettlementDropped => "settlement-dropped",
            Self::CutTakenForSuccess => "cut-taken-for-success",
            Self::NoticeForgotten => "notice-forgotten",
            Self::NeverTriedAgain => "never-tried-again",
            Self::ContentCut => "content-cut",
            Self::SettledAgain => "settled-again",
            Self::TimersPileUp => "timers-pile-up",
        }
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mutation {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|mutation| mutation.name() == name);
        found.ok_or_else(|| format!("there is no mutation {name}"))
    }
}
