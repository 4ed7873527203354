//! What the header of a message shows about its way, its authors and its wish of TLS, looked at
//! while it streams by.
//!
//! Content comes in pieces of any size and is not kept in memory, so the header is followed
//! octet by octet, and of a few fields alone the value is kept. What counts as a field is what
//! [`postern_mail::header::fields`] finds in the whole; a property test holds the two against
//! each other.
//!
//! `From` is looked for with more suspicion. A line that is no field ends the header for us, as it
//! does for Postfix, but many who show mail to people pass over it and read on to the first empty
//! line. A sender must not get a `From` past us that way, so those behind such a line are kept too.

#[cfg(test)]
mod tests;

use postern_mail::TlsWish;

/// How many `Received` fields a message may bring (RFC 5321 §6.3: a large threshold, normally
/// at least 100). One more, and it is taken to go round in circles.
const RECEIVED: usize = 100;

/// How large a header may be. Headers of lists with hundreds of recipients reach 64 KiB; what is
/// beyond this is made to hurt somebody who keeps headers in memory.
const OCTETS: u64 = 1024 * 1024;

/// How large all `From` fields may be together. They are kept until the end of content, for every
/// session, and hold one mailbox as a rule.
const AUTHORS: usize = 16 * 1024;

/// More than this need not be kept of a field whose value is to be `No`.
const WISH: usize = 1024;

/// Follows the header of one message.
#[derive(Debug, Default)]
pub(crate) struct HeaderWatch {
    at: Position,
    form: Form,
    field: Field,
    octets: u64,
    received: usize,
    authors: Vec<u8>,
    wishes: usize,
    wish: Vec<u8>,
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
    /// Its authors are.
    #[error("the From fields are larger than {} KiB", AUTHORS / 1024)]
    TooManyAuthors,
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
    /// On a line that is no field.
    Junk,
    /// Behind the header.
    Body,
}

/// Whether all lines so far were fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Form {
    #[default]
    Good,
    /// The header is over by our reading; by that of others it may go on.
    Broken,
}

/// A field that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Field {
    #[default]
    Other,
    Received,
    From,
    TlsRequired,
}

/// As much of the name of a field as it takes to tell whether it matters, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Name {
    octets: [u8; LONGEST_NAME],
    /// How long the name is, which may be more.
    length: usize,
}

const LONGEST_NAME: usize = "tls-required".len();

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
            if matches!(self.at, Position::Value | Position::Junk) {
                rest = self.skip_line(rest);
            }
            self.check()?;
        }
        Ok(())
    }

    /// What the sender says of TLS in the header: `No` in the only field of its kind. The field
    /// must not appear twice, and has no other meaning (RFC 8689 §3), so whatever else it holds
    /// is as if it were not there: a wish that is not clear takes nothing away.
    ///
    /// ```abnf
    /// tls-required = "TLS-Required:" [FWS] "No" CRLF
    /// ```
    pub(crate) fn tls_wish(&self) -> TlsWish {
        let value = self.wish.trim_ascii();
        if self.wishes == 1 && value.eq_ignore_ascii_case(b"No") {
            TlsWish::Waived
        } else {
            TlsWish::Unstated
        }
    }

    /// The `From` fields as they came, one after the other.
    pub(crate) fn authors(&self) -> &[u8] {
        &self.authors
    }

    fn check(&self) -> Result<(), HeaderFault> {
        if self.received > RECEIVED {
            return Err(HeaderFault::Loop);
        }
        if self.authors.len() > AUTHORS {
            return Err(HeaderFault::TooManyAuthors);
        }
        match self.form {
            Form::Good if self.octets > OCTETS => Err(HeaderFault::TooLarge),
            // A broken one is a body without an empty line rather than a header.
            Form::Good | Form::Broken => Ok(()),
        }
    }

    /// The rest of a line is passed over at once, or kept.
    fn skip_line<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let line_end = octets.iter().position(|octet| *octet == b'\n');
        let (passed, rest) = octets
            .split_at_checked(line_end.unwrap_or(octets.len()))
            .unwrap_or((octets, &[]));
        self.octets += passed.len() as u64;
        if self.at == Position::Value {
            self.keep(passed);
        }
        rest
    }

    fn step(&mut self, octet: u8) {
        self.at = match (self.at, octet) {
            (Position::Value, _) | (Position::Line, b' ' | b'\t') => {
                self.keep(&[octet]);
                if octet == b'\n' {
                    Position::Line
                } else {
                    Position::Value
                }
            }
            (Position::Start | Position::Line, b'\r' | b'\n') | (Position::Body, _) => {
                Position::Body
            }
            (Position::Start | Position::Line, _) if is_name(octet) => {
                Position::Name(Name::default().and(octet))
            }
            (Position::Name(name), _) if is_name(octet) => Position::Name(name.and(octet)),
            (Position::Name(name) | Position::Gap(name), b':') => {
                self.begin(name.field());
                Position::Value
            }
            (Position::Name(name) | Position::Gap(name), _)
                if octet.is_ascii_whitespace() && octet != b'\n' =>
            {
                Position::Gap(name)
            }
            (Position::Junk | Position::Name(_) | Position::Gap(_), b'\n') => {
                self.break_off();
                Position::Line
            }
            (Position::Start | Position::Line | Position::Junk, _)
            | (Position::Name(_) | Position::Gap(_), _) => {
                self.break_off();
                Position::Junk
            }
        };
    }

    /// A line was no field. What follows it folded is none either.
    fn break_off(&mut self) {
        self.form = Form::Broken;
        self.field = Field::Other;
    }

    /// Begins the value of a field.
    fn begin(&mut self, field: Field) {
        self.field = match (field, self.form) {
            (Field::From, Form::Good | Form::Broken) => {
                self.authors.extend_from_slice(b"From:");
                field
            }
            (Field::Received | Field::TlsRequired, Form::Good) => field,
            (Field::Other, _) | (Field::Received | Field::TlsRequired, Form::Broken) => {
                Field::Other
            }
        };
        self.received += usize::from(self.field == Field::Received);
        self.wishes += usize::from(self.field == Field::TlsRequired);
    }

    /// Keeps octets of the value, if it is one to keep. Of too many, enough to see that they are
    /// too many.
    fn keep(&mut self, octets: &[u8]) {
        let (kept, most) = match self.field {
            Field::Other | Field::Received => return,
            Field::From => (&mut self.authors, AUTHORS + 1),
            Field::TlsRequired => (&mut self.wish, WISH),
        };
        let room = most.saturating_sub(kept.len()).min(octets.len());
        kept.extend_from_slice(octets.get(..room).unwrap_or_default());
    }
}

/// `ftext` (RFC 5322 §3.6.8).
fn is_name(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b':'
}

impl Name {
    fn and(mut self, octet: u8) -> Self {
        if let Some(place) = self.octets.get_mut(self.length) {
            *place = octet.to_ascii_lowercase();
        }
        self.length = self.length.saturating_add(1);
        self
    }

    fn field(&self) -> Field {
        match self.octets.get(..self.length) {
            Some(b"received") => Field::Received,
            Some(b"from") => Field::From,
            Some(b"tls-required") => Field::TlsRequired,
            Some(_) | None => Field::Other,
        }
    }
}
