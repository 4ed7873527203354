//! Dialogue scripts: `tests/dialogues/*.txt`, described in the README beside them.

use std::time::Duration;

use postern_mail::{Reply, ReplyCode};
use postern_smtp::server::{Answer, RequireTls, ServerSettings, StartTls};

/// A script, cut where its steps must not be lumped together.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) settings: ServerSettings,
    /// Whether the script means its octets to arrive as they are written, no other way.
    pub(crate) as_written: bool,
    pub(crate) segments: Vec<Segment>,
}

/// A stretch of a script.
#[derive(Debug, Default)]
pub(crate) struct Segment {
    /// The line of the script on which it begins.
    pub(crate) line: usize,
    /// What the shell does first.
    pub(crate) step: Option<Step>,
    /// What the shell decides when asked.
    pub(crate) decisions: Vec<Decision>,
    /// What the client sends, one entry for each line of the script.
    pub(crate) client: Vec<Vec<u8>>,
    pub(crate) server: Vec<String>,
    pub(crate) kept: Vec<String>,
    pub(crate) events: Vec<String>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Handshake,
    ShutDown,
    Abort(Reply),
    RefuseTheRest(Reply),
    Content(Answer),
    Message(Answer),
}

#[derive(Debug)]
pub(crate) enum Decision {
    Mail(String, Answer),
    Rcpt(String, Answer),
}

impl Script {
    pub(crate) fn parse(text: &str) -> Self {
        let mut script = Self {
            settings: ServerSettings::new("mx.test".parse().unwrap(), StartTls::NotOffered),
            as_written: false,
            segments: vec![Segment::default()],
        };
        for (at, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                script.line(at + 1, line);
            }
        }
        script
    }

    fn line(&mut self, number: usize, line: &str) {
        if line
            .strip_prefix("A: ")
            .is_some_and(|action| !is_table_entry(action))
        {
            self.segments.push(Segment {
                line: number,
                ..Segment::default()
            });
        }
        let segment = self.segments.last_mut().unwrap();
        match line.split_at_checked(3) {
            Some(("C: ", text)) => segment.client.push(format!("{text}\r\n").into_bytes()),
            Some(("C* ", text)) => segment.client.push(unescape(text)),
            Some(("S: ", text)) => segment.server.push(text.to_owned()),
            Some(("K: ", text)) => segment.kept.push(text.to_owned()),
            Some(("E: ", text)) => segment.events.push(text.to_owned()),
            Some(("A: ", text)) => segment.act(text),
            _ => match (line, line.strip_prefix("settings: ")) {
                ("C:", _) => segment.client.push(b"\r\n".to_vec()),
                ("play: as written", _) => self.as_written = true,
                (_, Some(settings)) => settings.split(' ').for_each(|pair| self.set(pair)),
                (_, None) => panic!("line {number}: {line}"),
            },
        }
    }

    fn set(&mut self, pair: &str) {
        let (key, value) = pair.split_once('=').unwrap();
        let limits = &mut self.settings.limits;
        match (key, value) {
            ("starttls", "offered") => self.settings.starttls = StartTls::Offered,
            ("starttls", "required") => self.settings.starttls = StartTls::Required,
            ("requiretls", "no") => self.settings.requiretls = RequireTls::NotOffered,
            ("size", n) => limits.content = n.parse().unwrap(),
            ("recipients", n) => limits.recipients = n.parse().unwrap(),
            ("errors", n) => limits.errors = n.parse().unwrap(),
            ("refusals", n) => limits.refusals = n.parse().unwrap(),
            ("idle-commands", n) => limits.idle_commands = n.parse().unwrap(),
            ("line", n) => limits.line = n.parse().unwrap(),
            ("rate", n) => limits.content_rate = n.parse().unwrap(),
            _ => panic!("no such setting: {pair}"),
        }
    }
}

/// Whether an action only fills the table of decisions, so that what surrounds it may still
/// arrive in one lump.
fn is_table_entry(action: &str) -> bool {
    action.starts_with("refuse mail ") || action.starts_with("refuse rcpt ")
}

impl Segment {
    fn act(&mut self, action: &str) {
        let of = |prefix: &str| action.strip_prefix(prefix);
        if let Some((path, reply)) = of("refuse mail ").and_then(|rest| rest.split_once(' ')) {
            let refusal = Answer::Refuse(reply_of(reply));
            self.decisions
                .push(Decision::Mail(path.to_owned(), refusal));
        } else if let Some((path, reply)) = of("refuse rcpt ").and_then(|rest| rest.split_once(' '))
        {
            let refusal = Answer::Refuse(reply_of(reply));
            self.decisions
                .push(Decision::Rcpt(path.to_owned(), refusal));
        } else if let Some(seconds) = of("wait ").and_then(|rest| rest.strip_suffix(" s")) {
            self.step = Some(Step::Wait(Duration::from_secs(seconds.parse().unwrap())));
        } else if let Some(reply) = of("abort ") {
            self.step = Some(Step::Abort(reply_of(reply)));
        } else if let Some(reply) = of("refuse the rest ") {
            self.step = Some(Step::RefuseTheRest(reply_of(reply)));
        } else if let Some(reply) = of("refuse content ") {
            self.step = Some(Step::Content(Answer::Refuse(reply_of(reply))));
        } else if let Some(reply) = of("refuse message ") {
            self.step = Some(Step::Message(Answer::Refuse(reply_of(reply))));
        } else if let Some(text) = of("accept message saying ") {
            self.step = Some(Step::Message(Answer::AcceptSaying(text.to_owned())));
        } else {
            self.step = Some(match action {
                "handshake" => Step::Handshake,
                "shut down" => Step::ShutDown,
                _ => panic!("no such action: {action}"),
            });
        }
    }
}

fn reply_of(text: &str) -> Reply {
    let (code, rest) = text.split_once(' ').unwrap();
    let code = ReplyCode::new(code.parse().unwrap()).unwrap();
    let status = rest
        .split_once(' ')
        .and_then(|(status, text)| Some((status.parse().ok()?, text)));
    match status {
        Some((status, text)) => Reply::new(code, text).with_status(status),
        None => Reply::new(code, rest),
    }
}

/// `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH`.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let octet = match (c, c == '\\') {
            (_, true) => match rest.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('0') => b'\0',
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).unwrap()
                }
                other => panic!("no such escape: {other:?}"),
            },
            (c, false) => {
                octets.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        octets.push(octet);
    }
    octets
}
