//! Sequence numbers of batches.
//!
//! They are the one part of a batch that its checksum does not cover, and they decide which of
//! two records with one key counts: with a wrong one a message that has left the queue comes
//! back. They grow from batch to batch, so one that went bad stands out between its neighbours.

/// No journal lasts until its numbers grow by this much from one batch to the next.
const LEAP: u64 = 1 << 40;

/// The numbers that are out of order, by their place among `numbers`, and what fits there.
pub(crate) fn corrections(numbers: &[u64]) -> Vec<(usize, u64)> {
    let mut corrections = Vec::new();
    let mut before: Option<u64> = None;
    for (at, number) in numbers.iter().copied().enumerate() {
        let next = numbers.get(at + 1).copied();
        let right = match (before, next) {
            (Some(before), _) if number <= before => before.saturating_add(1),
            (Some(before), Some(next)) if number >= next && before < next => before + 1,
            (Some(before), _) if number - before > LEAP => before + 1,
            (None, Some(next)) if number >= next => next.saturating_sub(1),
            _ => number,
        };
        if right != number {
            corrections.push((at, right));
        }
        before = Some(right);
    }
    corrections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[u64], expected: &[(usize, u64)]) {
        assert_eq!(corrections(numbers), expected, "{numbers:?}");
    }

    #[test]
    fn the_odd_one_is_found() {
        check(&[], &[]);
        check(&[9], &[]);
        check(&[1, 2, 3, 7, 8], &[]);
        check(&[90, 2, 3], &[(0, 1)]);
        check(&[1, 90, 3, 4], &[(1, 2)]);
        check(&[5, 6, 2, 8], &[(2, 7)]);
        check(&[5, 6, 7, 1], &[(3, 8)]);
        check(&[5, 6, u64::MAX], &[(2, 7)]);
        check(&[5, u64::MAX, 7], &[(1, 6)]);
    }
}
