//! Which known name was probably meant.

/// Longer words are typing errors of nothing; this bounds the work as well.
const LONGEST: usize = 40;

/// The known name that `word` comes closest to, if it comes close enough to suggest it: one
/// typing error in three letters.
pub(crate) fn nearest(
    word: &str,
    known: impl IntoIterator<Item = &'static str>,
) -> Option<&'static str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The edit distance in which inserting, dropping, replacing and swapping neighbours each cost
/// one (optimal string alignment). Only the last three rows of its table are kept.
fn distance(word: &[char], name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut earlier: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=name.len()).collect();
    for (row, letter) in word.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, wanted) in name.iter().enumerate() {
            let at =
                |cells: &[usize], index: usize| cells.get(index).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, column) + usize::from(letter != wanted);
            let inserted = at(&current, column) + 1;
            let dropped = at(&above, column + 1) + 1;
            let mut best = replaced.min(inserted).min(dropped);
            let swapped = row > 0
                && column > 0
                && word.get(row - 1) == Some(wanted)
                && name.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&earlier, column - 1) + 1);
            }
            current.push(best);
        }
        earlier = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        let known = ["hostname", "listener", "next-hop", "tls", "require"];
        assert_eq!(nearest(word, known), expected, "{word}");
    }

    #[test]
    fn typing_errors_are_recognised() {
        check("hostnaem", Some("hostname"));
        check("listeners", Some("listener"));
        check("next_hop", Some("next-hop"));
        check("Require", Some("require"));
        check("tsl", Some("tls"));
    }

    #[test]
    fn other_words_are_not() {
        check("", None);
        check("relay-host", None);
        check("password", None);
        check(&"listener".repeat(1000), None);
    }
}
