//! What other implementations make of the same records and messages: pyspf, dkimpy and
//! authheaders, each from Debian's packages.
//!
//! Records and messages are drawn at random from a grammar that leans towards what is odd, the
//! same ones in every run, so that a difference can be looked at again by its number. The zone
//! that a question is about goes to both sides; nobody asks a name server. Where the others are
//! wrong or follow an older text, the case says so.
//!
//! Without the programs the tests are reported as ignored, and fail where `CI` is set.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod arc;
mod dkim;
mod dmarc;
mod letters;
mod opinion;
mod spf;
mod zone;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::opinion::Opinion;

/// A question that is asked on both sides.
struct Comparison {
    name: &'static str,
    run: fn(&mut Opinion) -> Result<(), String>,
}

impl Comparison {
    fn trial(&'static self) -> Trial {
        Trial::ignorable_test(self.name, || match Opinion::start() {
            Ok(mut opinion) => (self.run)(&mut opinion)
                .map(|()| Completion::Completed)
                .map_err(Failed::from),
            Err(missing) if in_ci() => Err(Failed::from(missing)),
            Err(missing) => Ok(Completion::ignored_with(missing)),
        })
    }
}

/// Whether nothing may be left out.
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

fn main() -> ExitCode {
    let topics = [spf::ALL, dkim::ALL, arc::ALL, dmarc::ALL];
    let trials = topics.into_iter().flatten().map(Comparison::trial);
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}
