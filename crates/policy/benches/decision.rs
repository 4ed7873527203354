//! What a decision costs among ten thousand partners: `cargo bench -p postern-policy`.
//!
//! A decision outbound is all that is done for a message: plan, next hop, judgement. Inbound it is
//! the judgement at `MAIL FROM`. What a certificate says is read once for a connection, at its
//! first message, which takes some 4 us more; these are the figures of the others. Where a chain
//! must be verified, its signatures are, for each message anew: that takes what it takes, and is
//! told apart.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark prints what it found, and stops where it finds what it did not expect"
)]

#[path = "../tests/policy/decisions.rs"]
mod decisions;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/policy/peers.rs"]
mod peers;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/policy/policies.rs"]
mod policies;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/policy/published.rs"]
mod published;

use std::time::{Duration, Instant};

const PARTNERS: usize = 10_000;
const TRIES: u32 = 20;
const DECISIONS: u32 = 2000;

fn main() {
    println!("a decision among {PARTNERS} partners, the best of {TRIES} x {DECISIONS}");
    for mut decision in decisions::among(PARTNERS) {
        let tries = (0..TRIES).map(|_| {
            let begin = Instant::now();
            (0..DECISIONS).for_each(|_| decision.decide());
            begin.elapsed()
        });
        let best = tries.min().unwrap_or(Duration::MAX) / DECISIONS;
        let what = if decision.signatures {
            ", its chain verified"
        } else {
            ""
        };
        let micros = best.as_nanos() as f64 / 1000.0;
        println!("{micros:8.2} us  {}{what}", decision.name);
    }
}
