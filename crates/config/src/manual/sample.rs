//! The annotated sample, `config/postern.toml`.

use super::wrap::wrap;
use crate::schema::{Entry, Presence, Section, Shown};

/// What the sample begins with.
const PREFACE: &str = "\
# Postern: the annotated configuration.
#
# Every key there is stands here. What begins with \"#\" and a name shows the default, or an
# example where there is none. Paths are relative to the folder of this file. Keys that Postern
# does not know are refused, and `postern check` tells everything that is wrong at once.
#
# This file is made from the declarations in crates/config, as docs/configuration.md is:
# `cargo run -p postern-config --example manual` writes both.
";

/// The annotated sample for a file of this shape.
pub(crate) fn sample(root: &Section) -> String {
    let mut sample = PREFACE.to_owned();
    for entry in root.keys {
        sample.push('\n');
        key(&mut sample, entry, false);
    }
    for inner in root.sections {
        section(&mut sample, inner, "", false);
    }
    sample
}

fn section(sample: &mut String, section: &Section, parent: &str, commented: bool) {
    let path = section.path(parent);
    let commented = commented || section.commented;
    sample.push('\n');
    comment(sample, section.doc);
    line(sample, &section.heading(&path), commented);
    for (at, entry) in section.keys.iter().enumerate() {
        if at > 0 && is_shown(entry) {
            sample.push('\n');
        }
        key(sample, entry, commented);
    }
    for inner in section.sections {
        self::section(sample, inner, &path, commented);
    }
    if let Some(example) = section.example {
        sample.push('\n');
        for text in example.lines() {
            line(sample, text, !text.starts_with('#'));
        }
    }
}

fn key(sample: &mut String, entry: &Entry, commented: bool) {
    let (value, commented) = match (entry.shown, entry.presence) {
        (Shown::Live(value), _) => (value, commented),
        (Shown::Comment(value), _) | (Shown::Default, Presence::Default(value)) => (value, true),
        // A key without a default always says what is shown for it.
        (Shown::Default, Presence::Required | Presence::Absent(_)) => return,
        (Shown::InExample, _) => return,
    };
    comment(sample, entry.doc);
    line(sample, &format!("{} = {value}", entry.name), commented);
}

fn is_shown(entry: &Entry) -> bool {
    entry.shown != Shown::InExample
}

fn comment(sample: &mut String, text: &str) {
    for text in wrap(text, 90) {
        line(sample, &format!(" {text}"), true);
    }
}

fn line(sample: &mut String, text: &str, commented: bool) {
    if commented {
        sample.push('#');
    }
    sample.push_str(text);
    sample.push('\n');
}
