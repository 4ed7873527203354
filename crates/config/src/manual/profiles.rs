//! The crypto profiles in the reference, from the data that connections are held to.

use std::fmt::Display;

use postern_tls::{CryptoBounds, Profile};

use super::wrap::wrap;

/// What the section begins with.
const PREFACE: &str = "\
A profile names what TLS may consist of, after the guidance of those who stand in the table. \
`tls.profile` holds for every connection, the `profile` of a listener or a partner narrows it \
further: only what both allow is used, and profiles that have nothing in common are refused by \
`postern check`. Where a profile is not quite what its guidance says, the difference is listed \
with its reason: *missing* is what Postern does not have, *stricter* what it leaves out on \
purpose, *wider* what it allows beyond. *Sufficient* and *phasing out* are the guidance's own \
words for what it allows and does not hold to be the best.";

/// The section, with all profiles.
pub(super) fn profiles() -> String {
    let mut section = format!("## Crypto profiles\n\n{}\n\n", filled(PREFACE, "", ""));
    section += "| profile | after | edition |\n|---|---|---|\n";
    for profile in Profile::all() {
        let guidance = profile.guidance();
        let part = guidance.part.map(|part| format!(", {part}"));
        section += &format!(
            "| `{}` | {}{} | {} |\n",
            profile.name(),
            guidance.title,
            part.unwrap_or_default(),
            guidance.edition
        );
    }
    for profile in Profile::all() {
        section += &format!("\n### `{}`\n\n", profile.name());
        for point in points(profile) {
            section += &filled(&point, "- ", "  ");
            section += "\n";
        }
    }
    section
}

fn points(profile: &Profile) -> Vec<String> {
    let bounds = profile.bounds();
    let mut points = vec![
        format!("versions: {}", list(bounds.versions())),
        format!("cipher suites: {}", list(bounds.suites())),
        format!("key exchange: {}", list(bounds.groups())),
        format!("signatures of handshakes: {}", list(bounds.schemes())),
        format!("certificates: {}", certificates(bounds)),
    ];
    let graded = profile.graded().iter();
    points.extend(graded.map(|graded| {
        let what = &graded.what;
        format!("{}: {what} ({})", graded.grade, graded.why)
    }));
    points.extend(profile.deviations().iter().map(ToString::to_string));
    points
}

fn certificates(bounds: &CryptoBounds) -> String {
    let keys = bounds.keys().map(|key| match key {
        postern_tls::KeyKind::Rsa => format!("{key} of at least {} bits", bounds.least_rsa_bits()),
        other => other.to_string(),
    });
    let signatures = list(bounds.certificate_signatures());
    format!("keys {}; signed with {signatures}", list(keys))
}

fn list<T: Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}

fn filled(text: &str, first: &str, further: &str) -> String {
    let lines = wrap(text, 98);
    let lines = lines.iter().enumerate().map(|(at, line)| match at {
        0 => format!("{first}{line}"),
        _ => format!("{further}{line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}
