//! What lies in the tree: the files that git keeps or would keep, else all that is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use postern_tests::programs::project;

use crate::check;

/// What the top level holds besides dot files.
const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "CHANGELOG.md",
    "README.md",
    "clippy.toml",
    "config",
    "crates",
    "deny.toml",
    "docs",
    "rustfmt.toml",
    "tests",
];

/// Longest source file. Most have 100 to 300 lines; tables may be longer; beyond this a file holds
/// more than one topic.
const LINES: usize = 700;

/// All files of the project, relative to its root.
pub(crate) fn all() -> Vec<PathBuf> {
    listed_by_git().unwrap_or_else(|| {
        let mut files = Vec::new();
        walk(&project(), Path::new(""), &mut files);
        files
    })
}

/// The source files among them with their text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let rust = |path: &PathBuf| path.extension().is_some_and(|it| it == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(project().join(&path)).unwrap();
        (path, text)
    };
    all().into_iter().filter(rust).map(read).collect()
}

fn listed_by_git() -> Option<Vec<PathBuf>> {
    let mut command = Command::new("git");
    command.args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let output = command.current_dir(project()).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let names = String::from_utf8(output.stdout).unwrap();
    let files = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    // A file that was just deleted is still listed.
    Some(files.filter(|path| project().join(path).exists()).collect())
}

fn walk(root: &Path, below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if path == Path::new("target") || path == Path::new(".git") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            walk(root, &path, files);
        } else {
            files.push(path);
        }
    }
}

#[test]
fn the_top_level_holds_nothing_else() {
    check("the top level holds nothing else", &surplus(&all()));
}

#[test]
fn no_file_is_longer_than_a_topic() {
    check("no file is longer than a topic", &too_long(&sources()));
}

#[test]
fn surplus_files_are_noticed() {
    let files = [
        "Cargo.toml",
        ".ci/run",
        "crates/x/y.rs",
        "notes.md",
        "scripts/a",
    ]
    .map(PathBuf::from);
    assert_eq!(surplus(&files), ["notes.md", "scripts/a"]);
}

#[test]
fn long_files_are_noticed() {
    let file = |lines: usize| (PathBuf::from("a.rs"), "x\n".repeat(lines));
    assert!(too_long(&[file(LINES)]).is_empty());
    assert_eq!(too_long(&[file(LINES + 1)]), ["a.rs has 701 lines"]);
}

#[test]
fn walking_finds_what_git_lists() {
    let mut walked = Vec::new();
    walk(&project(), Path::new(""), &mut walked);
    let here = Path::new("tests/tests/house/files.rs");
    assert!(walked.iter().any(|path| path == here));
    assert!(all().iter().any(|path| path == here));
    assert!(
        !walked
            .iter()
            .any(|path| path.starts_with("target") || path.starts_with(".git"))
    );
}

fn surplus(files: &[PathBuf]) -> Vec<String> {
    let first = |path: &PathBuf| path.iter().next().unwrap().to_string_lossy().into_owned();
    let fits = |name: &str| name.starts_with('.') || TOP_LEVEL.contains(&name);
    let unfit = files.iter().filter(|path| !fits(&first(path)));
    unfit.map(|path| path.display().to_string()).collect()
}

fn too_long(sources: &[(PathBuf, String)]) -> Vec<String> {
    let count =
        |(path, text): &(PathBuf, String)| (path.display().to_string(), text.lines().count());
    let over = |(path, lines): (String, usize)| {
        (lines > LINES).then(|| format!("{path} has {lines} lines"))
    };
    sources.iter().map(count).filter_map(over).collect()
}
