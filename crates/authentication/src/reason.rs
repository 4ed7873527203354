//! Reasons as they are shown: in header fields, replies and logs.

/// What is shown of a reason. Longer ones are made to fill somebody's log.
const LONGEST: usize = 240;

/// A reason as printable ASCII. What others wrote may be part of it.
pub(crate) fn printable(reason: &str) -> String {
    let shown = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    reason.chars().take(LONGEST).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short_printable_ascii() {
        assert_eq!(printable("a\r\nb: c\u{1b}[1m \u{fc}"), "a??b: c?[1m ?");
        assert_eq!(printable(&"x".repeat(1000)).len(), LONGEST);
    }
}
