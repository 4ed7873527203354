//! Plays the dialogues in `client_dialogues/scripts/` against the sending end, whole and octet by octet.
//!
//! A dialogue is read from top to bottom. Whatever the client says and reports must be expected
//! by the next lines, and nothing else may be waiting when the server or the shell goes on:
//!
//! ```text
//! S: 220 mx ready     the server says this line (S~ without its CRLF, with \r \n \t \0)
//! C: EHLO client      the client says this line (C~ as above)
//! = idle              the client reports this
//! > send <a@b> to <c@d>   the shell does this; lines with | are the content (|~ as above),
//!                     |... stops it until "> go on"
//! ```
//! Server lines that follow one another arrive in one segment when played whole. The first line
//! `# whole only` says that the dialogue is about segments and means nothing octet by octet.

#![cfg(test)]

mod hostile;
mod shell;

use std::{collections::VecDeque, fs, path::Path};

use shell::{Pieces, Shell};

#[test]
fn every_dialogue() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client_dialogues/scripts");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let script = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy();
        for (at, dialogue) in script.split("\n---\n").enumerate() {
            let name = format!("{name}, dialogue {}", at + 1);
            play(&name, dialogue, Pieces::Whole);
            if !dialogue.contains("# whole only\n") {
                play(&name, dialogue, Pieces::Octets);
            }
            played += 1;
        }
    }
    assert!(played > 50, "only {played} dialogues were found");
}

fn play(name: &str, dialogue: &str, pieces: Pieces) {
    let mut shell = Shell::new(pieces);
    let mut lines = dialogue.lines().peekable();
    while let Some(line) = lines.next() {
        let place = format!("{name}, {pieces:?}, at {line:?}");
        let (mark, text) = line.split_at_checked(2).unwrap_or((line, ""));
        let text = text.trim_start();
        match mark {
            "C:" => shell.expect_said(&format!("{text}\r\n"), &place),
            "C~" => shell.expect_said(&unescape(text), &place),
            "= " => shell.expect_fact(text, &place),
            "S:" | "S~" => {
                shell.expect_nothing(&place);
                let mut octets = server_octets(line);
                while let Some(more) = lines.next_if(|line| line.starts_with('S')) {
                    octets.push_str(&server_octets(more));
                }
                shell.hear(octets.as_bytes());
            }
            "> " => {
                shell.expect_nothing(&place);
                let mut content = VecDeque::new();
                while let Some(more) = lines.next_if(|line| line.starts_with('|')) {
                    content.push_back(content_piece(more));
                }
                shell.obey(text, content);
            }
            "" | "# " => {}
            _ => panic!("{place}: not understood"),
        }
    }
    shell.expect_nothing(&format!("{name}, {pieces:?}, at the end"));
}

fn server_octets(line: &str) -> String {
    match line.strip_prefix("S~ ") {
        Some(raw) => unescape(raw),
        None => format!("{}\r\n", line.strip_prefix("S: ").unwrap()),
    }
}

/// A piece of content, or a pause.
fn content_piece(line: &str) -> Option<String> {
    match line.split_at(1).1 {
        "..." => None,
        raw if raw.starts_with("~ ") => Some(unescape(raw.split_at(2).1)),
        text => Some(format!("{}\r\n", text.strip_prefix(' ').unwrap_or(text))),
    }
}

fn unescape(text: &str) -> String {
    let escapes = [("\\r", "\r"), ("\\n", "\n"), ("\\t", "\t"), ("\\0", "\0")];
    escapes
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
