//! What the documents say is there.

use std::fs;
use std::path::{Path, PathBuf};

use postern_tests::programs::project;

use crate::{check, files, threats};

/// The heading of the chapter whose rows name code and tests.
const CHAPTER: &str = "## What was done to others";

/// Where paths in the text begin.
const FOLDERS: [&str; 5] = ["crates/", "tests/", "docs/", "config/", ".ci/"];

#[test]
fn links_and_paths_lead_somewhere() {
    let dead = |(path, text): (PathBuf, String)| {
        let lost = lost(&text, path.parent().unwrap_or(Path::new("")));
        lost.into_iter()
            .map(move |it| format!("{}: {it}", path.display()))
    };
    let all: Vec<String> = documents().into_iter().flat_map(dead).collect();
    check("links and paths lead somewhere", &all);
}

#[test]
fn what_was_done_to_others_is_stopped_and_tested() {
    let text = fs::read_to_string(project().join("docs/architecture.md")).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 10, "the chapter has {} rows", rows.len());
    let faults: Vec<String> = rows.iter().flat_map(|row| faults(row)).collect();
    check("what was done to others is stopped and tested", &faults);
}

#[test]
fn what_is_not_there_is_noticed() {
    let text = "[a](docs/none.md#x) [b](https://example.org/) `crates/none/src/` `tests/tests/house.rs` \
                [c](README.md)";
    let expected = ["docs/none.md", "crates/none/src/"];
    assert_eq!(lost(text, Path::new("")), expected);
    let table = format!(
        "| x | `none` | y |\n{CHAPTER}\n\n| was | by | shown |\n|---|---|---|\n\
         | a | `mail/src/lib.rs` | `mail/src/lib.rs` `no_such_test` |\n| b | `mail/none.rs` | |\n\n## Next\n| c |\n"
    );
    let rows = rows(&table);
    assert_eq!(rows.len(), 2);
    assert_eq!(
        rows.iter().map(|row| faults(row).len()).collect::<Vec<_>>(),
        [1, 2]
    );
}

/// The documents with their text.
fn documents() -> Vec<(PathBuf, String)> {
    let document = |path: &PathBuf| {
        path == Path::new("README.md")
            || (path.starts_with("docs") && path.extension().is_some_and(|it| it == "md"))
    };
    let read = |path: PathBuf| {
        let text = fs::read_to_string(project().join(&path)).unwrap();
        (path, text)
    };
    files::all()
        .into_iter()
        .filter(document)
        .map(read)
        .collect()
}

/// Links of a document in `folder`, and paths in its text, that lead nowhere.
fn lost(text: &str, folder: &Path) -> Vec<String> {
    let links = text
        .split("](")
        .skip(1)
        .filter_map(|it| it.split(')').next());
    let links = links.map(|link| link.split('#').next().unwrap_or_default());
    let links = links
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .map(|link| (folder.join(link), link));
    let paths = words(text)
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .map(|word| (PathBuf::from(word), word));
    links
        .chain(paths)
        .filter(|(path, _)| !project().join(path).exists())
        .map(|(_, shown)| shown.to_owned())
        .collect()
}

/// What stands between backquotes, on one line each.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|word| !word.contains(' '))
}

/// The rows of the chapter, without its head.
fn rows(text: &str) -> Vec<&str> {
    let (_, chapter) = text.split_once(CHAPTER).unwrap();
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    chapter
        .lines()
        .filter(|line| line.starts_with('|'))
        .skip(2)
        .collect()
}

/// What is wrong with a row: its code is not there, or a test of it, or it has none.
fn faults(row: &str) -> Vec<String> {
    let mut cells = row.trim_matches('|').split(" | ");
    let what = cells.next().unwrap_or_default().trim().to_owned();
    let codes: Vec<_> = words(cells.next().unwrap_or_default()).collect();
    let named: Vec<_> = words(cells.next().unwrap_or_default()).collect();
    let tests: Vec<_> = named
        .chunks(2)
        .map(|test| format!("crates/{}", test.join(" ")))
        .collect();
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    let none = |list: &[&str], of: &str| list.is_empty().then(|| of.to_owned());
    let absent = codes
        .iter()
        .map(|code| format!("crates/{code}"))
        .filter(|code| !project().join(code).exists());
    let lacks = none(&codes, "any code")
        .into_iter()
        .chain(none(&tests, "any test"))
        .chain(absent)
        .chain(threats::missing(&tests));
    lacks.map(|it| format!("{what} lacks {it}")).collect()
}
