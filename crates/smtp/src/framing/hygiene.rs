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
        let (Some(first), Some(last)) = (octets.first(), octets.last()) else {
            return Ok(());
        };
        let seen = glance(octets);
        if seen.stray || self.after_carriage_return != (*first == b'\n') {
            self.find_impurity(octets)?;
        }
        self.after_carriage_return = *last == b'\r';
        self.eight_bit |= seen.eight_bit;
        Ok(())
    }

    /// Looks for the first impurity, octet by octet.
    fn find_impurity(&self, octets: &[u8]) -> Result<(), Impurity> {
        let mut after_carriage_return = self.after_carriage_return;
        for octet in octets {
            match (after_carriage_return, octet) {
                (true, b'\n') => {}
                (true, _) => return Err(Impurity::BareCarriageReturn),
                (false, b'\n') => return Err(Impurity::BareLineFeed),
                (false, 0) => return Err(Impurity::Nul),
                (false, _) => {}
            }
            after_carriage_return = *octet == b'\r';
        }
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

/// What a look at all octets at once can tell.
struct Glance {
    /// There is a NUL, a CR that no LF follows, or a LF that no CR precedes. Of what stands before
    /// the first octet and behind the last it knows nothing.
    stray: bool,
    eight_bit: bool,
}

/// Looks at all octets without a branch, so that the compiler can compare many at a time. Content
/// is nearly always clean, and every octet of it comes by twice.
fn glance(octets: &[u8]) -> Glance {
    let (mut stray, mut all) = (0, 0);
    let followers = octets.get(1..).unwrap_or_default();
    for (octet, follower) in octets.iter().zip(followers) {
        let torn = u8::from(*octet == b'\r') ^ u8::from(*follower == b'\n');
        stray |= torn | u8::from(*octet == 0);
        all |= octet;
    }
    let last = octets.last().copied().unwrap_or(b'x');
    Glance {
        stray: stray != 0 || last == 0,
        eight_bit: (all | last) >= 0x80,
    }
}
