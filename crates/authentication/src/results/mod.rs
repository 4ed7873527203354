//! What we found out, written into the header for those behind us (RFC 8601, RFC 7208 §9.1), and
//! fields taken out that pretend to be ours.
//!
//! ```abnf
//! authres-header-field = "Authentication-Results:" authres-payload
//! authres-payload      = [CFWS] authserv-id [ CFWS authres-version ]
//!                        ( no-result / 1*resinfo ) [CFWS] CRLF
//! no-result            = [CFWS] ";" [CFWS] "none"
//! resinfo              = [CFWS] ";" methodspec [ CFWS reasonspec ] [ CFWS 1*propspec ]
//! methodspec           = [CFWS] method [CFWS] "=" [CFWS] result
//! reasonspec           = "reason" [CFWS] "=" [CFWS] value
//! propspec             = ptype [CFWS] "." [CFWS] property [CFWS] "=" pvalue
//! pvalue               = [CFWS] ( value / [ [ local-part ] "@" ] domain-name ) [CFWS]
//! ```
//!
//! Many who read these fields know neither quotations nor comments, and split at every semicolon
//! or search for `dmarc=pass`. So foreign text is not merely quoted: it holds nothing that such a
//! reader could take for a result (see `words.rs`).

mod forged;
mod received_spf;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::fmt::Display;

use bytes::Bytes;

use self::words::{property, quoted_words};
pub use self::{
    forged::{ArcChain, is_ours, without_forged},
    received_spf::received_spf_field,
};
use crate::{
    ArcOutcome, Author, DkimOutcome, DmarcOutcome, IprevOutcome, SpfOutcome, Verdict,
    folded::FoldedField,
};

/// The results of one message, to be written as header fields.
///
/// They hold nothing but ASCII, in lines of at most 78 characters, or a few hundred where a name
/// is longer by itself.
#[derive(Debug, Clone, Copy)]
pub struct AuthenticationResults<'a> {
    authserv_id: &'a str,
    verdict: &'a Verdict,
}

impl<'a> AuthenticationResults<'a> {
    /// What `verdict` says, in the name of `authserv_id` (RFC 8601 §2.5).
    pub fn new(authserv_id: &'a str, verdict: &'a Verdict) -> Self {
        Self {
            authserv_id,
            verdict,
        }
    }

    /// The `Authentication-Results` field with its line end. It belongs above all other fields
    /// (RFC 8601 §4.1).
    pub fn field(&self) -> Bytes {
        let mut field = FoldedField::new("Authentication-Results");
        self.write(&mut field);
        field.finish()
    }

    /// The `ARC-Authentication-Results` field of the set `instance` (RFC 8617 §4.1.1), with its
    /// line end.
    pub fn arc_field(&self, instance: u32) -> Bytes {
        let mut field = FoldedField::new("ARC-Authentication-Results");
        field.word(&format!("i={instance};"));
        self.write(&mut field);
        field.finish()
    }

    /// The field that says that nothing was evaluated (RFC 8601 §2.2, `no-result`).
    pub fn none(authserv_id: &str) -> Bytes {
        let mut field = FoldedField::new("Authentication-Results");
        field.word(&words::value(authserv_id));
        field.push(";");
        field.word("none");
        field.finish()
    }

    fn write(&self, field: &mut FoldedField) {
        let Self {
            authserv_id,
            verdict,
        } = self;
        field.word(&words::value(authserv_id));
        iprev(field, &verdict.iprev, verdict);
        spf(field, &verdict.helo, "smtp.helo");
        if let Some(mail_from) = &verdict.mail_from {
            spf(field, mail_from, "smtp.mailfrom");
        }
        if verdict.dkim.is_empty() {
            result(field, "dkim", &"none", None);
        }
        for signature in &verdict.dkim {
            dkim(field, signature);
        }
        arc(field, &verdict.arc, verdict);
        dmarc(field, &verdict.dmarc, verdict);
    }
}

/// `";" methodspec [ reasonspec ]`, on a line of its own.
fn result(field: &mut FoldedField, method: &str, result: &dyn Display, reason: Option<&str>) {
    field.push(";");
    field.fold();
    field.push(&format!("{method}={result}"));
    if let Some(reason) = reason {
        quoted_words(field, "reason=", reason);
    }
}

fn iprev(field: &mut FoldedField, outcome: &IprevOutcome, verdict: &Verdict) {
    result(field, "iprev", &outcome.result, outcome.reason.as_deref());
    property(field, "policy.iprev", &address(verdict));
}

/// The address of the client, as a server that hears both kinds on one socket may not show it.
fn address(verdict: &Verdict) -> String {
    verdict.client.to_canonical().to_string()
}

fn spf(field: &mut FoldedField, outcome: &SpfOutcome, name: &str) {
    result(field, "spf", &outcome.result, outcome.reason.as_deref());
    property(field, name, &outcome.domain);
}

fn dkim(field: &mut FoldedField, outcome: &DkimOutcome) {
    result(field, "dkim", &outcome.result, outcome.reason.as_deref());
    if let Some(domain) = &outcome.domain {
        property(field, "header.d", domain.as_str());
    }
    if let Some(identity) = outcome.identity.as_deref().and_then(words::address) {
        property(field, "header.i", &identity);
    }
    if let Some(selector) = &outcome.selector {
        property(field, "header.s", selector);
    }
    if let Some(algorithm) = outcome.algorithm {
        property(field, "header.a", &algorithm.to_string());
    }
    if !outcome.signature_start.is_empty() {
        property(field, "header.b", &outcome.signature_start);
    }
}

fn arc(field: &mut FoldedField, outcome: &ArcOutcome, verdict: &Verdict) {
    result(field, "arc", &outcome.result, outcome.reason.as_deref());
    property(field, "smtp.remote-ip", &address(verdict));
}

/// `policy.dmarc` is what the domain asks for if the message fails (RFC 9989 §9.1).
fn dmarc(field: &mut FoldedField, outcome: &DmarcOutcome, verdict: &Verdict) {
    let overridden = verdict
        .overridden
        .as_ref()
        .map(|why| format!("overridden: {why}"));
    let author = match &verdict.author {
        Author::One(_) => None,
        none => Some(none.to_string()),
    };
    let reasons = [outcome.reason.clone().or(author), overridden];
    let reasons: Vec<_> = reasons.into_iter().flatten().collect();
    let reason = Some(reasons.join(", ")).filter(|reason| !reason.is_empty());
    result(field, "dmarc", &outcome.result, reason.as_deref());
    if let Author::One(domain) = &verdict.author {
        property(field, "header.from", domain.as_str());
    }
    if outcome.record.is_some() {
        property(field, "policy.dmarc", &outcome.policy.to_string());
    }
}
