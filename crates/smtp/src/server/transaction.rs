//! A mail transaction while it is open (RFC 5321 §3.3).

use postern_mail::{BodyType, Envelope, Reply, TlsWish};

use crate::{
    command::MailCommand,
    framing::{Chunk, Hygiene, Transparency},
    server::Abandoned,
};

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// RCPT commands, accepted or not.
    pub(super) recipients_named: usize,
    pub(super) chunks: Chunks,
    hygiene: Hygiene,
}

/// How far BDAT has come (RFC 3030 §2).
#[derive(Debug)]
pub(super) enum Chunks {
    /// No chunk so far; DATA is still possible.
    None,
    /// A chunk was let in; nothing but BDAT, or the end of the transaction, may follow.
    Begun,
    /// A chunk was refused; so are all that follow until the transaction ends.
    Refused(Reply),
}

/// Content on its way in.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) framing: Framing,
    /// The reply at the end, once the content cannot be accepted. What comes is then thrown
    /// away.
    pub(super) refusal: Option<Reply>,
}

/// What tells where the content, or the present part of it, ends.
#[derive(Debug)]
pub(super) enum Framing {
    Data(Transparency),
    Chunk { chunk: Chunk, size: u64, last: bool },
}

impl Transaction {
    pub(super) fn begin(mail: MailCommand) -> Self {
        Self {
            envelope: Envelope {
                reverse_path: mail.reverse_path,
                recipients: Vec::new(),
                body: mail.body,
                smtputf8: mail.smtputf8,
                ret: mail.ret,
                envelope_id: mail.envelope_id,
                tls_wish: if mail.requiretls {
                    TlsWish::Required
                } else {
                    TlsWish::Unstated
                },
            },
            recipients_named: 0,
            chunks: Chunks::None,
            hygiene: Hygiene::default(),
        }
    }

    /// Inspects octets of content of which the first `room` are within the limit of size.
    ///
    /// A fault is reported before the size when it comes before it, so that the same content
    /// gets the same reply however it is split.
    pub(super) fn inspect(&mut self, octets: &[u8], room: u64) -> Result<(), Abandoned> {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        match octets.split_at_checked(room) {
            Some((within, beyond)) if !beyond.is_empty() => {
                self.hygiene.inspect(within)?;
                Err(Abandoned::TooLarge)
            }
            Some(_) | None => Ok(self.hygiene.inspect(octets)?),
        }
    }

    /// Inspects the end of the content.
    pub(super) fn finish(&self) -> Result<(), Abandoned> {
        Ok(self.hygiene.finish()?)
    }

    /// The envelope of content that came in whole, with the body type that it turned out to be.
    pub(super) fn into_envelope(mut self) -> Envelope {
        if self.hygiene.has_eight_bit() && self.envelope.body == BodyType::SevenBit {
            self.envelope.body = BodyType::EightBitMime;
        }
        self.envelope
    }
}
