//! Takes our reports away: by mail through our own queue, signed, or by HTTPS.

use std::{sync::Arc, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use postern_authentication::Signer;
use postern_fetch::{HttpClient, Targets, WebUrl};
use postern_mail::Foreign;
use postern_reports::{
    ReportMail,
    sending::{self, CourierError},
};
use postern_spool::{BounceTo, Content, Origin, Spool, Submission};

use crate::failure::chain;

/// Takes reports away.
#[derive(Debug)]
pub(super) struct Courier {
    pub(super) queue: Arc<dyn Spool>,
    pub(super) signer: Arc<Signer>,
    pub(super) http: HttpClient,
    pub(super) targets: Targets,
}

#[async_trait]
impl sending::Courier for Courier {
    async fn submit(&self, mail: ReportMail) -> Result<(), CourierError> {
        let now = SystemTime::now();
        let content = Bytes::from(mail.content);
        let signatures = self.signed(content.clone(), now).await;
        let submission = Submission {
            envelope: mail.envelope,
            origin: Origin::Ourselves,
            received_at: now,
            content: Content::from_pieces([signatures, content]),
            bounce_to: BounceTo::Sender,
            quarantined: None,
            hold: None,
        };
        let accepted = self.queue.accept(submission).await;
        let id = accepted.map_err(|error| CourierError(chain(&error)))?;
        tracing::debug!(queue_id = %id, "a report is in the queue");
        Ok(())
    }

    async fn post(
        &self,
        url: &str,
        content_type: &'static str,
        body: Vec<u8>,
    ) -> Result<(), CourierError> {
        let refused = |error: &dyn std::error::Error| {
            let text = chain(error);
            CourierError(Foreign::new(&text).to_string())
        };
        let url: WebUrl = url.parse().map_err(|error| refused(&error))?;
        let posted = self.http.post(&url, content_type, body, self.targets).await;
        posted.map_err(|error| refused(&error))
    }
}

impl Courier {
    /// The signatures of a message of ours. One that nobody signs goes without: who receives it
    /// may not count it (RFC 8460 §3), which is better than that nobody sees it.
    async fn signed(&self, content: Bytes, now: SystemTime) -> Bytes {
        let signer = Arc::clone(&self.signer);
        // A report may have megabytes.
        let sign = move || signer.sign_whole(&[content], now);
        match tokio::task::spawn_blocking(sign).await {
            Ok(Ok(fields)) => fields,
            Ok(Err(why)) => {
                tracing::warn!(%why, "a report goes without a signature");
                Bytes::new()
            }
            // A panic, which was logged.
            Err(_) => Bytes::new(),
        }
    }
}
