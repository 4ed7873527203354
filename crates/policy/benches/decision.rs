//! What a decision costs among ten thousand partners: `cargo bench -p postern-policy`.
//!
//! A decision outbound is all that is done for a message: plan, next hop, judgement. Inbound it is
//! the judgement at `MAIL FROM`. Connections carry many messages, so what a certificate says is
//! read before the clock starts, as it is for the second message on a connection. Where a chain
//! must be verified, the figure holds the verification of its signatures, for each message anew.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

#[path = "../tests/policy/decisions.rs"]
mod decisions;
#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../tests/policy/peers.rs"]
mod peers;
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
            ", signatures included"
        } else {
            ""
        };
        let micros = best.as_nanos() as f64 / 1000.0;
        println!("{micros:8.2} us  {}{what}", decision.name);
    }
}
