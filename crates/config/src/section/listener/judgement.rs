//! What follows where it shows that mail is not from whom it says.

use super::Written;
use crate::{
    schema::{Key, Kind, Located, Notes, Reported, Scalar},
    value::not_a_choice,
};

/// Whether mail of strangers is judged, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// What the author domain's policy asks for is done, and the results stand in the message.
    Enforce(Quarantine),
    /// The results stand in the message, and nothing follows.
    Mark,
    /// Nobody looks.
    Off,
}

/// What becomes of mail that the author domain's policy wants treated as suspicious.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quarantine {
    /// It is delivered with a field that says so.
    Mark,
    /// It stays in the queue until somebody releases it.
    Hold,
    /// It goes to [`Authentication::quarantine_next_hops`].
    ///
    /// [`Authentication::quarantine_next_hops`]: crate::Authentication::quarantine_next_hops
    Redirect,
}

/// What `authentication` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Enforce,
    Mark,
    Off,
}

static WORDS: Kind<Word> = Kind {
    name: "choice",
    right: "\"enforce\", \"mark\" or \"off\"",
    scalar: Scalar::Text(|text| match text {
        "enforce" => Ok(Word::Enforce),
        "mark" => Ok(Word::Mark),
        "off" => Ok(Word::Off),
        other => Err(not_a_choice(other)),
    }),
};

static QUARANTINES: Kind<Quarantine> = Kind {
    name: "choice",
    right: "\"mark\", \"hold\" or \"redirect\"",
    scalar: Scalar::Text(|text| match text {
        "mark" => Ok(Quarantine::Mark),
        "hold" => Ok(Quarantine::Hold),
        "redirect" => Ok(Quarantine::Redirect),
        other => Err(not_a_choice(other)),
    }),
};

pub(super) static AUTHENTICATION: Key<Word> = Key::defaulted(
    "authentication",
    &WORDS,
    r#""enforce""#,
    "What follows from the judgement of `[authentication]` over mail of strangers; `networks` of \
     role `relay` are not judged. `enforce`: mail is refused where the author domain's DMARC \
     policy asks for it, where it does not name exactly one author domain, and for a while where \
     the records cannot be asked for. `mark`: the results stand in the message, for whoever \
     reads it next. `off`: nobody looks.",
);

pub(super) static QUARANTINE: Key<Quarantine> = Key::optional(
    "quarantine",
    &QUARANTINES,
    "`mark`",
    r#""redirect""#,
    "With `authentication = \"enforce\"`: what becomes of mail that the author domain's DMARC \
     policy wants treated as suspicious. `mark`: it is delivered with a field that says so. \
     `hold`: it stays in the queue until somebody releases it. `redirect`: it goes to \
     `authentication.quarantine-next-hop`.",
);

impl Written {
    /// Whether anybody looks; so it is, too, where what was written is not right.
    pub(crate) fn judges(&self) -> bool {
        let word = self.authentication.as_ref();
        word.is_ok_and(|word| word.value != Word::Off) || word.is_err()
    }

    /// Where the listener sends suspicious mail to other hosts.
    pub(crate) fn redirects(&self) -> Option<&Located<Quarantine>> {
        let quarantine = self.quarantine.as_ref().ok()?.as_ref();
        quarantine.filter(|quarantine| quarantine.value == Quarantine::Redirect)
    }
}

/// What the two keys mean together; `is_mx` tells whether everybody who comes is a stranger.
pub(super) fn check(
    notes: &Notes<'_>,
    is_mx: bool,
    word: &Located<Word>,
    quarantine: Option<&Located<Quarantine>>,
) -> Result<Judgement, Reported> {
    if word.value == Word::Off && is_mx {
        notes.warn(
            &word.spot,
            "anybody can send in anybody's name, and nobody sees it",
            "write \"mark\" to begin with, and \"enforce\" when the marks are right",
        );
    }
    match (word.value, quarantine) {
        (Word::Enforce, quarantine) => {
            let what = quarantine.map_or(Quarantine::Mark, |quarantine| quarantine.value);
            Ok(Judgement::Enforce(what))
        }
        (Word::Mark, None) => Ok(Judgement::Mark),
        (Word::Off, None) => Ok(Judgement::Off),
        (Word::Mark | Word::Off, Some(quarantine)) => Err(notes.error(
            &quarantine.spot,
            "has an effect only with authentication = \"enforce\"",
            "write that, or remove the key",
        )),
    }
}
