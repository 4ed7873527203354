//! Exceptions to partners' rules are told loudly: when they begin, every hour while they last,
//! and when they end. Nobody should be able to forget that a glass is broken.

use std::{sync::Arc, time::Duration};

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
    /// One has ended: the rule is in force again.
    Ended(Arc<BreakGlass>),
    /// One had ended before it was read.
    Expired(Arc<BreakGlass>),
    /// One that was in force is no longer in the configuration.
    Withdrawn(Arc<BreakGlass>),
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
            .map(|watched| Cry::Withdrawn(Arc::clone(&watched.entry)))
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
        let due = self.0.iter_mut().filter_map(|watched| {
            let State::Lasting(again) = watched.state else {
                return None;
            };
            if watched.entry.until <= now {
                watched.state = State::Over;
                return Some(Cry::Ended(Arc::clone(&watched.entry)));
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
            Cry::Ended(entry) => tracing::warn!(
                partner = %entry.partner,
                direction = words::scope(entry.direction),
                until = %Date(entry.until),
                "a break-glass entry has ended: the partner's rule is in force again"
            ),
            Cry::Expired(entry) => tracing::warn!(
                partner = %entry.partner,
                until = %Date(entry.until),
                "a break-glass entry is over and without effect: remove it"
            ),
            Cry::Withdrawn(entry) => tracing::warn!(
                partner = %entry.partner,
                direction = words::scope(entry.direction),
                "a break-glass entry was taken back: the partner's rule is in force again"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use postern_policy::Lowered;

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
        assert_eq!(alarm.look(at(9000)), [Cry::Ended(broken)]);
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
            Cry::Withdrawn(short),
            Cry::InForce(long),
            Cry::Expired(Arc::clone(&old)),
        ];
        assert_eq!(reloaded, expected);
        // What was over is not taken back.
        let empty = alarm.watch(Vec::new(), at(9000));
        assert_eq!(empty, []);
    }
}
