//! Failure reports that we send: one message that failed DMARC, told to the domain whose name it
//! bore (RFC 9991, RFC 6591, RFC 5965).
//!
//! A failure report shows somebody's mail to whoever the domain names, so Postern sends none
//! unless it is told to, and then as little as tells what failed:
//!
//! - of the message only its header, of that only fields in [`SHOWN`], and in them no local-part
//!   but those at the domain itself. The others are numbered, so that it can be seen which are the
//!   same within one report, and nothing else (the aim of RFC 6590, without a digest that could
//!   be guessed backwards);
//! - never the recipient;
//! - at most so many an hour for each domain ([`FailureReports::new`]), and at most
//!   [`MOST_DOMAINS`] domains an hour. Others are not sent later: whoever wants numbers has
//!   aggregate reports;
//! - none for a domain that is a public suffix (`psd=y`), whose owner is not who the mail pretends
//!   to be from (RFC 9991 §2);
//! - where the destination is another organization's only with its consent
//!   ([`dmarc_destinations`](crate::destination::dmarc_destinations) with
//!   [`ReportTag::Ruf`](crate::destination::ReportTag::Ruf), RFC 9991 §5).

mod limit;
mod redacted;
mod report;
#[cfg(test)]
mod tests;

pub use limit::{FailureReports, MOST_DOMAINS};
pub use redacted::SHOWN;
pub use report::{DeliveryResult, FailedMail, FailedSignature};
