//! Messages to send, and the comparison of what arrived with what was sent.
//!
//! A message goes over the wire in lines that end with CRLF; the mailboxes of Postfix, Exim and
//! OpenSMTPD keep lines that end with LF, and put trace fields in front. "Octet-exact" therefore
//! means: the stored message ends with exactly the sent octets, every CRLF of which became LF, and
//! all that stands before them are complete trace fields. What the comparison cannot see is whether
//! a line end was CRLF or a bare LF on the last hop; whoever must know that looks at the wire
//! (`smtp_dialogue`, or Postfix's smtp-sink with a dump).

use crate::fault::Fault;

/// A message as it goes over the wire: every line ends with CRLF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    octets: Vec<u8>,
}

impl Message {
    /// Takes `octets` as they are. They must be lines ended by CRLF, without CR or LF elsewhere.
    pub fn new(octets: impl Into<Vec<u8>>) -> Result<Self, Fault> {
        let octets = octets.into();
        let rest = String::from_utf8_lossy(&octets).replace("\r\n", "");
        if !octets.ends_with(b"\r\n") || rest.contains(['\r', '\n']) {
            return Err(Fault::Unexpected(
                "a message consists of lines ended by CRLF".to_owned(),
            ));
        }
        Ok(Self { octets })
    }

    /// A short text message.
    pub fn plain(subject: &str) -> Self {
        Self {
            octets: [header(subject), lines(&["One line.", "", "And another."])].concat(),
        }
    }

    /// A message of 7-bit octets that is easily damaged on the way: dots at line starts, a line of
    /// the greatest length RFC 5321 §4.5.3.1.6 allows, white space at line ends, empty lines at
    /// both ends, a line that begins with "From ".
    pub fn awkward(subject: &str) -> Self {
        let long = "x".repeat(998);
        let body = lines(&[
            "",
            ".",
            "..",
            ".leading dot",
            "From here on",
            "trailing blank ",
            "trailing tab\t",
            "\tleading tab",
            &long,
            "MAIL FROM:<nobody@nowhere.example>",
            ".",
            "",
            "",
        ]);
        Self {
            octets: [header(subject), body].concat(),
        }
    }

    /// A message with octets above 127, in no particular character set.
    pub fn eight_bit(subject: &str) -> Self {
        let high: Vec<u8> = (0x80..=0xff).collect();
        let body = [high.as_slice(), b"\r\n.\xff\r\n"].concat();
        Self {
            octets: [header(subject), body].concat(),
        }
    }

    /// The same with so many more lines of 72 octets at its end.
    #[must_use]
    pub fn longer(mut self, lines: usize) -> Self {
        let line = format!("{}\r\n", "0123456789".repeat(7));
        self.octets.extend(line.repeat(lines).into_bytes());
        self
    }

    /// The octets, without what SMTP adds to carry them.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets as DATA carries them: dots doubled at line starts, `.` CRLF at the end
    /// (RFC 5321 §4.5.2).
    pub fn dot_stuffed(&self) -> Vec<u8> {
        let mut stuffed = Vec::with_capacity(self.octets.len() + 16);
        for line in self.octets.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        stuffed.extend_from_slice(b".\r\n");
        stuffed
    }

    /// The octets as a Unix mailbox keeps them: LF for every CRLF.
    fn stored(&self) -> Vec<u8> {
        // A message has CR nowhere but before LF, see `new`.
        self.octets
            .iter()
            .copied()
            .filter(|&octet| octet != b'\r')
            .collect()
    }
}

/// A message found in a mailbox, octet by octet as it lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub(crate) octets: Vec<u8>,
}

/// Header fields that the systems on the way may put in front of a message.
const TRACE_FIELDS: [&str; 8] = [
    "Received",
    "Return-Path",
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "Delivery-Date",
    "Authentication-Results",
    "Received-SPF",
];

impl Delivered {
    /// The octets as stored: lines end with LF.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The octets as text, for messages whose text is not known beforehand, such as a DSN.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.octets).into_owned()
    }

    /// The message as it was over the wire, with CRLF at line ends.
    pub fn with_crlf(&self) -> Vec<u8> {
        let lines = self.octets.split_inclusive(|&octet| octet == b'\n');
        lines
            .flat_map(|line| match line.strip_suffix(b"\n") {
                Some(line) => [line, b"\r\n"].concat(),
                None => line.to_vec(),
            })
            .collect()
    }

    /// Checks that this is `sent`, octet by octet (see the module's first lines for what that
    /// means), and gives the trace fields in front of it.
    pub fn trace_before(&self, sent: &Message) -> Result<String, Fault> {
        let Some(trace) = self.octets.strip_suffix(sent.stored().as_slice()) else {
            return Err(self.differs("does not end with the octets sent"));
        };
        let trace = String::from_utf8_lossy(trace).into_owned();
        if !trace.is_empty() && !trace.ends_with('\n') {
            return Err(self.differs("has something in front that is no complete line"));
        }
        match trace.lines().find(|line| !is_trace(line)) {
            None => Ok(trace),
            Some(line) => Err(self.differs(&format!("has in front the line {line:?}"))),
        }
    }

    fn differs(&self, how: &str) -> Fault {
        Fault::Unexpected(format!(
            "the delivered message {how}:\n{}",
            self.octets.escape_ascii()
        ))
    }
}

/// Whether `line` begins or continues a trace field.
fn is_trace(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default();
    line.starts_with([' ', '\t'])
        || TRACE_FIELDS
            .iter()
            .any(|field| field.eq_ignore_ascii_case(name))
}

/// A complete header, so that no system on the way has a reason to add a field.
fn header(subject: &str) -> Vec<u8> {
    lines(&[
        "From: Alice <alice@sender.example>",
        "To: Bob <bob@receiver.example>",
        &format!("Subject: {subject}"),
        "Date: Mon, 02 Mar 2026 09:00:00 +0000",
        &format!("Message-ID: <{}@sender.example>", subject.replace(' ', "-")),
        "",
    ])
}

fn lines(lines: &[&str]) -> Vec<u8> {
    lines
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\r\n"])
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_crlf_are_a_message() {
        for bad in ["", "a", "a\n", "a\rb\r\n", "a\nb\r\n", "a\r\n\n"] {
            assert!(Message::new(bad).is_err(), "{bad:?}");
        }
        assert!(Message::new("a\r\n\r\nb\r\n").is_ok());
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        let message = Message::new(".\r\na.\r\n..b\r\n").unwrap();
        assert_eq!(message.dot_stuffed(), b"..\r\na.\r\n...b\r\n.\r\n");
    }

    #[test]
    fn a_delivery_is_exact_only_with_nothing_but_trace_added() {
        let sent = Message::plain("exact");
        let check = |before: &str, after: &str| {
            let octets = [before.as_bytes(), &sent.stored(), after.as_bytes()].concat();
            Delivered { octets }.trace_before(&sent)
        };
        assert_eq!(check("", "").unwrap(), "");
        assert!(check("Received: from a\n\tby b; now\n", "").is_ok());
        assert!(check("Received: from a", "").is_err());
        assert!(check("X-Added: 1\n", "").is_err());
        assert!(check("\n", "").is_err());
        assert!(check("", "\n").is_err());
    }
}
