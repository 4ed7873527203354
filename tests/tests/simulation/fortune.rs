//! What goes wrong on one connection: the way between the ends, and the next hop at its end.

use postern_mail::{EnhancedStatusCode, Reply, ReplyCode};
use postern_smtp::server::StartTls;

use super::{
    cast::Face,
    ends::{Dot, Manners, Turn, later, never},
    habits::Habits,
    link::{Trouble, Weather},
    listener::Handshakes,
    random::Random,
};

const MINUTE: u64 = 60_000;

pub(crate) fn weather(random: &mut Random, healed: bool) -> Weather {
    let trouble = (random.chance(25) && !healed).then(|| {
        let kinds = [Trouble::Cut, Trouble::Cut, Trouble::Silence, Trouble::Stall];
        (random.below(2_500) as usize, random.pick(&kinds))
    });
    Weather {
        delay: (random.between(1, 50), random.between(0, 400)),
        splits: random.chance(30),
        trouble,
    }
}

/// How a next hop behaves this time. Once the world is healed it does all that we demand, and what
/// nobody demands is still as it likes.
pub(crate) fn manners(random: &mut Random, wanted: Option<Face>, healed: bool) -> Manners {
    let mishap = |random: &mut Random, percent| random.chance(percent) && !healed;
    let any = random.pick(&Face::SERVERS);
    let face = wanted
        .filter(|_| healed || random.chance(60))
        .unwrap_or(any);
    let broken = [Handshakes::Close, Handshakes::Garble, Handshakes::Stall];
    let handshakes = if mishap(random, 15) {
        random.pick(&broken)
    } else {
        Handshakes::Succeed(face)
    };
    let starttls = if mishap(random, 15) {
        StartTls::NotOffered
    } else if random.chance(15) {
        StartTls::Required
    } else {
        StartTls::Offered
    };
    Manners {
        starttls,
        handshakes,
        habits: Habits::of_others(random, healed),
        greeting: refusal(random, healed),
        turn: turn(random, healed),
    }
}

fn refusal(random: &mut Random, healed: bool) -> Option<Reply> {
    let refuses = random.chance(4) && !healed;
    refuses.then(|| if random.chance(80) { later() } else { never() })
}

/// How a next hop behaves in one transaction.
pub(crate) fn turn(random: &mut Random, healed: bool) -> Turn {
    let dot = match random.below(100) {
        _ if healed => Dot::Keep,
        0..8 => Dot::Hang {
            keeps: random.chance(50),
        },
        8..14 => Dot::Refuse(if random.chance(70) { later() } else { never() }),
        14..17 => Dot::Refuse(shutting_down()),
        17..24 => Dot::KeepSlowly(random.between(1_000, 15 * MINUTE)),
        _ => Dot::Keep,
    };
    Turn {
        mail: refusal(random, healed),
        rcpt: (random.chance(10) && !healed).then(later),
        data: refusal(random, healed),
        dot,
    }
}

fn shutting_down() -> Reply {
    let status = EnhancedStatusCode::transient(3, 2);
    Reply::new(ReplyCode::NOT_AVAILABLE, "going down").with_status(status)
}
