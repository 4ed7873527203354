//! What is tried in the demonstration, and what must come of it.

use postern_mail::{EnhancedStatusCode, ReplyCode};
use postern_policy::Verdict;

use super::{
    neighbours::Who,
    outcome::{Enforcing, Outcome},
};

/// Something that is tried.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) tried: &'static str,
    pub(super) act: Act,
    pub(super) expected: Outcome,
}

/// Who does what.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// A user of ours writes to somebody outside.
    Send(Letter, Who),
    /// Somebody brings mail to our listener for strangers.
    Bring(Letter, Caller),
    /// The relay tells a user of ours that this letter is late.
    Hear(Letter),
}

/// From whom to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

/// Who calls, and what it shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) dress: Dress,
}

/// How a caller secures its connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dress {
    /// Not at all, whatever is offered.
    InClear,
    /// By TLS without a certificate of its own.
    Anonymous,
    /// By TLS with this certificate, named by the stem of its files.
    Showing(&'static str),
}

/// The letter whose sender is told that it is late.
pub(super) const TO_IMPOSTOR: Letter = from_alice("bob@bank.example");

/// The story, in the order in which it is played.
pub(super) static SCENES: [Scene; 13] = [
    Scene {
        tried: "to a partner, both authenticated",
        act: Act::Send(from_alice("carol@ministry.example"), Who::Ministry),
        expected: Outcome::Delivered {
            channel: Verdict::Authenticated,
            towards_us: Verdict::Authenticated,
            enforcing: Enforcing::ChangesNothing,
        },
    },
    Scene {
        tried: "to an impostor at a partner's address",
        act: Act::Send(TO_IMPOSTOR, Who::Bank),
        expected: deferred(5),
    },
    Scene {
        tried: "to a partner, STARTTLS is stripped",
        act: Act::Send(from_alice("dora@clinic.example"), Who::Clinic),
        expected: deferred(10),
    },
    Scene {
        tried: "to a stranger without TLS",
        act: Act::Send(from_alice("eve@plain.example"), Who::Plain),
        expected: delivered(Verdict::Plain, Enforcing::ChangesNothing),
    },
    Scene {
        tried: "to a stranger, self-signed",
        act: Act::Send(from_alice("fay@selfsigned.example"), Who::SelfSigned),
        expected: delivered(Verdict::Encrypted, Enforcing::ChangesNothing),
    },
    Scene {
        tried: "to a partner, expired, only observed",
        act: Act::Send(from_alice("gil@supplier.example"), Who::Supplier),
        expected: delivered(Verdict::Encrypted, Enforcing::WouldStopIt),
    },
    Scene {
        tried: "from a partner, its certificate",
        act: Act::Bring(
            to_alice("anna@ministry.example"),
            ministry(Dress::Showing("ministry-out")),
        ),
        expected: Outcome::Accepted {
            channel: Verdict::Authenticated,
        },
    },
    Scene {
        tried: "from a partner, in clear",
        act: Act::Bring(to_alice("bert@ministry.example"), ministry(Dress::InClear)),
        expected: refused(ReplyCode::STARTTLS_FIRST, 10),
    },
    Scene {
        tried: "from a partner, no certificate",
        act: Act::Bring(
            to_alice("cleo@ministry.example"),
            ministry(Dress::Anonymous),
        ),
        expected: refused(ReplyCode::STARTTLS_FIRST, 0),
    },
    Scene {
        tried: "from a partner, another's certificate",
        act: Act::Bring(
            to_alice("dirk@ministry.example"),
            ministry(Dress::Showing("bank-out")),
        ),
        expected: refused(ReplyCode::UNAVAILABLE, 1),
    },
    Scene {
        tried: "from a stranger who wants to relay",
        act: Act::Bring(
            Letter {
                from: "spam@plain.example",
                to: "fay@selfsigned.example",
            },
            STRANGER,
        ),
        expected: refused(ReplyCode::UNAVAILABLE, 1),
    },
    Scene {
        tried: "from a stranger to us, in clear",
        act: Act::Bring(to_alice("eve@plain.example"), STRANGER),
        expected: Outcome::Accepted {
            channel: Verdict::Plain,
        },
    },
    Scene {
        tried: "is alice told about the impostor?",
        act: Act::Hear(TO_IMPOSTOR),
        expected: Outcome::Told {
            status: EnhancedStatusCode::transient(7, 5),
        },
    },
];

const STRANGER: Caller = Caller {
    name: "mail.plain.example",
    dress: Dress::InClear,
};

const fn ministry(dress: Dress) -> Caller {
    Caller {
        name: "out.ministry.example",
        dress,
    }
}

const fn from_alice(to: &'static str) -> Letter {
    Letter {
        from: "alice@example.org",
        to,
    }
}

const fn to_alice(from: &'static str) -> Letter {
    Letter {
        from,
        to: "alice@example.org",
    }
}

/// Nothing is proven either way.
const fn delivered(channel: Verdict, enforcing: Enforcing) -> Outcome {
    Outcome::Delivered {
        channel,
        towards_us: channel,
        enforcing,
    }
}

/// X.7.5 is a cryptographic failure, X.7.10 that encryption is needed (RFC 3463 §3.8, RFC 5248).
const fn deferred(detail: u16) -> Outcome {
    Outcome::Deferred {
        status: EnhancedStatusCode::transient(7, detail),
    }
}

const fn refused(code: ReplyCode, detail: u16) -> Outcome {
    Outcome::Refused {
        code,
        status: Some(EnhancedStatusCode::permanent(7, detail)),
    }
}
