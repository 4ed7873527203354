//! The sample and the reference are those of the declarations, and the sample can be used.

use std::{collections::BTreeSet, fs, path::Path};

use postern_tls::Profile;

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
    let soon = crate::exceptions::in_days(1);
    lines
        .replace("/var/lib/postern", "spool")
        .replace("/srv/certificates", ".")
        .replace("2026-11-30T18:00:00+01:00", &soon)
        .replace("2026-11-01T00:00:00Z", &crate::exceptions::in_days(-1))
        .replace("2027-03-01T00:00:00Z", &crate::exceptions::in_days(90))
}

#[test]
fn the_sample_loads_without_a_warning() {
    let home = Home::new();
    assert_eq!(home.warnings(&postern_config::sample()), [""; 0]);
}

#[test]
fn the_sample_loads_with_all_that_it_shows() {
    let home = Home::new();
    let warnings = home.warnings(&uncommented());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("the rule of Ministry of Examples is not in force"),
        "{warnings:?}"
    );
    let settings = home.load(&uncommented()).unwrap().settings;
    assert_eq!(settings.listeners.len(), 2);
    assert_eq!(settings.policy.partners().count(), 1);
    let certificates = settings.certificates.store.current();
    assert_eq!(certificates.len(), 2);
    assert!(certificates[0].staple().is_some());
    assert_eq!(settings.crls.len(), 1);
    assert!(settings.mta_sts.serving.is_some());
}

#[test]
fn every_profile_is_described() {
    let reference = postern_config::reference();
    for profile in Profile::all() {
        let name = profile.name();
        assert!(reference.contains(&format!("\n### `{name}`\n")), "{name}");
        let text = format!("hostname = \"mx1.example.org\"\ntls.profile = \"{name}\"\n");
        let errors = postern_config::parse(&text, Path::new("postern.toml")).unwrap_err();
        assert!(!errors.to_string().contains("tls.profile"), "{errors}");
    }
    let text = "tls.profile = \"none\"";
    let errors = postern_config::parse(text, Path::new("postern.toml")).unwrap_err();
    let known = |name: &str| errors.to_string().contains(&format!("\"{name}\""));
    assert!(Profile::all().all(|profile| known(profile.name().as_str())));
}

/// A key that is declared and not read would be documented, accepted, and without effect. No key
/// takes a date, so each must say so.
#[test]
fn no_key_is_passed_over() {
    let sample = uncommented();
    let mut keys = 0;
    for (at, line) in sample.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) else {
            continue;
        };
        keys += 1;
        let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
        lines[at] = format!("{key} = 2026-01-01");
        let errors = postern_config::parse(&lines.join("\n"), Path::new("/nowhere/postern.toml"));
        let errors = errors.unwrap_err();
        let told = errors.problems().iter().any(|problem| {
            let line = problem.position().map(|position| position.line);
            line == Some(at + 1) && problem.wrong() == "is a date"
        });
        assert!(told, "{key} in line {}: {errors}", at + 1);
    }
    assert!(keys > 50, "{keys}");
}

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
