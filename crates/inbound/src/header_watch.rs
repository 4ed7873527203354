//! What the header of a message shows about its way, looked at while it streams by.
//!
//! Content comes in pieces of any size and is not kept in memory, so the header is followed
//! octet by octet. What counts as a field is what [`postern_mail::header::fields`] finds in the
//! whole; a property test holds the two against each other.

/// How many `Received` fields a message may bring (RFC 5321 §6.3: a large threshold, normally
/// at least 100). One more, and it is taken to go round in circles.
const RECEIVED: usize = 100;

/// How large a header may be. Headers of lists with hundreds of recipients reach 64 KiB; what is
/// beyond this is made to hurt somebody who keeps headers in memory.
const OCTETS: u64 = 1024 * 1024;

/// Follows the header of one message.
#[derive(Debug, Default)]
pub(crate) struct HeaderWatch {
    at: Position,
    octets: u64,
    received: usize,
}

/// Why a message is not taken on because of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderFault {
    /// It has been through too many hosts (RFC 5321 §6.3).
    #[error("the message has more than {RECEIVED} Received fields and seems to be in a loop")]
    Loop,
    /// Its header is out of all proportion.
    #[error("the header is larger than {} KiB", OCTETS / 1024)]
    TooLarge,
}

/// Where in the header the next octet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Position {
    /// First on the first line.
    #[default]
    Start,
    /// First on a later line.
    Line,
    /// In the name of a field.
    Name(Name),
    /// In white space between a name and its colon.
    Gap(Name),
    /// In the value of a field.
    Value,
    /// Behind the header.
    Body,
}

/// How far the name of a field agrees with `Received`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    /// So many characters are the same, and no other came.
    Agrees(usize),
    /// It is another name.
    Differs,
}

impl HeaderWatch {
    /// Follows the next octets of content.
    ///
    /// # Errors
    /// The message cannot be taken on.
    pub(crate) fn inspect(&mut self, octets: &[u8]) -> Result<(), HeaderFault> {
        let mut rest = octets;
        while self.at != Position::Body
            && let Some((octet, behind)) = rest.split_first()
        {
            rest = behind;
            self.octets += 1;
            self.step(*octet);
            if self.at == Position::Value {
                rest = self.skip_line(rest);
            }
            if self.received > RECEIVED {
                return Err(HeaderFault::Loop);
            }
            if self.octets > OCTETS {
                return Err(HeaderFault::TooLarge);
            }
        }
        Ok(())
    }

    /// A value is passed over at once, up to its line end.
    fn skip_line<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let line_end = octets.iter().position(|octet| *octet == b'\n');
        let (passed, rest) = octets
            .split_at_checked(line_end.unwrap_or(octets.len()))
            .unwrap_or((octets, &[]));
        self.octets += passed.len() as u64;
        rest
    }

    fn step(&mut self, octet: u8) {
        self.at = match (self.at, octet) {
            (Position::Value, b'\n') => Position::Line,
            (Position::Value, _) | (Position::Line, b' ' | b'\t') => Position::Value,
            (Position::Start | Position::Line, _) if is_name(octet) => {
                Position::Name(Name::Agrees(0).and(octet))
            }
            (Position::Name(name), _) if is_name(octet) => Position::Name(name.and(octet)),
            (Position::Name(name) | Position::Gap(name), b':') => {
                self.received += usize::from(name.is_received());
                Position::Value
            }
            (Position::Name(name) | Position::Gap(name), _)
                if octet.is_ascii_whitespace() && octet != b'\n' =>
            {
                Position::Gap(name)
            }
            // An empty line, or a line that is no field.
            (Position::Start | Position::Line, _)
            | (Position::Name(_) | Position::Gap(_), _)
            | (Position::Body, _) => Position::Body,
        };
    }
}

/// `ftext` (RFC 5322 §3.6.8).
fn is_name(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b':'
}

impl Name {
    const RECEIVED: &[u8] = b"received";

    fn and(self, octet: u8) -> Self {
        match self {
            Self::Agrees(length)
                if Self::RECEIVED.get(length) == Some(&octet.to_ascii_lowercase()) =>
            {
                Self::Agrees(length + 1)
            }
            Self::Agrees(_) | Self::Differs => Self::Differs,
        }
    }

    fn is_received(self) -> bool {
        self == Self::Agrees(Self::RECEIVED.len())
    }
}

#[cfg(test)]
mod tests {
    use postern_mail::header::fields;
    use proptest::prelude::*;

    use super::*;

    /// What is seen of the header when the content comes in pieces that end at `splits`.
    fn watched(content: &[u8], splits: &[usize]) -> Result<usize, HeaderFault> {
        let mut watch = HeaderWatch::default();
        let mut rest = content;
        for split in splits {
            let (piece, behind) = rest.split_at(*split % (rest.len() + 1));
            watch.inspect(piece)?;
            rest = behind;
        }
        watch.inspect(rest)?;
        Ok(watch.received)
    }

    #[track_caller]
    fn check(content: &str, expected: Result<usize, HeaderFault>) {
        let content = content.as_bytes();
        assert_eq!(watched(content, &[]), expected);
        let octet_by_octet = vec![1; content.len()];
        assert_eq!(watched(content, &octet_by_octet), expected);
    }

    #[test]
    fn received_fields_are_counted_in_the_header_alone() {
        check("", Ok(0));
        check("\r\nReceived: from a\r\n", Ok(0));
        check(
            "Received: from a\r\n\tby b\r\nreceived : c\r\nX: y\r\n\r\nReceived: d\r\n",
            Ok(2),
        );
        check(
            "Received-SPF: pass\r\nX-Received: a\r\nReceive: b\r\n\r\n",
            Ok(0),
        );
        check("No field\r\nReceived: from a\r\n", Ok(0));
        check(" folded before any field\r\nReceived: from a\r\n", Ok(0));
        check("Subject: Received: from a\r\n Received: from b\r\n", Ok(0));
    }

    #[test]
    fn a_hundred_hops_are_no_loop() {
        for (hops, expected) in [
            (30, Ok(30)),
            (99, Ok(99)),
            (100, Ok(100)),
            (101, Err(HeaderFault::Loop)),
            (200, Err(HeaderFault::Loop)),
        ] {
            let header = "Received: from a by b; date\r\n".repeat(hops);
            check(&format!("{header}Subject: x\r\n\r\nbody\r\n"), expected);
        }
    }

    #[test]
    fn a_header_has_a_size_and_a_body_has_none_here() {
        let limit = usize::try_from(OCTETS).unwrap();
        let field = format!("X: {}\r\n", "x".repeat(limit - 5));
        assert_eq!(field.len(), limit);
        check(&field, Ok(0));
        check(&format!("{field} "), Err(HeaderFault::TooLarge));
        check(&format!("X: y\r\n\r\n{}", "x".repeat(2 * limit)), Ok(0));
        check(
            &"X: y\r\n".repeat(limit / 6 + 1),
            Err(HeaderFault::TooLarge),
        );
        check(
            &format!("X: y\r\n{}", " \r\n".repeat(limit)),
            Err(HeaderFault::TooLarge),
        );
    }

    proptest! {
        /// Whatever the header and wherever it is split, the count is that of the whole.
        #[test]
        fn agrees_with_the_reader_of_whole_headers(
            lines in prop::collection::vec(
                prop_oneof![
                    Just("Received"), Just("rECEIVED"), Just(" "), Just("\t"), Just(":"),
                    Just("\r\n"), Just("\n"), Just("\r"), Just("x"), Just("\u{e9}"),
                    Just("\x0c"), Just("Received: from a\r\n"), Just("Subject: b\r\n"),
                ],
                0..40,
            ),
            splits in prop::collection::vec(0usize..20, 0..10),
        ) {
            let content = lines.concat();
            let whole = fields(content.as_bytes()).filter(|field| field.is("Received")).count();
            prop_assert_eq!(watched(content.as_bytes(), &splits), Ok(whole));
        }
    }
}
