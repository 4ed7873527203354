//! Plays every dialogue three ways: line by line, octet by octet, and with all that a client
//! could send without waiting in one lump.

use std::{fs, path::PathBuf};

use postern_mail::{BodyType, TlsWish};

use crate::{
    script::{Decision, Script, Segment, Step},
    shell::{Kept, Shell},
};

#[test]
fn line_by_line() {
    play_all(|segment| segment.client.clone());
}

#[test]
fn octet_by_octet() {
    play_all(|segment| {
        segment
            .client
            .concat()
            .iter()
            .map(|octet| vec![*octet])
            .collect()
    });
}

#[test]
fn in_lumps() {
    play_all(|segment| vec![segment.client.concat()]);
}

fn play_all(cut: impl Fn(&Segment) -> Vec<Vec<u8>>) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let script = Script::parse(&fs::read_to_string(&path).unwrap());
            play(&name, &script, &cut);
            played += 1;
        }
    }
    assert!(played > 20, "only {played} dialogues were found");
}

fn play(name: &str, script: &Script, cut: impl Fn(&Segment) -> Vec<Vec<u8>>) {
    let mut shell = Shell::new(script.settings.clone());
    for (at, segment) in script.segments.iter().enumerate() {
        prepare(&mut shell, segment);
        if at == 0 {
            shell.run();
        }
        let pieces = if script.as_written {
            segment.client.clone()
        } else {
            cut(segment)
        };
        for piece in pieces {
            shell.feed(&piece);
        }
        let place = format!("{name}, from line {}", segment.line);
        let kept: Vec<_> = shell
            .kept
            .drain(..)
            .flat_map(|kept| describe(&kept))
            .collect();
        assert_eq!(shell.take_lines(), segment.server, "replies in {place}");
        assert_eq!(kept, segment.kept, "messages kept in {place}");
        let events = std::mem::take(&mut shell.events);
        assert_eq!(events, segment.events, "events in {place}");
    }
}

fn prepare(shell: &mut Shell, segment: &Segment) {
    for decision in &segment.decisions {
        match decision {
            Decision::Mail(path, answer) => {
                shell.decisions.mail.insert(path.clone(), answer.clone());
            }
            Decision::Rcpt(path, answer) => {
                shell.decisions.rcpt.insert(path.clone(), answer.clone());
            }
        }
    }
    match &segment.step {
        None => {}
        Some(Step::Wait(time)) => shell.wait(*time),
        Some(Step::Handshake) => shell.secure(),
        Some(Step::ShutDown) => shell.shut_down(),
        Some(Step::Abort(reply)) => shell.abort(reply.clone()),
        Some(Step::RefuseTheRest(reply)) => shell.refuse_content(reply.clone()),
        Some(Step::Content(answer)) => shell.decisions.content.push_back(answer.clone()),
        Some(Step::Message(answer)) => shell.decisions.message.push_back(answer.clone()),
    }
}

/// A kept message as the `K:` lines of a script show it.
fn describe(kept: &Kept) -> Vec<String> {
    let envelope = &kept.envelope;
    let mut from = format!("from {}", envelope.reverse_path);
    if envelope.body != BodyType::SevenBit {
        from.push_str(&format!(" BODY={}", envelope.body.as_str()));
    }
    if envelope.smtputf8 {
        from.push_str(" SMTPUTF8");
    }
    if envelope.tls_wish == TlsWish::Required {
        from.push_str(" REQUIRETLS");
    }
    if let Some(ret) = envelope.ret {
        from.push_str(&format!(" RET={}", ret.as_str()));
    }
    if let Some(id) = &envelope.envelope_id {
        from.push_str(&format!(" ENVID={}", id.to_xtext()));
    }
    let mut lines = vec![from];
    for recipient in &envelope.recipients {
        let mut to = format!("to {}", recipient.forward_path);
        if let Some(notify) = recipient.notify {
            to.push_str(&format!(" NOTIFY={notify}"));
        }
        if let Some(original) = &recipient.original {
            to.push_str(&format!(" ORCPT={}", original.to_xtext()));
        }
        lines.push(to);
    }
    let content = String::from_utf8_lossy(&kept.content).into_owned();
    for line in content.split_inclusive("\r\n") {
        match line.strip_suffix("\r\n") {
            Some(line) => lines.push(format!("| {line}").trim_end().to_owned()),
            None => lines.push(format!("|~ {line}")),
        }
    }
    lines
}
