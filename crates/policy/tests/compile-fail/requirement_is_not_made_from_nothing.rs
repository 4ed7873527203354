//! A requirement begins with somebody's demand, so that none is empty by mistake.

use postern_policy::Requirement;

fn main() {
    let _ = Requirement::default();
}
