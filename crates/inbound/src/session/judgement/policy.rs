//! What follows from who wrote a message: what its author domain asks for, held against what the
//! listener is told to do about it.

use postern_authentication::{Disposition, Override};

use crate::{Done, Judgement, LetBe, Quarantine, deferrals::Patience};

/// What is done with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Decision {
    /// It is taken; nothing else is asked for.
    Take,
    /// It is taken though something else is asked for.
    LetBe(Leniency),
    /// It is taken and is under suspicion.
    Suspect {
        /// What becomes of it.
        way: Quarantine,
        /// What failed.
        reason: String,
    },
    /// It is refused.
    Refuse {
        /// What failed.
        reason: String,
    },
    /// It is refused because there is no author domain to ask.
    NoAuthor {
        /// What is wrong with the author.
        reason: String,
    },
    /// It is to come again.
    PutOff {
        /// What could not be found out.
        reason: String,
    },
}

/// Why something else is done than what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Leniency {
    /// Somebody who is trusted had it in hand.
    Overridden(Override),
    /// The author domain is a partner's, and the channel proved that the client is this partner.
    Proven,
    /// The listener does nothing but mark.
    Marked,
    /// It has been put off for long enough.
    PutOffEnough,
}

/// Who but the DNS says that the author domain sent the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voucher {
    /// The channel: the domain is that of the partner whom the client was proven to be.
    Channel,
    /// Nobody.
    None,
}

/// Decides. The table of what was put off is asked only where that matters, since to ask is to be
/// noted in it.
pub(super) fn decide(
    asked: Disposition,
    judgement: Judgement,
    voucher: Voucher,
    patience: impl FnOnce() -> Patience,
) -> Decision {
    match (asked, judgement) {
        (Disposition::Accept, _) | (_, Judgement::Off) => Decision::Take,
        (Disposition::Overridden(why), _) => Decision::LetBe(Leniency::Overridden(why)),
        _ if voucher == Voucher::Channel => Decision::LetBe(Leniency::Proven),
        (_, Judgement::Mark) => Decision::LetBe(Leniency::Marked),
        (Disposition::Quarantine { reason }, Judgement::Enforce(way)) => {
            Decision::Suspect { way, reason }
        }
        (Disposition::Reject { reason }, Judgement::Enforce(_)) => Decision::Refuse { reason },
        (Disposition::BadAuthor { reason }, Judgement::Enforce(_)) => Decision::NoAuthor { reason },
        (Disposition::Defer { reason }, Judgement::Enforce(_)) => match patience() {
            Patience::PutOff => Decision::PutOff { reason },
            Patience::Enough => Decision::LetBe(Leniency::PutOffEnough),
        },
    }
}

impl Decision {
    /// The same for whoever keeps account.
    pub(in crate::session) fn done(&self) -> Done<'_> {
        match self {
            Self::Take => Done::Taken,
            Self::LetBe(Leniency::Overridden(why)) => Done::LetBe(LetBe::Overridden(why)),
            Self::LetBe(Leniency::Proven) => Done::LetBe(LetBe::Proven),
            Self::LetBe(Leniency::Marked) => Done::LetBe(LetBe::Marked),
            Self::LetBe(Leniency::PutOffEnough) => Done::LetBe(LetBe::PutOffEnough),
            Self::Suspect { .. } => Done::Quarantined,
            Self::Refuse { .. } | Self::NoAuthor { .. } => Done::Refused,
            Self::PutOff { .. } => Done::PutOff,
        }
    }

    /// The word for it in the log.
    pub(in crate::session) fn word(&self) -> &'static str {
        match self {
            Self::Take => "taken",
            Self::LetBe(Leniency::Overridden(_)) => "overridden",
            Self::LetBe(Leniency::Proven) => "proven",
            Self::LetBe(Leniency::Marked) => "marked",
            Self::LetBe(Leniency::PutOffEnough) => "put_off_enough",
            Self::Suspect { .. } => "quarantined",
            Self::Refuse { .. } | Self::NoAuthor { .. } => "refused",
            Self::PutOff { .. } => "put_off",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENFORCE: Judgement = Judgement::Enforce(Quarantine::Hold);

    fn because() -> String {
        "because".to_owned()
    }

    fn overridden() -> Disposition {
        Disposition::Overridden(Override::TrustedSealer("lists.example".parse().unwrap()))
    }

    #[track_caller]
    fn check(asked: &Disposition, words: [&str; 3]) {
        let judgements = [Judgement::Off, Judgement::Mark, ENFORCE];
        for (judgement, word) in judgements.into_iter().zip(words) {
            let decide = |voucher| decide(asked.clone(), judgement, voucher, || Patience::PutOff);
            let vouched = decide(Voucher::Channel);
            assert!(matches!(vouched, Decision::Take | Decision::LetBe(_)));
            let decision = decide(Voucher::None);
            assert_eq!(decision.word(), word, "{asked:?}, {judgement:?}");
        }
    }

    #[test]
    fn what_is_asked_for_and_what_is_done() {
        let reason = because;
        let asked = |reason| Disposition::Reject { reason };
        check(&Disposition::Accept, ["taken", "taken", "taken"]);
        check(&overridden(), ["taken", "overridden", "overridden"]);
        check(&asked(reason()), ["taken", "marked", "refused"]);
        let asked = Disposition::Quarantine { reason: reason() };
        check(&asked, ["taken", "marked", "quarantined"]);
        let asked = Disposition::BadAuthor { reason: reason() };
        check(&asked, ["taken", "marked", "refused"]);
        let asked = Disposition::Defer { reason: reason() };
        check(&asked, ["taken", "marked", "put_off"]);
    }

    #[test]
    fn patience_is_asked_for_only_where_it_counts() {
        let never = || panic!("nobody asked");
        for asked in [Disposition::Accept, overridden()] {
            decide(asked, ENFORCE, Voucher::None, never);
        }
        let asked = || Disposition::Defer { reason: because() };
        decide(asked(), Judgement::Mark, Voucher::None, never);
        decide(asked(), ENFORCE, Voucher::Channel, never);
        assert_eq!(
            decide(asked(), ENFORCE, Voucher::None, || Patience::Enough),
            Decision::LetBe(Leniency::PutOffEnough)
        );
    }
}
