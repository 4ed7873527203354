//! Exceptions to partners' rules are told loudly: when they begin, every hour while they last,
//! and when they end. Nobody should be able to forget that a glass is broken.

use std::{fmt, sync::Arc, time::Duration};

use postern_policy::BreakGlass;
use postern_tls::Date;
use rustls_pki_types::UnixTime;

use crate::words;

/// How often an exception that lasts is told again.
const AGAIN: Duration = Duration::from_secs(60 * 60);

/// What to say, and how loudly.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cry {
    /// An exception is in force.
    InForce(Arc<BreakGlass>),
    /// One has ended.
    Ended(Arc<BreakGlass>, Rule),
    /// One had ended before it was read.
    Expired(Arc<BreakGlass>),
    /// One that was in force is no longer in the configuration.
    Withdrawn(Arc<BreakGlass>, Rule),
}

/// What an exception that is over leaves of the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// All of it: it is in force again.
    InForce,
    /// Another exception of the same partner goes on, in the same direction.
    StillOut,
}

impl Rule {
    /// What `over` leaves, next to all exceptions that there are `now`.
    fn after(over: &BreakGlass, all: &[Arc<BreakGlass>], now: UnixTime) -> Self {
        let meets = |other: &BreakGlass| match (over.direction, other.direction) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        let goes_on = |it: &&Arc<BreakGlass>| {
            it.partner == over.partner && now < it.until && meets(it.as_ref())
        };
        match all.iter().find(goes_on) {
            Some(_) => Self::StillOut,
            None => Self::InForce,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InForce => "the partner's rule is in force again",
            Self::StillOut => "another one still takes the partner's rule out of force",
        })
    }
}

/// Watches over the exceptions of the configuration in force.
#[derive(Debug, Default)]
pub(super) struct Alarm(Vec<Watched>);

#[derive(Debug)]
struct Watched {
    entry: Arc<BreakGlass>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It lasts, and is told again at this time.
    Lasting(UnixTime),
    /// It is over, and that was told.
    Over,
}

impl Alarm {
    /// Watches these exceptions and no others. All are told, however often they were told before:
    /// somebody has just read the configuration.
    pub(super) fn watch(&mut self, entries: Vec<Arc<BreakGlass>>, now: UnixTime) -> Vec<Cry> {
        let lasting =
            |watched: &&Watched| watched.state != State::Over && watched.entry.until > now;
        let withdrawn = self.0.iter().filter(lasting);
        let withdrawn = withdrawn.filter(|watched| !entries.contains(&watched.entry));
        let mut cries: Vec<_> = withdrawn
            .map(|watched| {
                let rule = Rule::after(&watched.entry, &entries, now);
                Cry::Withdrawn(Arc::clone(&watched.entry), rule)
            })
            .collect();
        self.0.clear();
        for entry in entries {
            let lasts = now < entry.until;
            cries.push(if lasts {
                Cry::InForce(Arc::clone(&entry))
            } else {
                Cry::Expired(Arc::clone(&entry))
            });
            let state = if lasts {
                State::Lasting(later(now))
            } else {
                State::Over
            };
            self.0.push(Watched { entry, state });
        }
        cries
    }

    /// What there is to say now.
    pub(super) fn look(&mut self, now: UnixTime) -> Vec<Cry> {
        let all: Vec<_> = self.0.iter().map(|it| Arc::clone(&it.entry)).collect();
        let due = self.0.iter_mut().filter_map(|watched| {
            let State::Lasting(again) = watched.state else {
                return None;
            };
            if watched.entry.until <= now {
                watched.state = State::Over;
                let rule = Rule::after(&watched.entry, &all, now);
                return Some(Cry::Ended(Arc::clone(&watched.entry), rule));
            }
            (again <= now).then(|| {
                watched.state = State::Lasting(later(now));
                Cry::InForce(Arc::clone(&watched.entry))
            })
        });
        due.collect()
    }
}

fn later(now: UnixTime) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()) + AGAIN)
}

/// Says it.
pub(super) fn tell(cries: &[Cry]) {
    for cry in cries {
        match cry {
            Cry::InForce(entry) => tracing::error!(
                partner = %entry.partner,
                direction = words::scope(entry.direction),
                allow = words::lowered(entry.allow),
                reason = &*entry.reason,
                approved_by = &*entry.approved_by,
                until = %Date(entry.until),
                "the glass is broken: a partner's rule is out of force"
            ),
            Cry::Ended(entry, rule) => tracing::warn!(
                partner = %entry.partner,
                direction = words::scope(entry.direction),
                until = %Date(entry.until),
                "a break-glass entry has ended: {rule}"
            ),
            Cry::Expired(entry) => tracing::warn!(
                partner = %entry.partner,
                until = %Date(entry.until),
                "a break-glass entry is over and without effect: remove it"
            ),
            Cry::Withdrawn(entry, rule) => tracing::warn!(
                partner = %entry.partner,
                direction = words::scope(entry.direction),
                "a break-glass entry was taken back: {rule}"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_policy::{Direction, Lowered};

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn entry(partner: &str, until: u64) -> Arc<BreakGlass> {
        Arc::new(BreakGlass {
            partner: partner.parse().unwrap(),
            direction: None,
            allow: Lowered::Any,
            reason: "their certificate has expired".into(),
            approved_by: "Erika Mustermann".into(),
            until: at(until),
        })
    }

    #[test]
    fn an_exception_is_told_every_hour_and_at_its_end() {
        let broken = entry("Bank", 9000);
        let mut alarm = Alarm::default();
        let begin = alarm.watch(vec![Arc::clone(&broken)], at(1000));
        assert_eq!(begin, [Cry::InForce(Arc::clone(&broken))]);
        assert_eq!(alarm.look(at(1001)), []);
        assert_eq!(alarm.look(at(4599)), []);
        assert_eq!(alarm.look(at(4600)), [Cry::InForce(Arc::clone(&broken))]);
        assert_eq!(alarm.look(at(4601)), []);
        assert_eq!(alarm.look(at(8999)), [Cry::InForce(Arc::clone(&broken))]);
        assert_eq!(alarm.look(at(9000)), [Cry::Ended(broken, Rule::InForce)]);
        assert_eq!(alarm.look(at(99_000)), []);
    }

    #[test]
    fn a_reload_tells_of_all_that_is_there_and_of_what_is_gone() {
        let (short, long, old) = (
            entry("Bank", 5000),
            entry("Ministry", 9000),
            entry("Court", 10),
        );
        let mut alarm = Alarm::default();
        let _ = alarm.watch(vec![Arc::clone(&short), Arc::clone(&long)], at(1000));
        let reloaded = alarm.watch(vec![Arc::clone(&long), Arc::clone(&old)], at(2000));
        let expected = [
            Cry::Withdrawn(short, Rule::InForce),
            Cry::InForce(long),
            Cry::Expired(Arc::clone(&old)),
        ];
        assert_eq!(reloaded, expected);
        // What was over is not taken back.
        let empty = alarm.watch(Vec::new(), at(9000));
        assert_eq!(empty, []);
    }

    #[test]
    fn a_rule_is_in_force_again_when_no_exception_is_left() {
        let one_way = |direction, until| {
            let entry = entry("Bank", until);
            Arc::new(BreakGlass {
                direction: Some(direction),
                ..BreakGlass::clone(&entry)
            })
        };
        let short = one_way(Direction::Outbound, 2000);
        let (inbound, both) = (one_way(Direction::Inbound, 5000), entry("Bank", 3000));
        let mut alarm = Alarm::default();
        let entries = [&short, &inbound, &both].map(Arc::clone).to_vec();
        let _ = alarm.watch(entries, at(1000));
        assert_eq!(
            alarm.look(at(2000)),
            [Cry::Ended(Arc::clone(&short), Rule::StillOut)]
        );
        // The other direction alone goes on after this one.
        assert_eq!(
            alarm.look(at(3000)),
            [Cry::Ended(Arc::clone(&both), Rule::StillOut)]
        );

        // An entry that is given more time is another one, and the rule stays out of force.
        let longer = one_way(Direction::Inbound, 9000);
        let cries = alarm.watch(vec![Arc::clone(&longer)], at(4000));
        let expected = [
            Cry::Withdrawn(inbound, Rule::StillOut),
            Cry::InForce(Arc::clone(&longer)),
        ];
        assert_eq!(cries, expected);
        let outbound = one_way(Direction::Outbound, 9000);
        let cries = alarm.watch(vec![Arc::clone(&outbound)], at(5000));
        let expected = [
            Cry::Withdrawn(longer, Rule::InForce),
            Cry::InForce(outbound),
        ];
        assert_eq!(cries, expected);
    }
}
