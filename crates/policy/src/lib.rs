//! The policy: what a channel must prove before mail may use it, and the proof that it did.
//!
//! # The algebra
//!
//! A [`Requirement`] is the join of [`Contribution`]s. A join takes the stricter on each of four
//! axes (channel, identity, profile, hosts) and keeps every contribution with its reason, so an
//! [`Explanation`] is read off the very value that is judged. Nothing is ever taken out again:
//! whatever a source says, it cannot lower what another demands.
//!
//! "Authenticated" cannot be written without saying as whom: [`ChannelDemand::Authenticated`]
//! holds an [`Identity`], which is a conjunction of at least one [`IdentityConstraint`].
//!
//! # The judgement
//!
//! [`Requirement::judge`] holds the evidence of a channel against a requirement. It is pure: the
//! evidence and the time are arguments, and the verdict is a [`Basis`] or a [`Refusal`], whose
//! one sentence is what logs, queue, notices and explanations say.
//!
//! * **Outbound**, [`Policy::plan_delivery`] resolves what holds for a delivery before anybody is
//!   dialled, [`DeliveryPlan::for_host`] what holds at one next hop, and [`Policy::authorize`]
//!   turns a channel that meets it into a [`Permit`], which owns the channel. There is no other
//!   way to a channel that can carry mail.
//! * **Inbound**, [`Policy::judge_mail`] answers `MAIL FROM` and [`Policy::judge_author`] the
//!   From: field: only an authenticated channel speaks for the domains of a partner that requires
//!   it, and an exclusive partner's certificate speaks for no other domain.
//!
//! # What is in force
//!
//! Every rule is judged; not every rule stops mail. `full` is the join of all, `enforced` of those
//! in force, and it is never more:
//!
//! | whose demand | is in force | else it is measured, because of |
//! |---|---|---|
//! | the default, a route, a listener | always | |
//! | a partner's rule | at [`Stage::Enforce`] | the stage, or a [`BreakGlass`], which leaves what it says of the rule and no more |
//! | MTA-STS, for hosts that MX records name | in mode `enforce` | mode `testing`, or `TLS-Required: No` |
//! | DANE | where DNS proves records, or could not be asked | `TLS-Required: No` |
//! | REQUIRETLS | always | |
//! | the list of refused certificates ([`Denied`]) | always, beside all rules | |
//!
//! [`Explanation`] tells which rules took part, what each stands on ([`Grounds`]), why it is only
//! measured ([`WhyMeasured`]), and what would happen if it were not.
//!
//! ```
//! use postern_policy::{
//!     ChannelLevel, Defaults, DeliveryRequest, HostFacts, IdentityTerms, OutboundTerms, Partner,
//!     Policy, Stage,
//! };
//! use postern_tls::{NotSecured, Profile, ProfileName, TrustAnchors};
//! use rustls_pki_types::UnixTime;
//!
//! let ministry = Partner::builder("Ministry of Examples".parse()?, Stage::Enforce)
//!     .domain("ministry.example".parse()?)
//!     .outbound(OutboundTerms::requiring(ChannelLevel::Authenticated))
//!     .build()
//!     .expect("a sound partner");
//! let defaults = Defaults {
//!     profile: Profile::named(ProfileName::Intermediate),
//!     trust: TrustAnchors::public(),
//! };
//! let policy = Policy::new(defaults, vec![ministry]).expect("a sound policy");
//!
//! let to = "ministry.example".parse()?;
//! let plan = policy.plan_delivery(&DeliveryRequest::to(&to), UnixTime::now());
//! let refusal = plan
//!     .for_host(&HostFacts::configured("mx1.ministry.example".parse()?))
//!     .judge(Err(&NotSecured::NotOffered), UnixTime::now())
//!     .expect_err("no plaintext");
//! assert_eq!(refusal.status().to_string(), "4.7.10");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Standards
//!
//! Certificates are judged by `postern_tls::pkix` (RFC 5280, RFC 9525); a failed requirement
//! defers with the codes of RFC 3463 §3.8 and its registry (RFC 5248); inbound refusals use the
//! replies of RFC 3207 §4. TLS is never demanded of everybody on a public listener
//! (RFC 3207 §4): what is demanded is demanded of a partner.
//!
//! What the network says comes in as facts and becomes contributions like any other: DANE
//! (RFC 7672 §2.2, §3), MTA-STS (RFC 8461 §4, §5), REQUIRETLS (RFC 8689 §4.2.1). None of them has
//! precedence over another or over a rule of ours, because a join lowers nothing.
//!
//! # Left out
//!
//! * Facts are believed: whoever gathers them has checked signatures and fetched over HTTPS, and
//!   asks again when they have run out. A plan ends with the MTA-STS policy and the broken glass
//!   that it stands on; the life of DNS answers is not known here.
//! * The MTA-STS policies of smart hosts (RFC 8461 §3.4): a route says itself what its next hops
//!   must meet.
//! * That the next hop offers REQUIRETLS (RFC 8689 §4.2.1) shows in the session, which sees to it.
//! * Of an authority that a TLSA record holds in full, and that the peer does not send, nothing is
//!   looked for among the refused certificates.

mod basis;
mod break_glass;
mod certificates;
mod denylist;
mod explanation;
mod facts;
mod floor;
mod grounds;
mod host_plan;
mod hosts;
mod identity;
mod inbound;
mod judge;
mod level;
pub mod mta_sts;
mod network;
mod outbound;
mod partner;
mod permit;
mod policy;
mod refusal;
mod requirement;
mod rules;
mod source;

pub use basis::{Basis, Proof, Protection, Verdict};
pub use break_glass::{BreakGlass, Lowered};
pub use denylist::{Denied, DeniedCertificate};
pub use explanation::{
    Axis, DaneExplanation, Demanded, Effect, Excepted, Explanation, NextHopExplanation,
    RuleExplanation,
};
pub use facts::{DaneFacts, DaneRecords, DnsProof, HostFacts, Provenance};
pub use floor::{ListenerFloor, RouteFloor, RouteFloorError};
pub use grounds::{Grounds, Key, WhyMeasured};
pub use host_plan::{HostPlan, RuleVerdict};
pub use hosts::{HostPattern, HostRule};
pub use identity::{Identity, IdentityConstraint, PinSet, PkixConstraint, TlsaConstraint};
pub use inbound::{Consequence, Finding, InboundVerdict, MailClaim};
pub use level::{ChannelLevel, Stage, UnknownWord};
pub use mta_sts::{
    KnownPolicy, StsId, StsMode, StsPolicy, StsPolicyError, StsRecord, StsRecordError,
};
pub use outbound::{DeliveryPlan, DeliveryRequest, PoolKey};
pub use partner::{
    CertificateName, ClientUsage, Dane, Direction, Exclusivity, IdentityTerms, InboundTerms,
    OutboundTerms, Partner, PartnerBuilder, PartnerError, PartnerName, PartnerNameError,
};
pub use permit::{Permit, Refused, Shadow};
pub use policy::{Policy, PolicyError};
pub use refusal::{Mismatch, Refusal};
pub use requirement::{ChannelDemand, Contribution, ProfileDemand, Requirement};
pub use rules::Defaults;
pub use source::{Label, Source};
