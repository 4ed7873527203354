//! The reference, `docs/configuration.md`.

use std::fmt::Write;

use super::{profiles::profiles, wrap::wrap};
use crate::schema::{Entry, Presence, Section};

/// What the reference begins with.
const PREFACE: &str = "\
# Configuration reference

Postern reads one file in [TOML](https://toml.io). `postern check --config FILE` reads it with \
every file that it names, opens no port, and tells everything that is wrong at once, each as

    FILE:LINE:COLUMN: key.path: what is wrong; what would be right

- Keys that Postern does not know are refused, as are keys given twice: a slip of the pen never \
makes a rule weaker. Nothing is read from the environment and no other file is included.
- Relative paths are relative to the folder of the configuration file.
- Durations are a whole number and `s`, `m`, `h`, `d` or `w`. Sizes are a whole number and `B`, \
`KiB`, `MiB`, `GiB` or `TiB` (or `kB`, `MB`, `GB`, `TB`, which count in thousands).
- No file that is read may be writable for everyone on the host, and no private key readable \
for everyone.

`config/postern.toml` shows every key in place. This page is made from the declarations in \
`crates/config`, as that file is.
";

/// The reference for a file of this shape.
pub(crate) fn reference(root: &Section) -> String {
    let mut page = String::new();
    for paragraph in PREFACE.split('\n') {
        let indent = paragraph.starts_with(' ');
        let width = if indent { usize::MAX } else { 100 };
        let lines = wrap(paragraph, width);
        let hanging = if paragraph.starts_with("- ") {
            "  "
        } else {
            ""
        };
        for (at, line) in lines.iter().enumerate() {
            let lead = match (indent, at) {
                (true, _) => "    ",
                (false, 0) => "",
                (false, _) => hanging,
            };
            line_of(&mut page, lead, line);
        }
        if lines.is_empty() {
            page.push('\n');
        }
    }
    line_of(&mut page, "", "## At the top of the file\n");
    keys(&mut page, root);
    for inner in root.sections {
        section(&mut page, inner, "");
    }
    page.push_str(&profiles());
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn section(page: &mut String, section: &Section, parent: &str) {
    let path = section.path(parent);
    let heading = section.heading(&path);
    line_of(page, "", &format!("## `{heading}`\n"));
    for line in wrap(section.doc, 100) {
        line_of(page, "", &line);
    }
    page.push('\n');
    keys(page, section);
    for inner in section.sections {
        self::section(page, inner, &path);
    }
}

fn keys(page: &mut String, section: &Section) {
    for entry in section.keys {
        let text = format!("- **`{}`** ({}). {}", entry.name, shape(entry), entry.doc);
        for (at, line) in wrap(&text, 98).iter().enumerate() {
            line_of(page, if at == 0 { "" } else { "  " }, line);
        }
    }
    page.push('\n');
}

/// `list, each element: duration; default ["1m", "5m"]`
fn shape(entry: &Entry) -> String {
    let mut shape = if entry.list {
        format!("list, each element: {}", entry.kind)
    } else {
        entry.kind.to_owned()
    };
    let presence = match entry.presence {
        Presence::Required => write!(shape, "; required"),
        Presence::Default(default) => write!(shape, "; default `{default}`"),
        Presence::Absent(meaning) => write!(shape, "; absent: {meaning}"),
    };
    // Writing to a string does not fail.
    presence.map_or_else(|_| String::new(), |()| shape)
}

fn line_of(page: &mut String, lead: &str, text: &str) {
    page.push_str(lead);
    page.push_str(text);
    page.push('\n');
}
