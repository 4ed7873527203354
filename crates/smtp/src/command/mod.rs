//! Commands, as a server reads them (RFC 5321 §4.1.1).
//!
//! Strict where a liberty of ours would be somebody's injection: no control characters anywhere
//! in a line, paths by the grammar, every parameter known and given once. Tolerant where
//! RFC 5321 obliges: verbs and keywords in any case (§2.4), white space before the end of the
//! line (§4.1.1).

mod parameters;
#[cfg(test)]
mod tests;

use postern_mail::{
    BodyType, EnvelopeId, ForwardPath, Host, HostError, PathError, Recipient, Return, ReversePath,
    XtextError,
};

use parameters::Parameters;

/// The first word of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// RFC 5321 §4.1.1.1.
    Ehlo,
    /// RFC 5321 §4.1.1.1.
    Helo,
    /// RFC 5321 §4.1.1.2.
    Mail,
    /// RFC 5321 §4.1.1.3.
    Rcpt,
    /// RFC 5321 §4.1.1.4.
    Data,
    /// RFC 3030 §2.
    Bdat,
    /// RFC 5321 §4.1.1.5.
    Rset,
    /// RFC 5321 §4.1.1.6.
    Vrfy,
    /// RFC 5321 §4.1.1.7.
    Expn,
    /// RFC 5321 §4.1.1.8.
    Help,
    /// RFC 5321 §4.1.1.9.
    Noop,
    /// RFC 5321 §4.1.1.10.
    Quit,
    /// RFC 3207 §4.
    StartTls,
}

/// Every verb and its spelling.
const VERBS: [(&str, Verb); 13] = [
    ("EHLO", Verb::Ehlo),
    ("HELO", Verb::Helo),
    ("MAIL", Verb::Mail),
    ("RCPT", Verb::Rcpt),
    ("DATA", Verb::Data),
    ("BDAT", Verb::Bdat),
    ("RSET", Verb::Rset),
    ("VRFY", Verb::Vrfy),
    ("EXPN", Verb::Expn),
    ("HELP", Verb::Help),
    ("NOOP", Verb::Noop),
    ("QUIT", Verb::Quit),
    ("STARTTLS", Verb::StartTls),
];

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `EHLO` with the name the client gives itself.
    Ehlo(Host),
    /// `HELO` with the name the client gives itself.
    Helo(Host),
    /// `MAIL FROM:`.
    Mail(MailCommand),
    /// `RCPT TO:`.
    Rcpt(RcptCommand),
    /// `DATA`.
    Data,
    /// `BDAT`.
    Bdat(BdatCommand),
    /// `RSET`.
    Rset,
    /// `VRFY`; whom it asks after is nobody's business (RFC 5321 §7.3).
    Vrfy,
    /// `EXPN`.
    Expn,
    /// `HELP`.
    Help,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `STARTTLS`.
    StartTls,
}

/// `MAIL FROM:<reverse-path> [parameters]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCommand {
    /// Whom a failure is reported to.
    pub reverse_path: ReversePath,
    /// `SIZE`: how many octets of content the client means to send (RFC 1870 §6).
    pub size: Option<u64>,
    /// `BODY`: what the content is said to hold. [`BodyType::BinaryMime`] never occurs, because
    /// BINARYMIME is not offered.
    pub body: BodyType,
    /// `SMTPUTF8` was given (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// `RET`.
    pub ret: Option<Return>,
    /// `ENVID`.
    pub envelope_id: Option<EnvelopeId>,
    /// `REQUIRETLS` was given (RFC 8689 §2).
    pub requiretls: bool,
}

/// `RCPT TO:<forward-path> [parameters]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RcptCommand {
    /// Whom the message is for, with `NOTIFY` and `ORCPT`.
    pub recipient: Recipient,
    /// Whether the command holds octets that only an SMTPUTF8 transaction may send.
    pub needs_smtputf8: bool,
}

/// `BDAT size [LAST]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BdatCommand {
    /// How many octets follow the command.
    pub size: u64,
    /// Whether the message ends with them.
    pub last: bool,
}

/// Why a line is not a command that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A control character, or octets that are not UTF-8.
    #[error("a command must not hold control characters or octets that are not UTF-8")]
    Octets,
    /// No such verb.
    #[error("the command is not recognised")]
    Unrecognised,
    /// An argument behind a command that has none.
    #[error("{} takes no argument", .0.as_str())]
    Argument(Verb),
    /// No argument behind a command that needs one.
    #[error("{} needs an argument", .0.as_str())]
    NoArgument(Verb),
    /// The argument of EHLO or HELO is ill-formed.
    #[error("EHLO and HELO take a domain or an address literal: {0}")]
    Name(HostError),
    /// `MAIL` without `FROM:`, `RCPT` without `TO:`.
    #[error("{} goes with a path: {}", .0.as_str(), .0.usage())]
    Keyword(Verb),
    /// The path is ill-formed.
    #[error("{1}")]
    Path(Verb, PathError),
    /// A parameter is ill-formed: no keyword, or a character that may not stand in it.
    #[error("the parameters are not well-formed")]
    Parameter,
    /// A parameter that we did not offer.
    #[error("a parameter is not recognised")]
    ParameterNotRecognised,
    /// A parameter given twice.
    #[error("{0} is given twice")]
    Duplicate(&'static str),
    /// The value of a parameter that we offer is ill-formed.
    #[error("{0} has an ill-formed value")]
    Value(&'static str),
    /// The value of a DSN parameter is ill-formed.
    #[error("{0}: {1}")]
    Dsn(&'static str, XtextError),
    /// `BODY=BINARYMIME`, which we do not offer.
    #[error("BINARYMIME is not offered")]
    BinaryMime,
    /// The size of a chunk is no number of 64 bits, or something other than LAST follows it.
    #[error("BDAT takes a size and perhaps LAST")]
    Chunk,
    /// Octets beyond ASCII in a transaction without SMTPUTF8 (RFC 6531 §3.4).
    #[error("an address beyond ASCII needs SMTPUTF8")]
    NeedsSmtputf8,
}

impl Verb {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        VERBS
            .iter()
            .find(|(_, verb)| *verb == self)
            .map_or("", |(name, _)| name)
    }

    /// How the command is written, for HELP and for those who wrote it otherwise.
    pub fn usage(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO domain",
            Self::Helo => "HELO domain",
            Self::Mail => "MAIL FROM:<path> [parameters]",
            Self::Rcpt => "RCPT TO:<path> [parameters]",
            Self::Data => "DATA",
            Self::Bdat => "BDAT size [LAST]",
            Self::Rset => "RSET",
            Self::Vrfy => "VRFY string",
            Self::Expn => "EXPN string",
            Self::Help => "HELP",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::StartTls => "STARTTLS",
        }
    }
}

/// Splits a line (without its CRLF) into a verb and what follows it, both checked for octets
/// that no command may hold and free of white space at the end.
///
/// ```abnf
/// command = verb [ SP argument ] *WSP CRLF
/// ```
pub(crate) fn split(line: &[u8]) -> Result<(Verb, &str), CommandError> {
    let line = std::str::from_utf8(line).map_err(|_| CommandError::Octets)?;
    let line = line.trim_end_matches([' ', '\t']);
    if line.chars().any(char::is_control) {
        return Err(CommandError::Octets);
    }
    let (word, argument) = line.split_once(' ').unwrap_or((line, ""));
    VERBS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, verb)| (*verb, argument))
        .ok_or(CommandError::Unrecognised)
}

impl Command {
    /// Parses a line, given without its CRLF.
    ///
    /// ```
    /// use postern_smtp::command::{Command, CommandError};
    ///
    /// let Command::Mail(mail) = Command::parse(b"mail from:<> BODY=8BITMIME")? else { panic!() };
    /// assert_eq!(mail.reverse_path.to_string(), "<>");
    /// assert_eq!(Command::parse(b"NOOP\rNOOP"), Err(CommandError::Octets));
    /// # Ok::<(), CommandError>(())
    /// ```
    ///
    /// # Errors
    /// Says what is wrong with the line.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let (verb, argument) = split(line)?;
        Self::of(verb, argument)
    }

    /// The command of a verb and its argument, which came from [`split`].
    pub(crate) fn of(verb: Verb, argument: &str) -> Result<Self, CommandError> {
        match verb {
            Verb::Ehlo => name(argument).map(Self::Ehlo),
            Verb::Helo => name(argument).map(Self::Helo),
            Verb::Mail => mail(argument).map(Self::Mail),
            Verb::Rcpt => rcpt(argument).map(Self::Rcpt),
            Verb::Bdat => bdat(argument).map(Self::Bdat),
            Verb::Vrfy if argument.is_empty() => Err(CommandError::NoArgument(verb)),
            Verb::Vrfy => Ok(Self::Vrfy),
            Verb::Expn if argument.is_empty() => Err(CommandError::NoArgument(verb)),
            Verb::Expn => Ok(Self::Expn),
            Verb::Help => Ok(Self::Help),
            Verb::Noop => Ok(Self::Noop),
            Verb::Data if argument.is_empty() => Ok(Self::Data),
            Verb::Rset if argument.is_empty() => Ok(Self::Rset),
            Verb::Quit if argument.is_empty() => Ok(Self::Quit),
            Verb::StartTls if argument.is_empty() => Ok(Self::StartTls),
            Verb::Data | Verb::Rset | Verb::Quit | Verb::StartTls => {
                Err(CommandError::Argument(verb))
            }
        }
    }
}

/// ```abnf
/// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF   ; RFC 5321 §4.1.1.1
/// helo = "HELO" SP Domain CRLF
/// ```
/// HELO may carry an address literal as well, as real clients do. A name beyond ASCII is
/// refused: a client writes A-labels here, since it cannot yet know of SMTPUTF8
/// (RFC 6531 §3.7.1).
fn name(argument: &str) -> Result<Host, CommandError> {
    if argument.is_ascii() {
        argument.parse().map_err(CommandError::Name)
    } else {
        Err(CommandError::Octets)
    }
}

/// ```abnf
/// mail = "MAIL FROM:" Reverse-path [ SP Mail-parameters ] CRLF   ; RFC 5321 §4.1.1.2
/// ```
/// No space stands behind the colon (RFC 5321 §3.3).
fn mail(argument: &str) -> Result<MailCommand, CommandError> {
    let path = strip_keyword(argument, "FROM:").ok_or(CommandError::Keyword(Verb::Mail))?;
    let (reverse_path, rest) =
        ReversePath::parse_prefix(path).map_err(|why| CommandError::Path(Verb::Mail, why))?;
    let mut parameters = Parameters::parse(rest)?;
    let mail = MailCommand {
        reverse_path,
        size: parameters.take_size()?,
        body: parameters.take_body()?,
        smtputf8: parameters.take_smtputf8()?,
        ret: parameters.take_ret()?,
        envelope_id: parameters.take_envid()?,
        requiretls: parameters.take_requiretls()?,
    };
    parameters.finish()?;
    if argument.is_ascii() || mail.smtputf8 {
        Ok(mail)
    } else {
        Err(CommandError::NeedsSmtputf8)
    }
}

/// ```abnf
/// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
///        [ SP Rcpt-parameters ] CRLF                             ; RFC 5321 §4.1.1.3
/// ```
fn rcpt(argument: &str) -> Result<RcptCommand, CommandError> {
    let path = strip_keyword(argument, "TO:").ok_or(CommandError::Keyword(Verb::Rcpt))?;
    let (forward_path, rest) =
        ForwardPath::parse_prefix(path).map_err(|why| CommandError::Path(Verb::Rcpt, why))?;
    let mut parameters = Parameters::parse(rest)?;
    let recipient = Recipient {
        forward_path,
        notify: parameters.take_notify()?,
        original: parameters.take_orcpt()?,
    };
    parameters.finish()?;
    Ok(RcptCommand {
        recipient,
        needs_smtputf8: !argument.is_ascii(),
    })
}

/// ```abnf
/// bdat-cmd   = "BDAT" SP chunk-size [ SP end-marker ] CR LF      ; RFC 3030 §2
/// chunk-size = 1*DIGIT
/// end-marker = "LAST"
/// ```
fn bdat(argument: &str) -> Result<BdatCommand, CommandError> {
    let (size, last) = match argument.split_once(' ') {
        None => (argument, false),
        Some((size, marker)) if marker.eq_ignore_ascii_case("LAST") => (size, true),
        Some(_) => return Err(CommandError::Chunk),
    };
    let size = decimal(size).ok_or(CommandError::Chunk)?;
    Ok(BdatCommand { size, last })
}

/// `1*20DIGIT` that fits 64 bits. No sign, no `0x`: `str::parse` alone would take `+3`.
fn decimal(digits: &str) -> Option<u64> {
    let well_formed =
        matches!(digits.len(), 1..=20) && digits.bytes().all(|octet| octet.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

fn strip_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (start, rest) = argument.split_at_checked(keyword.len())?;
    start.eq_ignore_ascii_case(keyword).then_some(rest)
}
