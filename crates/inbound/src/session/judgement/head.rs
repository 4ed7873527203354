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

#[cfg(test)]
mod tests {
    use postern_authentication::{ArcChain, without_forged};
    use proptest::prelude::*;

    use super::*;

    const RECEIVED: &str = "Received: by us\r\n";

    /// Lines of headers, good and bad, and results in our name.
    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~\u{80}-\u{ff}]{0,12}\r\n",
            Just("Subject: a\r\n folded\r\n".to_owned()),
            Just("Authentication-Results: us.example; dmarc=pass\r\n".to_owned()),
            Just("AUTHENTICATION-results :\r\n us.EXAMPLE/1; spf=pass\r\n".to_owned()),
            Just("Authentication-Results: them.example; dmarc=pass\r\n".to_owned()),
            Just("\r\n".to_owned()),
            Just("body without an end".to_owned()),
        ]
    }

    proptest! {
        /// Below what is ours stands what came, but for fields in our name.
        #[test]
        fn what_came_stays_octet_for_octet(
            lines in proptest::collection::vec(line(), 0..12),
            on_top in "(Ours: x\r\n){0,2}",
            piece in 1_usize..20,
        ) {
            let came = lines.concat();
            let whole = Bytes::from([RECEIVED, &came].concat());
            let pieces = whole.chunks(piece).map(|piece| whole.slice_ref(piece));
            let content = Content::from_pieces(pieces);
            let header = super::super::reading::header;
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found: Result<_, SpoolError> = runtime.block_on(async {
                let received = Bytes::from(RECEIVED);
                let header = header(&content, received.len()).await?;
                let kept = without_forged(&header, "us.example", ArcChain::Invalid);
                let content = replace(content, on_top.as_bytes(), &received, &header, &kept);
                let pieces = content.await?.pieces(u64::MAX).await?;
                Ok((pieces.unwrap_or_default().concat(), header.len(), kept.into_owned()))
            });
            let (found, length, kept) = found.unwrap();
            let rest = &came.as_bytes()[length..];
            let expected = [on_top.as_bytes(), RECEIVED.as_bytes(), &kept, rest].concat();
            prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
            prop_assert_eq!(kept.len() < length, came.as_bytes()[..length] != kept[..]);
        }
    }
}
