//! What the sources say.

use std::fs;
use std::path::{Path, PathBuf};

use postern_tests::programs::project;

use crate::{check, files};

/// Where a channel may be released: `policy` judges it first, `tls` defines and tests it.
const MAY_RELEASE: [&str; 2] = ["crates/policy", "crates/tls"];

#[test]
fn channels_are_released_by_policy_alone() {
    check(
        "channels are released by policy alone",
        &releases(&files::sources()),
    );
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    let manifest = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name == "Cargo.toml") && path != Path::new("Cargo.toml")
    };
    let manifests: Vec<PathBuf> = files::all().into_iter().filter(manifest).collect();
    assert!(
        manifests.len() > 10,
        "the house has more crates than {}",
        manifests.len()
    );
    let without =
        |path: &&PathBuf| !takes_lints(&fs::read_to_string(project().join(path)).unwrap());
    let names: Vec<String> = manifests
        .iter()
        .filter(without)
        .map(|path| path.display().to_string())
        .collect();
    check("every crate takes the lints of the workspace", &names);
}

#[test]
fn a_release_elsewhere_is_noticed() {
    let found = |path: &str, text: &str| releases(&[(PathBuf::from(path), text.to_owned())]).len();
    let shell = "crates/outbound/src/deliver.rs";
    assert_eq!(found(shell, "let io = channel.release();"), 1);
    assert_eq!(found(shell, "let io = channel\n    .release( );"), 1);
    assert_eq!(found(shell, "map(TlsChannel::release)"), 1);
    assert_eq!(found(shell, "map(PlainChannel::<S>::release)"), 1);
    // Messages held in the queue are released by their number.
    assert_eq!(found(shell, "spool.release(id).await"), 0);
    assert_eq!(found(shell, "// as `channel.release()` does"), 0);
    assert_eq!(found("crates/policy/src/permit.rs", "channel.release()"), 0);
    assert_eq!(
        found("crates/policy-extra/src/permit.rs", "channel.release()"),
        1
    );
}

#[test]
fn missing_lints_are_noticed() {
    assert!(takes_lints("[package]\n[lints]\nworkspace = true\n"));
    assert!(!takes_lints(
        "[package]\n[lints]\n[dependencies]\nworkspace = true\n"
    ));
    assert!(!takes_lints("[package]\nworkspace = true\n"));
}

fn releases(sources: &[(PathBuf, String)]) -> Vec<String> {
    let here = Path::new("tests/tests/house");
    let outside = |path: &Path| {
        !path.starts_with(here) && !MAY_RELEASE.iter().any(|place| path.starts_with(place))
    };
    let offenders = sources
        .iter()
        .filter(|(path, text)| outside(path) && releases_a_channel(text));
    offenders
        .map(|(path, _)| path.display().to_string())
        .collect()
}

/// Whether the code in `text` takes the stream out of a channel. It does not matter how it is
/// spaced or which channel it is: a method `release` without arguments, or one named by its type.
fn releases_a_channel(text: &str) -> bool {
    let lines = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code: String = lines
        .flat_map(str::chars)
        .filter(|it| !it.is_whitespace())
        .collect();
    let named = [
        "Channel::release",
        "Channel::<S>::release",
        "Channel<S>>::release",
    ];
    code.contains(".release()") || named.iter().any(|name| code.contains(name))
}

fn takes_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim);
    lines.by_ref().any(|line| line == "[lints]")
        && lines
            .take_while(|line| !line.starts_with('['))
            .any(|line| line == "workspace = true")
}
