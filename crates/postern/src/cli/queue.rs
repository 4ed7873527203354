//! What can be asked of the queue on the command line.

use std::{str::FromStr, time::Duration};

use clap::{Args, Subcommand};
use postern_mail::{DomainPattern, Mailbox, QueueId};

use super::{Format, Party};

#[derive(Debug, Subcommand)]
pub(crate) enum QueueAction {
    /// List messages, oldest first, with the next attempt and why the last one failed.
    List(List),
    /// Show all about messages: by their ids, or by a filter.
    Show(Show),
    /// Try again now: messages by their ids, by a filter, or `all` that are not held.
    Retry(ChangeMany),
    /// Keep messages from being delivered.
    ///
    /// By a filter, those that are held already stay as they are.
    Hold(HoldMany),
    /// End a hold.
    Release(ChangeMany),
    /// Forget messages. Nobody is notified.
    ///
    /// By a filter, you are asked before anything is removed; --yes says so beforehand.
    Remove(RemoveMany),
    /// Have mail tried now, whatever is known of its destinations. What is frozen or held stays.
    ///
    /// All that waits is due at once, by the routes of now: after a route was changed and the
    /// daemon has reloaded, this sends what waited for the old one the new way.
    Flush(Flush),
    /// Let mail for a domain or a partner wait, without attempts, until it thaws.
    ///
    /// It outlasts restarts and reloads. Senders are told of the delay as always, and what is
    /// frozen at the end of its lifetime goes back to them.
    Freeze(Freeze),
    /// Let mail go that was frozen, at once.
    Thaw(Thaw),
    /// Tell what is frozen, since when and why. Exit status 1 means that this is not known for
    /// sure: the file that remembers it was damaged.
    Frozen(Format),
    /// Tell how much waits, by domain and age.
    Summary(Summary),
    /// Tell where mail is going now, what cannot be reached and why, and at which pace.
    Destinations(Format),
}

/// Which messages: what is given must all apply. Of recipients only those count that still wait.
#[derive(Debug, Clone, Args)]
pub(crate) struct Only {
    /// Only those that are held.
    #[arg(long, conflicts_with = "free")]
    pub(crate) held: bool,
    /// Only those that are not held.
    #[arg(long)]
    pub(crate) free: bool,
    /// Only those for this partner, as the configuration names it.
    #[arg(long, value_name = "NAME", conflicts_with = "to")]
    pub(crate) partner: Option<String>,
    /// Only those for this domain, for *.DOMAIN, or for this address.
    #[arg(long, alias = "to-domain", value_name = "DOMAIN|ADDRESS")]
    pub(crate) to: Option<Recipients>,
    /// Only those from this address, from this domain, or <> for notifications.
    #[arg(long, alias = "from-domain", value_name = "ADDRESS|DOMAIN")]
    pub(crate) from: Option<Party>,
    /// Only those that came longer ago than this, such as 2h.
    #[arg(long, value_name = "TIME")]
    pub(crate) older: Option<Age>,
    /// Only those that came within this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) newer: Option<Age>,
}

/// Which messages, by what was said of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct OnlySaid {
    /// Only those whose last failure, or the reason why they are held, contains this.
    #[arg(long = "reason", alias = "why", value_name = "TEXT")]
    pub(crate) text: Option<String>,
}

/// Which messages are listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) only: Only,
    #[command(flatten)]
    pub(crate) said: OnlySaid,
    /// At most so many.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Which messages are shown.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The messages.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<QueueId>,
    #[command(flatten)]
    pub(crate) only: Only,
    #[command(flatten)]
    pub(crate) said: OnlySaid,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Which messages are changed.
#[derive(Debug, Args)]
pub(crate) struct ChangeMany {
    /// The messages, or all.
    #[arg(value_name = "ID|all")]
    pub(crate) which: Vec<Which>,
    #[command(flatten)]
    pub(crate) only: Only,
    #[command(flatten)]
    pub(crate) said: OnlySaid,
    /// Tell how many there are, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Which messages are held, and why.
#[derive(Debug, Args)]
pub(crate) struct HoldMany {
    /// The messages, or all.
    #[arg(value_name = "ID|all")]
    pub(crate) which: Vec<Which>,
    #[command(flatten)]
    pub(crate) only: Only,
    /// Only those whose last failure contains this.
    #[arg(long = "why", value_name = "TEXT")]
    pub(crate) text: Option<String>,
    /// Why, for whoever looks next.
    #[arg(long, default_value = "held by the operator")]
    pub(crate) reason: String,
    /// Tell how many there are, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Which messages are removed.
#[derive(Debug, Args)]
pub(crate) struct RemoveMany {
    #[command(flatten)]
    pub(crate) change: ChangeMany,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Whose mail is tried now.
#[derive(Debug, Args)]
pub(crate) struct Flush {
    /// Only mail for this domain, or for *.DOMAIN.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "partner")]
    pub(crate) to: Option<DomainPattern>,
    /// Only mail for this partner.
    #[arg(long, value_name = "NAME")]
    pub(crate) partner: Option<String>,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Whose mail freezes.
#[derive(Debug, Args)]
#[group(id = "frozen", required = true, multiple = false, args = ["domain", "partner"])]
pub(crate) struct Freeze {
    /// The domain, or *.DOMAIN for all below it.
    pub(crate) domain: Option<DomainPattern>,
    /// The partner, with all its domains.
    #[arg(long, value_name = "NAME")]
    pub(crate) partner: Option<String>,
    /// Why: whoever looks next is told, and so is whose mail is late.
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Whose mail thaws.
#[derive(Debug, Args)]
#[group(id = "thawed", required = true, multiple = false, args = ["domain", "partner", "all"])]
pub(crate) struct Thaw {
    /// The domain, as it was frozen.
    pub(crate) domain: Option<DomainPattern>,
    /// The partner.
    #[arg(long, value_name = "NAME")]
    pub(crate) partner: Option<String>,
    /// All that is frozen.
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// How much of the summary is told.
#[derive(Debug, Args)]
pub(crate) struct Summary {
    /// At most so many domains, those first that most waits for.
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) format: Format,
}

/// Recipients: those in a domain, or one by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipients {
    /// All in the domain, or below one.
    In(DomainPattern),
    /// This one.
    One(Mailbox),
}

impl FromStr for Recipients {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'));
        match bare.unwrap_or(text) {
            address if address.contains('@') => Ok(Self::One(address.parse()?)),
            domain => Ok(Self::In(domain.parse()?)),
        }
    }
}

/// A span of time as people say it: `90s`, `5m`, `2h`, `3d`, `1w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age(pub(crate) Duration);

impl FromStr for Age {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RIGHT: &str = "a time is a whole number and s, m, h, d or w, such as 2h";
        let units = [
            ("s", 1),
            ("m", 60),
            ("h", 3600),
            ("d", 86_400),
            ("w", 604_800),
        ];
        let found = units.iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(unit)?;
            let digits = number.bytes().all(|octet| octet.is_ascii_digit());
            let number: u64 = number.parse().ok().filter(|_| digits)?;
            number.checked_mul(*seconds)
        });
        found.map(|it| Self(Duration::from_secs(it))).ok_or(RIGHT)
    }
}

/// One message or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    One(QueueId),
}

impl FromStr for Which {
    type Err = postern_mail::QueueIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            id => id.parse().map(Self::One),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_numbers_with_a_unit() {
        let check = |text: &str, expected: Option<u64>| {
            let read = text.parse::<Age>().ok().map(|Age(it)| it.as_secs());
            assert_eq!(read, expected, "{text}");
        };
        check("90s", Some(90));
        check("2h", Some(7200));
        check("1w", Some(604_800));
        check("2", None);
        check("h", None);
        check("+2h", None);
        check("2h30m", None);
        check("99999999999999999999w", None);
    }

    #[test]
    fn recipients_are_told_apart() {
        let check = |text: &str, expected: &Recipients| {
            assert_eq!(&text.parse::<Recipients>().unwrap(), expected, "{text}");
        };
        let all = Recipients::In("*.x.example".parse().unwrap());
        check("*.X.example", &all);
        let one = Recipients::One("a@x.example".parse().unwrap());
        check("a@x.example", &one);
        check("<a@x.example>", &one);
        assert!("a b".parse::<Recipients>().is_err());
    }
}
