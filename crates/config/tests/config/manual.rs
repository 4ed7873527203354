//! The sample and the reference are those of the declarations, and the sample can be used.

use std::{collections::BTreeSet, fs, path::Path};

use crate::home::Home;

#[track_caller]
fn check_generated(path: &str, expected: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let written = fs::read_to_string(file).unwrap();
    let advice = "run `cargo run -p postern-config --example manual`";
    assert!(written == expected, "{path} is not up to date: {advice}");
}

#[test]
fn the_sample_and_the_reference_are_up_to_date() {
    check_generated("config/postern.toml", &postern_config::sample());
    check_generated("docs/configuration.md", &postern_config::reference());
}

/// The sample with everything that it shows as a comment.
fn uncommented() -> String {
    let lines = postern_config::sample()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    lines.replace("/var/lib/postern", "spool")
}

#[test]
fn the_sample_loads_without_a_warning() {
    let home = Home::new();
    assert_eq!(home.warnings(&postern_config::sample()), [""; 0]);
}

#[test]
fn the_sample_loads_with_all_that_it_shows() {
    let home = Home::new();
    assert_eq!(home.warnings(&uncommented()), [""; 0]);
    let settings = home.load(&uncommented()).unwrap().settings;
    assert_eq!(settings.listeners.len(), 2);
    assert_eq!(settings.policy.partners().count(), 1);
    assert_eq!(settings.certificates.store.current().len(), 2);
}

/// Commented examples of a key with a default show that default, unless another value is more
/// telling; then the reference names the default.
#[test]
fn every_key_of_the_sample_is_in_the_reference_and_the_other_way_round() {
    let sample = uncommented();
    let shown: BTreeSet<&str> = sample
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    let reference = postern_config::reference();
    let described: BTreeSet<&str> = reference
        .lines()
        .filter_map(|line| line.strip_prefix("- **`")?.split_once("`**"))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(shown, described);
}
