//! Nothing that was answered by 250 is ever lost: the means to show it.
//!
//! The *fault loop* does what SQLite's does. A scenario is run once undisturbed, and its calls on the
//! queue's files are counted; then it is run again for each of these calls and each [`How`](injector::How), with the
//! fault at just that call ([`injector`]). Afterwards the queue is opened without faults, as a
//! restart would, and held against a ledger of what had been promised. What is run is
//! a process that exercises the queue alone ([`driver`], [`queue`]).
//!
//! The same faults strike the daemon ([`wire`]): what it has answered by 250 arrives at a sink.
//!
//! The *kills* ([`kills`]) end the daemon under load at random moments, again and again, and some of its
//! starts.
//!
//! A disk that is full for real is tried as well ([`disk`]), and a daemon that is told to end or to reload
//! while mail comes in ([`orders`]).
//!
//! A call that failed may have done its work all the same, so what was refused may be there; what
//! was acknowledged must be. The faults are those of system calls. Loss of power is another matter:
//! what was written and not synced is still there after a kill.
//!
//! ```text
//! cargo run --release -p postern-tests --example torture -- faults [--seed S] [--points N]
//! cargo run --release -p postern-tests --example torture -- wire [--seed S] [--points N]
//! cargo run --release -p postern-tests --example torture -- kills [--seed S] [--kills N]
//! ```

pub mod disk;
pub mod driver;
pub mod faults;
mod house;
pub mod injector;
pub mod kills;
pub mod ledger;
mod load;
pub mod orders;
pub mod outcome;
pub mod queue;
pub mod wire;

/// A sequence of numbers that a seed determines (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll().checked_rem(end).unwrap_or_default()
    }
}
