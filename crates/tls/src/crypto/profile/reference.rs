//! The reference of the profiles, `docs/profiles.md`.

use std::fmt::{Display, Write as _};

use super::Profile;
use crate::KeyKind;

const INTRODUCTION: &str = "\
# Crypto profiles

A profile says what may be negotiated, and what certificates may be made of. `profile` in `[tls]`
names that of all connections; a partner or a listener may have a stricter one of its own, and what
is allowed then is what both allow. Combinations that no handshake could satisfy are refused by
`postern check`.

Each profile names the guidance that it follows, with its edition; what of it the guidance allows
without holding it to be the best; and every point in which the profile is not what the guidance
says. `postern probe --profile NAME` holds a handshake against a profile, point by point. A profile
says what Postern does by that name: the guidance itself is the judge of what conforms to it.

What is allowed stands in order of preference, which is the same for all profiles. Never allowed are
protocols below TLS 1.2, renegotiation, compression and early data.

This file is made from `crates/tls/src/crypto/profile`; run
`cargo run -p postern-tls --example profiles` after a change there.
";

/// The reference of the profiles in Markdown.
pub fn profiles_reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for profile in Profile::all() {
        text.push_str(&section(profile));
    }
    text
}

fn section(profile: &Profile) -> String {
    let bounds = profile.bounds();
    let keys = match bounds.least_rsa_bits() {
        least if bounds.keys().any(|key| key == KeyKind::Rsa) => {
            format!("{}; RSA from {least} bits on", list(bounds.keys()))
        }
        _ => list(bounds.keys()),
    };
    let rows = [
        ("protocol versions", list(bounds.versions())),
        ("cipher suites", list(bounds.suites())),
        ("key exchange groups", list(bounds.groups())),
        ("signatures of handshakes", list(bounds.schemes())),
        ("keys of certificates", keys),
        (
            "signatures of certificates",
            list(bounds.certificate_signatures()),
        ),
    ];
    let rows = rows.map(|(what, allowed)| format!("| {what} | {allowed} |\n"));
    let graded = profile.graded().iter();
    let graded = graded.map(|it| format!("- {}: {} ({})\n", it.what, it.grade, it.why));
    let deviations = profile.deviations().iter();
    let deviations = deviations.map(|it| format!("- {it}\n"));
    let mut text = format!("\n## `{}`\n\n", profile.name());
    // Writing to a string cannot fail.
    let _infallible = write!(
        text,
        "Follows {}.\n\n| | allowed |\n|---|---|\n{}",
        profile.guidance(),
        rows.concat()
    );
    text.push_str(&titled("Graded below the best:", graded));
    text.push_str(&titled("Deviations:", deviations));
    text
}

fn titled(title: &str, points: impl Iterator<Item = String>) -> String {
    let points: String = points.collect();
    if points.is_empty() {
        return points;
    }
    format!("\n{title}\n\n{points}")
}

fn list<T: Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    items.join(", ")
}
