//! The header of a message as it goes on: what we say on top, our `Received` field, and what came.

use bytes::{Bytes, BytesMut};
use postern_authentication::Verdict;
use postern_spool::{Content, SpoolError};

/// Puts the head together, and in the place of the one that is there: `received` and behind it
/// `header`, of which `kept` is what stays. What nothing changes about is left alone, since another
/// head for content in a file costs a copy of the file.
pub(super) async fn replace(
    content: Content,
    on_top: &[u8],
    received: &Bytes,
    header: &Bytes,
    kept: &[u8],
) -> Result<Content, SpoolError> {
    let unchanged = kept.len() == header.len();
    if unchanged && on_top.is_empty() {
        return Ok(content);
    }
    if unchanged {
        return content.with_head(Bytes::copy_from_slice(on_top), 0).await;
    }
    let mut head = BytesMut::with_capacity(on_top.len() + received.len() + kept.len());
    head.extend_from_slice(on_top);
    head.extend_from_slice(received);
    head.extend_from_slice(kept);
    let instead_of = received.len() + header.len();
    content.with_head(head.freeze(), instead_of as u64).await
}

/// The field by which whoever delivers a suspicious message knows it.
///
/// ```text
/// Postern-Quarantine: dmarc header.from=bank.example
/// ```
pub(super) fn quarantine_field(verdict: &Verdict) -> Vec<u8> {
    let mut field = "Postern-Quarantine: dmarc".to_owned();
    if let Some(domain) = verdict.author.domain() {
        field.push_str(" header.from=");
        field.push_str(domain.as_str());
    }
    field.push_str("\r\n");
    field.into()
}
