//! What can be said of a message that was not read: who sent it, and who claims to have written
//! it. The rest may be found out another time.

use bytes::Bytes;
use postern_authentication::{
    ArcOutcome, ArcResult, DkimOutcome, DkimResult, DmarcOutcome, DmarcPolicy, DmarcResult,
    IprevOutcome, IprevResult, Verdict, authors,
};

use super::{Case, Unread};

impl Case<'_> {
    pub(super) async fn verdict_unread(&self, header: &Bytes, why: Unread) -> Verdict {
        let letter = self.letter(&[]);
        let verifier = &self.authentication.verifier;
        let (helo, mail_from) = verifier
            .verify_sender(
                letter.client,
                letter.helo,
                letter.reverse_path,
                letter.hostname,
            )
            .await;
        let reason = || Some(why.to_string());
        Verdict {
            client: letter.client,
            iprev: IprevOutcome {
                result: IprevResult::TempError,
                name: None,
                reason: reason(),
            },
            helo,
            mail_from,
            dkim: vec![DkimOutcome {
                result: DkimResult::TempError,
                reason: reason(),
                domain: None,
                identity: None,
                selector: None,
                algorithm: None,
                signature_start: String::new(),
            }],
            arc: ArcOutcome {
                result: ArcResult::TempError,
                sets: 0,
                sealer: None,
                sealers: Vec::new(),
                reason: reason(),
                claims_dmarc_pass: false,
            },
            dmarc: DmarcOutcome {
                result: DmarcResult::TempError,
                policy: DmarcPolicy::None,
                reason: reason(),
                record: None,
                spf_aligned: false,
                dkim_aligned: false,
            },
            author: authors::author(header),
            overridden: None,
        }
    }
}
