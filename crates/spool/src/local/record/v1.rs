//! The body of a message's record in version 1, which knew no wish of TLS.
//!
//! Postcard writes fields one after the other and nothing about them, so the types here have the
//! fields of then in the order of then, and never change.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use postern_mail::{BodyType, Envelope, EnvelopeId, Recipient, Return, ReversePath, TlsWish};
use serde::Deserialize;

use crate::{
    BounceTo, Origin, Progress,
    message::{Accepted, Message, StoredContent},
    time,
};

#[derive(Deserialize)]
pub(super) struct MessageV1 {
    accepted: AcceptedV1,
    progress: Vec<Progress>,
    hold: Option<String>,
}

#[derive(Deserialize)]
struct AcceptedV1 {
    envelope: EnvelopeV1,
    origin: Origin,
    #[serde(with = "time")]
    received_at: SystemTime,
    content: StoredContent,
}

#[derive(Deserialize)]
struct EnvelopeV1 {
    reverse_path: ReversePath,
    recipients: Vec<Recipient>,
    body: BodyType,
    smtputf8: bool,
    ret: Option<Return>,
    envelope_id: Option<EnvelopeId>,
}

impl From<MessageV1> for Message {
    fn from(old: MessageV1) -> Self {
        let AcceptedV1 {
            envelope,
            origin,
            received_at,
            content,
        } = old.accepted;
        Self {
            accepted: Arc::new(Accepted {
                envelope: envelope.into(),
                origin,
                received_at,
                content,
                bounce_to: BounceTo::Sender,
                quarantined: None,
            }),
            progress: old.progress,
            hold: old.hold,
            revision: 0,
            postponed: BTreeMap::new(),
        }
    }
}

impl From<EnvelopeV1> for Envelope {
    fn from(old: EnvelopeV1) -> Self {
        Self {
            reverse_path: old.reverse_path,
            recipients: old.recipients,
            body: old.body,
            smtputf8: old.smtputf8,
            ret: old.ret,
            envelope_id: old.envelope_id,
            tls_wish: TlsWish::Unstated,
        }
    }
}
