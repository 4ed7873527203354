//! The rows of growth work, with small numbers. What they find is no matter here: the profile of tests
//! is not the one that is measured. A row fails when a message is lost or comes twice.
#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is not as it should be"
)]

use postern_bench::growth::{Row, Size};

fn check(row: Row, findings: usize) {
    let found = row.measure(&Size::short()).unwrap();
    assert_eq!(found.len(), findings, "{found:?}");
    for finding in found {
        assert!(finding.figure.is_finite(), "{finding}");
    }
}

#[test]
fn with_the_queue() {
    check(Row::Queue, 7);
}

#[test]
fn with_sessions() {
    check(Row::Sessions, 2);
}

#[test]
fn with_octets() {
    check(Row::Octets, 3);
}

#[test]
fn with_partners() {
    check(Row::Partners, 4);
}

#[test]
fn with_a_host_that_hangs() {
    check(Row::Dead, 2);
}
