//! How many connections a destination may have at a time.
//!
//! It begins with few. Every message that is taken while all of them are in use allows for one
//! more, so that a fast destination has all that it may have within a few round trips. Where it
//! refuses a connection while others stand, as many stand as it grants: nothing more is tried for
//! a while, and then one by one. Where it ends sessions or leaves them hanging, their number is
//! halved.

use std::time::Duration;

use tokio::time::Instant;

use crate::pace::Pace;

/// How long no further connection is tried after a destination refused one while others stood.
const GRANTED: Duration = Duration::from_secs(30);

/// Connections that break off together are one sign of trouble, not as many as there are.
const ONE_SIGN: Duration = Duration::from_secs(1);

/// How many connections a destination may have at a time.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Nothing before anything is known.
    allowed: Option<usize>,
    /// From here on it grows by one for as many messages as there are connections.
    careful_from: Option<usize>,
    /// The messages of which the last ones may allow for one more.
    taken: usize,
    steady_until: Option<Instant>,
    last_trouble: Option<Instant>,
}

impl Window {
    /// How many connections there may be now.
    pub(super) fn allowed(&self, pace: &Pace) -> usize {
        let allowed = self.allowed.unwrap_or(pace.initial_connections);
        allowed.min(pace.connections).max(1)
    }

    /// A message was taken while so many workers were there.
    pub(super) fn taken(&mut self, workers: usize, pace: &Pace, now: Instant) {
        let allowed = self.allowed(pace);
        let steady = self.steady_until.is_some_and(|until| now < until);
        if steady || workers < allowed || allowed >= pace.connections {
            return;
        }
        self.taken += 1;
        let quickly = self.careful_from.is_none_or(|careful| allowed < careful);
        if quickly || self.taken >= allowed {
            self.allowed = Some(allowed + 1);
            self.taken = 0;
        }
    }

    /// A further connection was refused while so many stood.
    pub(super) fn refused(&mut self, standing: usize, now: Instant) {
        self.allowed = Some(standing);
        self.careful_from = Some(0);
        self.steady_until = Some(now + GRANTED);
    }

    /// So many connections stand, some of them made before it was known how many may be.
    pub(super) fn granted(&mut self, standing: usize) {
        self.allowed = self.allowed.map(|allowed| allowed.max(standing));
    }

    /// A session broke off.
    pub(super) fn broke_off(&mut self, pace: &Pace, now: Instant) {
        let before = self.last_trouble.replace(now);
        if before.is_some_and(|before| now.duration_since(before) < ONE_SIGN) {
            return;
        }
        let half = (self.allowed(pace) / 2).max(1);
        self.allowed = Some(half);
        self.careful_from = Some(half);
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_quickly_until_there_is_trouble_and_then_with_care() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let pace = Pace {
            connections: 8,
            initial_connections: 2,
            ..Pace::default()
        };
        let mut window = Window::default();
        let allowed = |window: &Window| window.allowed(&pace);
        assert_eq!(allowed(&window), 2);
        window.taken(1, &pace, at(0));
        assert_eq!(allowed(&window), 2, "not all of them were needed");
        for _ in 0..20 {
            window.taken(allowed(&window), &pace, at(0));
        }
        assert_eq!(allowed(&window), 8);
        for _ in 0..8 {
            window.broke_off(&pace, at(1));
        }
        assert_eq!(allowed(&window), 4, "together they are one sign");
        for _ in 0..4 {
            window.taken(4, &pace, at(2));
        }
        assert_eq!(allowed(&window), 5);
        window.refused(3, at(3));
        window.taken(3, &pace, at(10));
        assert_eq!(allowed(&window), 3, "no more for a while");
        for _ in 0..3 {
            window.taken(3, &pace, at(40));
        }
        assert_eq!(allowed(&window), 4);
    }

    #[test]
    fn there_is_always_one_and_never_more_than_the_configuration_says() {
        let check = |connections, initial_connections, expected| {
            let pace = Pace {
                connections,
                initial_connections,
                ..Pace::default()
            };
            assert_eq!(Window::default().allowed(&pace), expected);
        };
        check(0, 0, 1);
        check(3, 5, 3);
        check(8, 5, 5);
        let mut window = Window::default();
        window.refused(8, Instant::now());
        let narrower = Pace {
            connections: 4,
            ..Pace::default()
        };
        assert_eq!(window.allowed(&narrower), 4);
    }
}
