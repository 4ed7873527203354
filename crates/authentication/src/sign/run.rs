//! The signing of one message, from its first octet to its signatures.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};

use super::{
    Signer, SigningKey, Unsigned,
    field::{SignedFields, TagList, unix_time},
    message::{BodyHash, Gathered, HeaderSoFar, is_well_formed},
};
use crate::{Author, authors};

/// A message that is being signed.
pub(super) struct Run<'s> {
    signer: &'s Signer,
    now: SystemTime,
    progress: Progress<'s>,
}

enum Progress<'s> {
    Header(HeaderSoFar),
    Body(Plan<'s>, BodyHash),
}

/// What is known once the header is complete.
struct Plan<'s> {
    keys: Vec<&'s SigningKey>,
    fields: SignedFields,
}

impl<'s> Run<'s> {
    pub(super) fn new(signer: &'s Signer, now: SystemTime) -> Self {
        Self {
            signer,
            now,
            progress: Progress::Header(HeaderSoFar::default()),
        }
    }

    /// Takes the next octets of the message.
    pub(super) fn write(&mut self, octets: &[u8]) -> Result<(), Unsigned> {
        match &mut self.progress {
            Progress::Body(_, hash) => hash.write(octets),
            Progress::Header(header) => match std::mem::take(header).and(octets)? {
                Gathered::Partly(more) => *header = more,
                Gathered::Complete { header, body } => {
                    let plan = self.plan(&header)?;
                    let mut hash = BodyHash::new();
                    hash.write(&body);
                    self.progress = Progress::Body(plan, hash);
                }
            },
        }
        Ok(())
    }

    /// The signatures, now that the message is complete.
    pub(super) fn finish(self) -> Result<Bytes, Unsigned> {
        let (plan, hash) = match self.progress {
            Progress::Body(plan, hash) => (plan, hash),
            // A message may end with its header (RFC 5322 §3.5).
            Progress::Header(ref header) => (self.plan(header.octets())?, BodyHash::new()),
        };
        let body_hash = hash.finish();
        let mut signatures = BytesMut::new();
        for key in &plan.keys {
            let mut tags = TagList::new("DKIM-Signature");
            tags.tag("v", "1");
            tags.tag("a", &key.key.algorithm().to_string());
            tags.tag("c", "relaxed/relaxed");
            tags.tag("d", key.domain.as_str());
            tags.tag("s", &key.selector);
            tags.tag("t", &unix_time(self.now).to_string());
            if let Some(lifetime) = self.signer.lifetime {
                let end = unix_time(self.now).saturating_add(lifetime.as_secs());
                tags.tag("x", &end.to_string());
            }
            plan.fields.write(&mut tags);
            tags.base64("bh", body_hash.as_ref());
            signatures.extend_from_slice(&plan.fields.sign(&key.key, tags)?);
        }
        Ok(signatures.freeze())
    }

    fn plan(&self, header: &[u8]) -> Result<Plan<'s>, Unsigned> {
        if !is_well_formed(header) {
            return Err(Unsigned::BrokenHeader);
        }
        let author = match authors::author(header) {
            Author::One(domain) => domain,
            none => return Err(Unsigned::Author(none)),
        };
        let keys = self.signer.keys_for(&author, self.now);
        if keys.is_empty() {
            return Err(Unsigned::NoKey(author));
        }
        let fields = SignedFields::of(header, &[])?;
        Ok(Plan { keys, fields })
    }
}
