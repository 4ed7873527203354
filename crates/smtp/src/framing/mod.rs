//! Where a command line, the content behind DATA and a chunk behind BDAT end.
//!
//! Every framer works on the buffer that the shell reads into, takes from its front what is
//! decided and leaves the rest: a framer never holds octets of its own. However the octets are
//! split between reads, the outcome is the same.
//!
//! Framing and hygiene are kept apart on purpose. [`Transparency`] alone decides where content
//! ends and knows one ending, CRLF.CRLF; [`Hygiene`] alone decides whether the octets within may
//! stay, and cannot move the end. SMTP smuggling (VU#302671) lived where the two were one.

mod chunk;
mod hygiene;
mod line;
mod transparency;

#[cfg(test)]
mod tests;

use bytes::Bytes;

pub(crate) use chunk::Chunk;
pub(crate) use hygiene::{Hygiene, Impurity};
pub(crate) use line::{Line, LineFramer};
pub(crate) use transparency::Transparency;

/// What a framer of content found at the front of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Octets of the content, at least one.
    Content(Bytes),
    /// The content, or the chunk, is over.
    End,
    /// Nothing can be decided without further octets.
    NeedOctets,
}
