//! Taking in the header of a message while it streams.

use postern_mail::header::fields;

use super::Unsigned;

/// How large a header may be. It is kept until its end has come, and mail with a larger one is
/// not taken on anyway.
const HEADER: usize = 1024 * 1024;

const HEADER_END: &[u8] = b"\r\n\r\n";

/// The header of a message, gathered until its end has come.
#[derive(Debug, Default)]
pub(crate) struct HeaderSoFar {
    octets: Vec<u8>,
}

/// What has come of a header so far.
#[derive(Debug)]
pub(crate) enum Gathered {
    /// The header goes on.
    Partly(HeaderSoFar),
    /// It is complete, and the body begins.
    Complete {
        /// The fields, and the empty line.
        header: Vec<u8>,
        /// The start of the body.
        body: Vec<u8>,
    },
}

impl HeaderSoFar {
    /// What has come so far.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Takes the next octets of the message.
    pub(crate) fn and(mut self, octets: &[u8]) -> Result<Gathered, Unsigned> {
        // The end may have begun with the octets before.
        let from = self.octets.len().saturating_sub(HEADER_END.len() - 1);
        let room = (HEADER + 1)
            .saturating_sub(self.octets.len())
            .min(octets.len());
        let (now, later) = octets.split_at_checked(room).unwrap_or((octets, &[]));
        self.octets.extend_from_slice(now);
        let end = if self.octets.starts_with(b"\r\n") {
            Some(2)
        } else {
            end_of_header(self.octets.get(from..).unwrap_or_default()).map(|end| from + end)
        };
        match end {
            Some(end) => {
                let mut body = self.octets.split_off(end);
                body.extend_from_slice(later);
                Ok(Gathered::Complete {
                    header: self.octets,
                    body,
                })
            }
            None if self.octets.len() > HEADER => Err(Unsigned::HeaderTooLarge),
            None => Ok(Gathered::Partly(self)),
        }
    }
}

/// Where the empty line ends that ends a header.
fn end_of_header(octets: &[u8]) -> Option<usize> {
    octets
        .windows(HEADER_END.len())
        .position(|window| window == HEADER_END)
        .map(|at| at + HEADER_END.len())
}

/// Whether a header consists of fields alone, up to its end or the empty line. Where it does not,
/// readers differ about where it ends, and so would verifiers.
pub(crate) fn is_well_formed(header: &[u8]) -> bool {
    let length: usize = fields(header).map(|field| field.octets().len()).sum();
    matches!(header.get(length..), Some(b"" | b"\r\n"))
}
