//! How fast a destination is given mail.

use std::{num::NonZeroU32, time::Duration};

/// How fast one destination is given mail, at most.
///
/// A destination is a next hop, or a domain whose MX records say where to go, together with what
/// its connections are made for: the partner, the route and what they demand. Each of them has
/// this much for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The most connections at a time.
    pub connections: usize,
    /// How many connections are made before anything is known of the destination but that a
    /// first one stands. Each message that it takes allows for one more.
    pub initial_connections: usize,
    /// After so many messages a connection is closed, and another one made; nothing where it is
    /// kept as long as there is mail for it.
    pub messages_per_connection: Option<NonZeroU32>,
    /// How many messages are begun within a time; nothing where there is no such limit.
    pub rate: Option<Rate>,
}

impl Default for Pace {
    /// Eight connections, of which the first five are made at once: so many strangers grant
    /// without a word (it is what Postfix begins with, too), and from there eight are reached
    /// with the third message. No other limits: few hosts have them, and those say so.
    fn default() -> Self {
        Self {
            connections: 8,
            initial_connections: 5,
            messages_per_connection: None,
            rate: None,
        }
    }
}

/// So many messages within a time, spread evenly over it.
///
/// A tenth of them may be begun at once, when none was for a while: a burst must not be as large
/// as the whole, or the peer could count nearly twice as many within its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many messages.
    pub messages: NonZeroU32,
    /// Within which time.
    pub per: Duration,
}

impl Rate {
    /// The time from one message to the next.
    pub(crate) fn interval(self) -> Duration {
        self.per / self.messages.get()
    }

    /// By how much a message may be before its time, when those before it were late.
    pub(crate) fn tolerance(self) -> Duration {
        let burst = (self.messages.get() / 10).max(1);
        self.interval() * (burst - 1)
    }
}

/// What a route, a domain or a partner says of the pace; where it is silent the default counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PaceOverride {
    /// See [`Pace::connections`].
    pub connections: Option<usize>,
    /// See [`Pace::initial_connections`].
    pub initial_connections: Option<usize>,
    /// See [`Pace::messages_per_connection`].
    pub messages_per_connection: Option<NonZeroU32>,
    /// See [`Pace::rate`].
    pub rate: Option<Rate>,
}

impl Pace {
    /// The same pace, but for what `said` says otherwise.
    #[must_use]
    pub fn overridden(self, said: &PaceOverride) -> Self {
        Self {
            connections: said.connections.unwrap_or(self.connections),
            initial_connections: said.initial_connections.unwrap_or(self.initial_connections),
            messages_per_connection: said
                .messages_per_connection
                .or(self.messages_per_connection),
            rate: said.rate.or(self.rate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_last_counts_and_silence_changes_nothing() {
        let number = |number| NonZeroU32::new(number).unwrap();
        let rate = Rate {
            messages: number(600),
            per: Duration::from_secs(60),
        };
        let route = PaceOverride {
            connections: Some(2),
            rate: Some(rate),
            ..PaceOverride::default()
        };
        let partner = PaceOverride {
            connections: Some(4),
            messages_per_connection: Some(number(100)),
            ..PaceOverride::default()
        };
        let pace = Pace::default().overridden(&route).overridden(&partner);
        let expected = Pace {
            connections: 4,
            initial_connections: 5,
            messages_per_connection: Some(number(100)),
            rate: Some(rate),
        };
        assert_eq!(pace, expected);
        assert_eq!(rate.interval(), Duration::from_millis(100));
        assert_eq!(rate.tolerance(), Duration::from_millis(5900));
    }
}
