//! Which octets content may hold (RFC 5321 §2.3.8, RFC 5322 §2.2, §2.3).

/// An octet that no content may hold.
///
/// Software behind us reads some of these as line ends, and would find a second message where
/// we saw one (SMTP smuggling: VU#302671, CVE-2023-51764 to -51766).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Impurity {
    /// A CR that no LF follows.
    BareCarriageReturn,
    /// A LF that no CR precedes.
    BareLineFeed,
    /// A NUL.
    Nul,
}

/// Inspects content as it passes, in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Hygiene {
    after_carriage_return: bool,
    eight_bit: bool,
}

impl Hygiene {
    /// Inspects the next octets and reports the first that may not stand where it stands.
    pub(crate) fn inspect(&mut self, octets: &[u8]) -> Result<(), Impurity> {
        let Some(last) = octets.last() else {
            return Ok(());
        };
        if self.after_carriage_return && !octets.starts_with(b"\n") {
            return Err(Impurity::BareCarriageReturn);
        }
        for at in memchr::memchr3_iter(b'\r', b'\n', 0, octets) {
            let before = at.checked_sub(1).and_then(|before| octets.get(before));
            let line_feed_is_due = match before {
                Some(octet) => *octet == b'\r',
                None => self.after_carriage_return,
            };
            match (octets.get(at), octets.get(at + 1)) {
                (Some(b'\n'), _) if line_feed_is_due => {}
                (Some(b'\n'), _) => return Err(Impurity::BareLineFeed),
                (Some(b'\r'), None | Some(b'\n')) => {}
                (Some(b'\r'), Some(_)) => return Err(Impurity::BareCarriageReturn),
                (_, _) => return Err(Impurity::Nul),
            }
        }
        self.after_carriage_return = *last == b'\r';
        self.eight_bit |= !octets.is_ascii();
        Ok(())
    }

    /// Inspects the end: a CR may not be the last octet.
    pub(crate) fn finish(&self) -> Result<(), Impurity> {
        if self.after_carriage_return {
            Err(Impurity::BareCarriageReturn)
        } else {
            Ok(())
        }
    }

    /// Whether an octet beyond ASCII passed.
    pub(crate) fn has_eight_bit(&self) -> bool {
        self.eight_bit
    }
}
