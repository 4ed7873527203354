//! Names that may be meant by one that is none.

/// The most names that are suggested.
const MOST: usize = 3;

/// The most characters of what is taken for a name that was misspelt. Comparing takes time by
/// the product of lengths, for each of ten thousand partners, and names have at most a hundred.
const LONGEST: usize = 200;

/// Those of `names` that are most like `wanted`, the most alike first: they begin like it, or
/// become it by a few changes of letters.
pub(super) fn nearest(wanted: &str, names: impl Iterator<Item = impl Into<String>>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let length = wanted.chars().count();
    if length > LONGEST {
        return Vec::new();
    }
    let enough = length / 3 + 1;
    let mut found: Vec<_> = names
        .filter_map(|name| {
            let name = name.into();
            let folded = name.to_lowercase();
            let begins = !wanted.is_empty() && folded.starts_with(&wanted);
            // It takes a change at least for each character that one has more than the other.
            let apart = folded.chars().count().abs_diff(length);
            let far = if begins {
                0
            } else if apart > enough {
                apart
            } else {
                distance(&wanted, &folded)
            };
            (far <= enough).then_some((far, name))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, name)| name).take(MOST).collect()
}

/// How many letters have to be put in, left out or exchanged to make one text of the other
/// (Levenshtein's distance). Names of partners are at most a hundred characters long.
fn distance(a: &str, b: &str) -> usize {
    let mut above: Vec<usize> = (0..=b.chars().count()).collect();
    for (row, from) in a.chars().enumerate() {
        let mut left = row + 1;
        let mut diagonal = row;
        if let Some(first) = above.first_mut() {
            *first = left;
        }
        for (cell, to) in above.iter_mut().skip(1).zip(b.chars()) {
            let exchanged = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = exchanged.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("bank", "bnak", 2),
            ("same", "same", 0),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn names_alike_are_found() {
        let names = ["Bank", "Bahn", "Ministry of Examples", "Court"];
        let nearest = |wanted| nearest(wanted, names.into_iter());
        assert_eq!(nearest("bank"), ["Bank", "Bahn"]);
        assert_eq!(nearest("ministry"), ["Ministry of Examples"]);
        assert_eq!(nearest("Curt"), ["Court"]);
        assert_eq!(nearest("Somebody else"), Vec::<String>::new());
        assert_eq!(nearest(""), Vec::<String>::new());
    }

    #[test]
    fn what_is_longer_than_any_name_is_compared_with_none() {
        let long = "b".repeat(LONGEST);
        let same = nearest(&long, std::iter::once(long.as_str()));
        assert_eq!(same, [long.as_str()]);
        let longer = format!("{long}b");
        let names = [longer.clone(), long].into_iter();
        assert_eq!(nearest(&longer, names), Vec::<String>::new());
    }
}
