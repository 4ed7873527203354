use postern_mail::{EnhancedStatusCode, ReplyCode};
use postern_policy::Verdict;

use super::{
    outcome::{Enforcing, Outcome},
    *,
};

/// The story as it must be, but for what came of the scene of this number.
fn story(number: usize, happened: &Outcome) -> Vec<Played> {
    let scenes = SCENES.iter().zip(1..);
    let played = scenes.map(|(scene, at)| {
        let happened = if at == number {
            happened
        } else {
            &scene.expected
        };
        let seen = Seen {
            happened: happened.clone(),
            channel: None,
            reason: None,
            received: None,
        };
        Played::judge(at, scene, seen)
    });
    played.collect()
}

#[track_caller]
fn check(number: usize, happened: &Outcome, expected: Exit) {
    assert_eq!(verdict(&story(number, happened)), expected, "{happened:?}");
}

fn delivered(channel: Verdict, towards_us: Verdict, enforcing: Enforcing) -> Outcome {
    Outcome::Delivered {
        channel,
        towards_us,
        enforcing,
    }
}

#[test]
fn a_single_wrong_outcome_is_a_negative_finding() {
    use Verdict::{Authenticated, Encrypted, Plain};
    let otherwise = Outcome::Otherwise {
        what: "silence".to_owned(),
    };
    let nothing = Enforcing::ChangesNothing;
    for number in 1..=SCENES.len() {
        check(number, &otherwise, Exit::Negative);
    }
    check(
        1,
        &delivered(Authenticated, Authenticated, nothing),
        Exit::Fine,
    );
    check(
        1,
        &delivered(Authenticated, Encrypted, nothing),
        Exit::Negative,
    );
    check(
        1,
        &delivered(Encrypted, Authenticated, nothing),
        Exit::Negative,
    );
    check(2, &delivered(Encrypted, Encrypted, nothing), Exit::Negative);
    check(5, &delivered(Plain, Plain, nothing), Exit::Negative);
    check(6, &delivered(Encrypted, Encrypted, nothing), Exit::Negative);
    check(
        6,
        &delivered(Encrypted, Encrypted, Enforcing::WouldStopIt),
        Exit::Fine,
    );
}

#[test]
fn a_wrong_code_is_a_wrong_outcome() {
    let deferred = |detail| Outcome::Deferred {
        status: EnhancedStatusCode::transient(7, detail),
    };
    check(2, &deferred(5), Exit::Fine);
    check(2, &deferred(0), Exit::Negative);
    let refused = |code, status| Outcome::Refused { code, status };
    let need_tls = Some(EnhancedStatusCode::permanent(7, 10));
    check(8, &refused(ReplyCode::STARTTLS_FIRST, need_tls), Exit::Fine);
    check(
        8,
        &refused(ReplyCode::UNAVAILABLE, need_tls),
        Exit::Negative,
    );
    check(8, &refused(ReplyCode::STARTTLS_FIRST, None), Exit::Negative);
}

#[test]
fn a_story_that_was_not_played_proves_nothing() {
    assert_eq!(verdict(&[]), Exit::Negative);
}
