//! The envelope: what SMTP carries besides content (RFC 5321 §2.3.1), with the parameters of
//! RFC 3461 (DSN), RFC 6152 (8BITMIME), RFC 3030 (BINARYMIME), RFC 6531 (SMTPUTF8)
//! and RFC 8689 (REQUIRETLS).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Domain, ForwardPath, Mailbox, ReversePath, TlsWish, utf8_address};

/// Who sent a message, for whom, and how it wants to be treated on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Whom a failure is reported to.
    pub reverse_path: ReversePath,
    /// Whom the message is for.
    pub recipients: Vec<Recipient>,
    /// What octets the content holds.
    pub body: BodyType,
    /// Whether the transaction was made with SMTPUTF8 (RFC 6531 §3.4).
    pub smtputf8: bool,
    /// How much of the message a notification returns.
    pub ret: Option<Return>,
    /// The sender's own name for this transaction.
    pub envelope_id: Option<EnvelopeId>,
    /// What the sender wants of TLS on the way.
    pub tls_wish: TlsWish,
}

/// One recipient of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// Whom the message is for.
    pub forward_path: ForwardPath,
    /// On which events the sender wants to hear.
    pub notify: Option<Notify>,
    /// The recipient as the sender first wrote it.
    pub original: Option<OriginalRecipient>,
}

impl From<ForwardPath> for Recipient {
    fn from(forward_path: ForwardPath) -> Self {
        Self {
            forward_path,
            notify: None,
            original: None,
        }
    }
}

impl Recipient {
    /// The domain the message goes to for this recipient, where there is one.
    pub fn domain(&self) -> Option<&Domain> {
        self.forward_path.domain()
    }
}

/// The `BODY` parameter (RFC 6152 §2, RFC 3030 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum BodyType {
    /// `7BIT`, also what silence means.
    #[default]
    SevenBit,
    /// `8BITMIME`.
    EightBitMime,
    /// `BINARYMIME`, which needs CHUNKING.
    BinaryMime,
}

impl BodyType {
    /// The keyword on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// The `RET` parameter (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Return {
    /// `FULL`: the whole message.
    Full,
    /// `HDRS`: its header.
    Headers,
}

impl Return {
    /// The keyword on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }
}

/// The `NOTIFY` parameter (RFC 3461 §4.1): `NEVER`, or a choice of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Notify {
    /// `NEVER`.
    Never,
    /// On these events.
    On {
        /// `SUCCESS`: delivered.
        success: bool,
        /// `FAILURE`: given up.
        failure: bool,
        /// `DELAY`: not yet delivered.
        delay: bool,
    },
}

/// An event that a sender may want to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotifyEvent {
    /// Delivered.
    Success,
    /// Given up.
    Failure,
    /// Not yet delivered.
    Delay,
}

impl Notify {
    /// Whether a sender who gave this parameter is told of `event`.
    ///
    /// Where a sender gave none, RFC 3461 §4.1 leaves delay to us and obliges us to tell of
    /// failure: see [`Notify::or_default`].
    pub fn asks_for(self, event: NotifyEvent) -> bool {
        match (self, event) {
            (Self::Never, _) => false,
            (Self::On { success, .. }, NotifyEvent::Success) => success,
            (Self::On { failure, .. }, NotifyEvent::Failure) => failure,
            (Self::On { delay, .. }, NotifyEvent::Delay) => delay,
        }
    }

    /// What counts where the sender gave no `NOTIFY`: failure and delay.
    pub fn or_default(notify: Option<Self>) -> Self {
        notify.unwrap_or(Self::On {
            success: false,
            failure: true,
            delay: true,
        })
    }
}

impl FromStr for Notify {
    type Err = XtextError;

    fn from_str(text: &str) -> Result<Self, XtextError> {
        if text.eq_ignore_ascii_case("NEVER") {
            return Ok(Self::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for event in text.split(',') {
            let flag = match event.to_ascii_uppercase().as_str() {
                "SUCCESS" => &mut success,
                "FAILURE" => &mut failure,
                "DELAY" => &mut delay,
                _ => return Err(XtextError::Notify),
            };
            *flag = true;
        }
        Ok(Self::On {
            success,
            failure,
            delay,
        })
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::On {
            success,
            failure,
            delay,
        } = *self
        else {
            return f.write_str("NEVER");
        };
        let chosen = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
        let names: Vec<_> = chosen
            .iter()
            .filter(|(wanted, _)| *wanted)
            .map(|(_, name)| *name)
            .collect();
        f.write_str(&names.join(","))
    }
}

/// The `ENVID` parameter, decoded (RFC 3461 §4.4). It is printable ASCII without line ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    /// The most characters that RFC 3461 §4.4 allows.
    const LONGEST: usize = 100;

    /// Decodes the parameter as it came on the wire.
    ///
    /// # Errors
    /// Refuses ill-formed xtext, control characters and more than 100 characters.
    pub fn from_xtext(xtext: &str) -> Result<Self, XtextError> {
        if xtext.len() > Self::LONGEST {
            return Err(XtextError::TooLong);
        }
        decode_xtext(xtext).map(Self)
    }

    /// The parameter as the wire carries it.
    pub fn to_xtext(&self) -> String {
        encode_xtext(&self.0)
    }

    /// The decoded value.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The `ORCPT` parameter, decoded: an address and the kind of address it is (RFC 3461 §4.2). One
/// of the kind `utf-8` may hold any characters, and has an encoding of its own (RFC 6533 §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OriginalRecipient {
    kind: String,
    address: String,
}

impl OriginalRecipient {
    /// RFC 3461 §4.2 allows 500 characters.
    const LONGEST: usize = 500;

    /// The kind of addresses that are not ASCII.
    const UTF8: &str = "utf-8";

    /// Decodes the parameter as it came on the wire: `rfc822;Jo@example.org`.
    ///
    /// # Errors
    /// Refuses a missing kind, ill-formed xtext, control characters and more than 500
    /// characters.
    pub fn from_xtext(text: &str) -> Result<Self, XtextError> {
        if text.len() > Self::LONGEST {
            return Err(XtextError::TooLong);
        }
        let (kind, address) = text.split_once(';').ok_or(XtextError::Kind)?;
        let is_atom = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        if kind.is_empty() || !kind.bytes().all(is_atom) {
            return Err(XtextError::Kind);
        }
        let mut original = Self {
            kind: kind.to_owned(),
            address: decode_xtext(address)?,
        };
        if original.is_utf8() {
            original.address = utf8_address::decode(&original.address)?;
        }
        Ok(original)
    }

    /// The parameter as the wire carries it anywhere: in ASCII.
    pub fn to_xtext(&self) -> String {
        if self.is_utf8() {
            format!("{};{}", self.kind, utf8_address::xtext(&self.address))
        } else {
            format!("{};{}", self.kind, encode_xtext(&self.address))
        }
    }

    /// The parameter as a transaction with SMTPUTF8 may carry it. In ASCII it may be longer than
    /// RFC 3461 §4.2 allows.
    pub fn to_unitext(&self) -> String {
        if self.is_utf8() {
            format!("{};{}", self.kind, utf8_address::unitext(&self.address))
        } else {
            self.to_xtext()
        }
    }

    /// Whether it is an address that need not be ASCII (RFC 6533 §3).
    pub fn is_utf8(&self) -> bool {
        self.kind.eq_ignore_ascii_case(Self::UTF8)
    }

    /// What kind of address it is, `rfc822` as a rule.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The decoded address. It is a text, not a checked mailbox.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// What the sender would have written, had he written it: for a recipient that is about to become
/// another one.
impl From<&Mailbox> for OriginalRecipient {
    fn from(mailbox: &Mailbox) -> Self {
        let kind = if mailbox.needs_smtputf8() {
            Self::UTF8
        } else {
            "rfc822"
        };
        Self {
            kind: kind.to_owned(),
            address: mailbox.to_string(),
        }
    }
}

/// `xtext = *( xchar / hexchar )` (RFC 3461 §4). What decodes to a control character is
/// refused: `+0D+0A` in these parameters has written headers before (CVE-2020-28021).
/// UTF-8 is taken as it stands, as RFC 6533 §3 lets SMTPUTF8 transactions do.
fn decode_xtext(xtext: &str) -> Result<String, XtextError> {
    let mut octets = Vec::with_capacity(xtext.len());
    let mut rest = xtext.bytes();
    while let Some(octet) = rest.next() {
        octets.push(match octet {
            b'+' => match (
                rest.next().and_then(hex_value),
                rest.next().and_then(hex_value),
            ) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err(XtextError::Encoding),
            },
            b'=' => return Err(XtextError::Encoding),
            _ => octet,
        });
    }
    let text = String::from_utf8(octets).map_err(|_| XtextError::Encoding)?;
    if text.chars().any(char::is_control) {
        return Err(XtextError::Control);
    }
    Ok(text)
}

/// A `hexchar` digit, which RFC 3461 §4 writes in upper case only.
fn hex_value(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

fn encode_xtext(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut xtext, octet| {
            match octet {
                b'+' | b'=' => xtext.push_str(&format!("+{octet:02X}")),
                b'!'..=b'~' => xtext.push(char::from(octet)),
                _ => xtext.push_str(&format!("+{octet:02X}")),
            }
            xtext
        })
}

/// Why a DSN parameter is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XtextError {
    /// A `+` without two upper-case hexadecimal digits, an `=`, or no UTF-8 behind it.
    #[error("the parameter is not well-formed xtext")]
    Encoding,
    /// A control character, perhaps encoded.
    #[error("the parameter holds a control character")]
    Control,
    /// More characters than RFC 3461 allows.
    #[error("the parameter is too long")]
    TooLong,
    /// No address type before the semicolon.
    #[error("ORCPT begins with an address type and a semicolon")]
    Kind,
    /// Not NEVER, nor a list of SUCCESS, FAILURE and DELAY.
    #[error("NOTIFY is NEVER, or a list of SUCCESS, FAILURE and DELAY")]
    Notify,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn original_recipients() {
        let original = OriginalRecipient::from_xtext("rfc822;Bob+2Bx@example.org").unwrap();
        assert_eq!(original.address(), "Bob+x@example.org");
        assert_eq!(original.to_xtext(), "rfc822;Bob+2Bx@example.org");
        for (bad, why) in [
            ("Bob@example.org", XtextError::Kind),
            (";Bob", XtextError::Kind),
            ("rfc 822;Bob", XtextError::Kind),
            ("rfc822;a+0D+0AX: y", XtextError::Control),
            ("rfc822;a+2", XtextError::Encoding),
            ("rfc822;a+2b", XtextError::Encoding),
            ("rfc822;a+FF", XtextError::Encoding),
        ] {
            assert_eq!(OriginalRecipient::from_xtext(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn original_recipients_beyond_ascii() {
        for (wire, address, in_ascii, in_utf8) in [
            (
                r"utf-8;\x{436}+2B@b.example",
                "ж+@b.example",
                r"utf-8;\x{436}\x{2B}@b.example",
                r"utf-8;ж\x{2B}@b.example",
            ),
            (
                "UTF-8;ж@b.example",
                "ж@b.example",
                r"UTF-8;\x{436}@b.example",
                "UTF-8;ж@b.example",
            ),
            (
                r"rfc822;\x{436}@b.example",
                r"\x{436}@b.example",
                r"rfc822;\x{436}@b.example",
                r"rfc822;\x{436}@b.example",
            ),
        ] {
            let original = OriginalRecipient::from_xtext(wire).unwrap();
            assert_eq!(original.address(), address);
            assert_eq!(original.to_xtext(), in_ascii);
            assert_eq!(original.to_unitext(), in_utf8);
        }
        for (bad, why) in [
            (r"utf-8;a\x{D}\x{A}X: y", XtextError::Control),
            (r"utf-8;a\x{D800}", XtextError::Encoding),
            (r"utf-8;a\x{41", XtextError::Encoding),
        ] {
            assert_eq!(OriginalRecipient::from_xtext(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_recipient_that_becomes_another_one_is_remembered() {
        for (mailbox, wire) in [
            ("Jo+x@example.org", "rfc822;Jo+2Bx@example.org"),
            ("\"a b\"@example.org", "rfc822;\"a+20b\"@example.org"),
            ("ж@example.org", r"utf-8;\x{436}@example.org"),
        ] {
            let mailbox: Mailbox = mailbox.parse().unwrap();
            let original = OriginalRecipient::from(&mailbox);
            assert_eq!(original.to_xtext(), wire);
            assert_eq!(OriginalRecipient::from_xtext(wire), Ok(original));
        }
    }

    #[test]
    fn notify_is_parsed_and_printed() {
        for good in ["NEVER", "SUCCESS", "FAILURE,DELAY", "SUCCESS,FAILURE,DELAY"] {
            assert_eq!(good.parse::<Notify>().unwrap().to_string(), good);
        }
        for bad in ["", "NEVER,SUCCESS", "SUCCESS,", "MAYBE"] {
            assert_eq!(bad.parse::<Notify>(), Err(XtextError::Notify), "{bad}");
        }
        assert!(Notify::or_default(None).asks_for(NotifyEvent::Failure));
        assert!(!Notify::or_default(None).asks_for(NotifyEvent::Success));
        assert!(!Notify::Never.asks_for(NotifyEvent::Failure));
    }

    proptest! {
        #[test]
        fn xtext_survives(text in "[ -~é]{0,30}") {
            prop_assert_eq!(decode_xtext(&encode_xtext(&text)), Ok(text));
        }
    }
}
