//! The destinations: what the DNS says of each, what its host shows, and what must follow.

use postern_tests::posttls_finger::Verdict;

use crate::handover::Outcome::{Authenticated, Clear, Deferred, Encrypted};

use super::destination::Host::{Chain, Leaf, Plain, Stale};
use super::destination::{Destination, Mx, Of, Tlsa};

/// The names that the certificate of [`Host::Chain`] shows.
pub(crate) const NAMES: [&str; 3] = [
    "mx.ta.secure.example",
    "ta-next-hop.secure.example",
    "mx.ta-in-record.secure.example",
];

/// The name for which [`Host::Stale`](super::destination::Host::Stale) has another certificate.
pub(crate) const NAMED: &str = "mx.named.secure.example";

/// A domain that takes no mail (RFC 7505).
pub(crate) const NULL_MX: &str = "null-mx.insecure.example";
/// A domain whose mail host has the address of [`OURSELVES_AT`].
pub(crate) const OURSELVES: &str = "ourselves.insecure.example";
/// The last number of an address at which a gateway may listen.
pub(crate) const OURSELVES_AT: u8 = 45;

/// A domain whose mail host, at the address of [`NEXT_AT`], has the certificate of [`Of::Named`].
pub(crate) const NEXT: &str = "next.secure.example";
/// The last number of an address at which a second gateway may listen.
pub(crate) const NEXT_AT: u8 = 46;

/// The zone whose signatures have expired.
pub(crate) const EXPIRED: &str = "expired.example";
/// The zone whose DS record belongs to another key.
pub(crate) const OTHER_KEY: &str = "other-key.example";
/// The zone whose MX records have a signature over something else.
pub(crate) const FORGED: &str = "forged.example";
/// The zone whose file the server has lost.
pub(crate) const LOST: &str = "lost.example";
/// The zone of TLSA records whose signatures have expired.
pub(crate) const EXPIRED_TLSA: &str = "_tcp.mx.expired-tlsa.secure.example";
/// The zone of TLSA records whose file the server has lost.
pub(crate) const LOST_TLSA: &str = "_tcp.mx.lost-tlsa.secure.example";

/// All of them. Those in `secure.example` are signed, unless the name of the host says otherwise.
pub(crate) const DESTINATIONS: &[Destination] = &[
    // Usage 3 (RFC 7672 §3.1.1).
    Destination::of("ee.secure.example", Stale)
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    Destination::of("ee-certificate.secure.example", Stale)
        .tlsa(&[(3, 0, 2, Of::Stale)])
        .gives(Authenticated),
    Destination::of("ee-other.secure.example", Stale)
        .tlsa(&[(3, 1, 1, Of::Other)])
        .gives(Deferred),
    Destination::of("ee-plain.secure.example", Plain)
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Deferred),
    // The certificate is asked for by the TLSA base domain (RFC 7672 §8.1).
    Destination::of("named.secure.example", Stale)
        .tlsa(&[(3, 1, 1, Of::Named)])
        .gives(Authenticated),
    // Usage 2 (RFC 7672 §3.1.2, §3.2.2, §3.2.3).
    Destination::of("ta.secure.example", Chain)
        .tlsa(&[(2, 0, 1, Of::Authority)])
        .gives(Authenticated),
    Destination::of("ta-next-hop.secure.example", Chain)
        .tlsa(&[(2, 1, 1, Of::Authority)])
        .gives(Authenticated),
    Destination::of("ta-other-name.secure.example", Chain)
        .tlsa(&[(2, 0, 1, Of::Authority)])
        .gives(Deferred),
    Destination::of("ta-not-sent.secure.example", Leaf)
        .tlsa(&[(2, 0, 1, Of::Authority)])
        .gives(Deferred),
    Destination::of("ta-in-record.secure.example", Leaf)
        .tlsa(&[(2, 0, 0, Of::Authority)])
        .gives(Authenticated),
    // Records that nobody can use (RFC 7672 §2.2, §3.1.3).
    Destination::of("unusable.secure.example", Stale)
        .tlsa(&UNUSABLE)
        .gives(Encrypted),
    Destination::of("unusable-plain.secure.example", Plain)
        .tlsa(&UNUSABLE)
        .gives(Deferred),
    Destination::of("mixed.secure.example", Stale)
        .tlsa(&[(1, 1, 1, Of::Stale), (3, 1, 1, Of::Other)])
        .gives(Deferred),
    // Rollover and digest agility (RFC 7671 §8.1, §9).
    Destination::of("rollover.secure.example", Stale)
        .tlsa(&[(3, 1, 1, Of::Other), (3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    Destination::of("agility.secure.example", Stale)
        .tlsa(&[(3, 1, 2, Of::Other), (3, 1, 1, Of::Stale)])
        .gives(Deferred),
    Destination::of("agility-apart.secure.example", Stale)
        .tlsa(&[(3, 0, 2, Of::Other), (3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    // No records, which is proven (RFC 7672 §2.2).
    Destination::of("none.secure.example", Stale).gives(Encrypted),
    Destination::of("none-plain.secure.example", Plain).gives(Clear),
    Destination::of("nsec3.example", Stale).gives(Encrypted),
    Destination::of("nsec3-plain.nsec3.example", Plain).gives(Clear),
    // No MX record (RFC 7672 §2.2.2).
    Destination::of("no-mx.secure.example", Stale)
        .mx(Mx::Absent)
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    // A mail host that is an alias (RFC 7672 §2.2.2, §2.2.3).
    Destination::of("alias.secure.example", Stale)
        .alias_of("host.alias.secure.example")
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    Destination::of("alias-own.secure.example", Stale)
        .alias_of("host.alias-own.secure.example")
        .base("mx.alias-own.secure.example")
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    Destination::of("alias-insecure.secure.example", Stale)
        .alias_of("host.alias-insecure.insecure.example")
        .tlsa(&[(3, 1, 1, Of::Other)])
        .gives(Encrypted),
    Destination::of("alias-half.secure.example", Stale)
        .alias_of("host.alias-half.insecure.example")
        .base("mx.alias-half.secure.example")
        .tlsa(&[(3, 1, 1, Of::Other)])
        .gives(Deferred),
    // Proven to be without signatures (RFC 7672 §2.2.1, §2.2.2).
    Destination::of("mx.insecure.example", Stale)
        .mx(Mx::At("mx.for-insecure.secure.example"))
        .tlsa(&[(3, 1, 1, Of::Other)])
        .gives(Encrypted)
        .but_postfix(
            Verdict::Refused,
            "RFC 7672 §2.2.1 leaves it open what becomes of a signed host that unsigned MX records \
             name; Postfix holds it to its TLSA records (smtp_tls_dane_insecure_mx_policy)",
        ),
    Destination::of("host-insecure.secure.example", Stale)
        .mx(Mx::At("mx.host-insecure.insecure.example"))
        .tlsa(&[(3, 1, 1, Of::Other)])
        .gives(Encrypted),
    Destination::of("plain.insecure.example", Plain).gives(Clear),
    Destination::of("inner.insecure.example", Stale).gives(Encrypted),
    // Bogus, or without an answer (RFC 7672 §2.1).
    Destination::of(EXPIRED, Plain).gives(Deferred),
    Destination::of(OTHER_KEY, Plain).gives(Deferred),
    Destination::of(FORGED, Plain).gives(Deferred),
    Destination::of(LOST, Plain).gives(Deferred),
    Destination::of("host-expired.secure.example", Plain)
        .mx(Mx::At("mx.host-expired.expired.example"))
        .gives(Deferred),
    Destination::of("passed-over.secure.example", Stale)
        .mx(Mx::After("mx.host-expired.expired.example"))
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Authenticated),
    Destination::of("expired-tlsa.secure.example", Plain)
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Deferred),
    Destination::of("lost-tlsa.secure.example", Plain)
        .tlsa(&[(3, 1, 1, Of::Stale)])
        .gives(Deferred),
];

/// Usages 0 and 1, a selector, a matching type and a usage that nobody knows.
const UNUSABLE: [Tlsa; 5] = [
    (0, 0, 1, Of::Authority),
    (1, 1, 1, Of::Other),
    (3, 9, 1, Of::Other),
    (3, 1, 9, Of::Other),
    (9, 1, 1, Of::Other),
];
