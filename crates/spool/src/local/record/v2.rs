//! The body of a message's record in version 2, which did not say who hears of a failure, nor that
//! a message was suspicious. As in [`super::v1`], the fields here never change.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use postern_mail::Envelope;
use serde::Deserialize;

use crate::{
    BounceTo, Origin, Progress,
    message::{Accepted, Message, StoredContent},
    time,
};

#[derive(Deserialize)]
pub(super) struct MessageV2 {
    accepted: AcceptedV2,
    progress: Vec<Progress>,
    hold: Option<String>,
}

#[derive(Deserialize)]
struct AcceptedV2 {
    envelope: Envelope,
    origin: Origin,
    #[serde(with = "time")]
    received_at: SystemTime,
    content: StoredContent,
}

impl From<MessageV2> for Message {
    fn from(old: MessageV2) -> Self {
        let AcceptedV2 {
            envelope,
            origin,
            received_at,
            content,
        } = old.accepted;
        Self {
            accepted: Arc::new(Accepted {
                envelope,
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
