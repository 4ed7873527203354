//! The signing of one message, from its first octet to its signatures.

use std::{sync::Arc, time::SystemTime};

use bytes::{Bytes, BytesMut};
use mail_auth::{
    common::headers::HeaderWriter as _,
    dkim::{Canonicalization, DkimSigner, DkimSigningStream, Done},
};

use super::{
    Signer, SigningKey, Unsigned,
    field::signed_names,
    message::{Gathered, HeaderSoFar, is_well_formed},
};
use crate::{
    Author, DkimCryptoError, authors,
    body::{BodyEnd, LineEnds},
    keys::SharedKey,
};

/// A message whose header is not complete yet.
pub(super) struct Beginning<'s> {
    signer: &'s Signer,
    now: SystemTime,
    header: HeaderSoFar,
}

/// A message whose header is complete: who signs it, and what there is of it.
pub(super) struct Plan {
    signers: Vec<DkimSigner<SharedKey, Done>>,
    header: Vec<u8>,
    body: Vec<u8>,
}

/// A message whose body streams. mail-auth hashes it, once for each key.
pub(super) struct Run<'p> {
    streams: Vec<DkimSigningStream<'p, SharedKey>>,
    end: BodyEnd,
    line_ends: LineEnds,
}

impl<'s> Beginning<'s> {
    pub(super) fn new(signer: &'s Signer, now: SystemTime) -> Self {
        Self {
            signer,
            now,
            header: HeaderSoFar::default(),
        }
    }

    /// Takes the next octets of the message, until they complete the header.
    pub(super) fn write(&mut self, octets: &[u8]) -> Result<Option<Plan>, Unsigned> {
        match std::mem::take(&mut self.header).and(octets)? {
            Gathered::Partly(more) => {
                self.header = more;
                Ok(None)
            }
            Gathered::Complete { header, body } => self.plan(header, body).map(Some),
        }
    }

    /// The message is complete. It may end with its header (RFC 5322 §3.5).
    pub(super) fn finish(self) -> Result<Plan, Unsigned> {
        let mut header = self.header.octets().to_vec();
        if !header.ends_with(b"\r\n") {
            header.extend_from_slice(b"\r\n");
        }
        header.extend_from_slice(b"\r\n");
        self.plan(header, Vec::new())
    }

    fn plan(&self, header: Vec<u8>, body: Vec<u8>) -> Result<Plan, Unsigned> {
        let author = match authors::author(&header) {
            Author::One(domain) => domain,
            none => return Err(Unsigned::Author(none)),
        };
        if !is_well_formed(&header) {
            return Err(Unsigned::BrokenHeader);
        }
        let keys = self.signer.keys_for(&author, self.now);
        if keys.is_empty() {
            return Err(Unsigned::NoKey(author));
        }
        let names = signed_names(&header, &[])?;
        let signers = keys.into_iter().map(|key| self.signer_with(key, &names));
        Ok(Plan {
            signers: signers.collect(),
            header,
            body,
        })
    }

    fn signer_with(&self, key: &SigningKey, names: &[&str]) -> DkimSigner<SharedKey, Done> {
        let signer = DkimSigner::from_key(SharedKey(Arc::clone(&key.key)))
            .domain(key.domain.as_str())
            .selector(key.selector.as_str())
            .headers(names.iter().copied())
            .header_canonicalization(Canonicalization::Relaxed)
            .body_canonicalization(Canonicalization::Relaxed);
        match self.signer.lifetime {
            Some(lifetime) => signer.expiration(lifetime.as_secs()),
            None => signer,
        }
    }
}

impl Plan {
    /// Begins to hash.
    pub(super) fn begin(&self) -> Run<'_> {
        let mut streams: Vec<_> = self
            .signers
            .iter()
            .map(DkimSigner::sign_streaming)
            .collect();
        for stream in &mut streams {
            stream.write(&self.header);
        }
        let mut run = Run {
            streams,
            end: BodyEnd::default(),
            line_ends: LineEnds::default(),
        };
        run.write(&self.body);
        run
    }
}

impl Run<'_> {
    /// Takes the next octets of the body.
    pub(super) fn write(&mut self, octets: &[u8]) {
        let Self {
            streams,
            end,
            line_ends,
        } = self;
        line_ends.write(octets);
        end.write(octets, &mut |octets| {
            for stream in &mut *streams {
                stream.write(octets);
            }
        });
    }

    /// The signatures, now that the message is complete.
    pub(super) fn finish(self) -> Result<Bytes, Unsigned> {
        if self.line_ends.any_stray() {
            return Err(Unsigned::StrayLineEnd);
        }
        let mut signatures = BytesMut::new();
        for stream in self.streams {
            let signature = stream.finish().map_err(|_| DkimCryptoError)?;
            signatures.extend_from_slice(signature.to_header().as_bytes());
        }
        Ok(signatures.freeze())
    }
}
