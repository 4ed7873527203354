//! `[[break-glass]]`: exceptions from a partner's rule, short and accounted for.

use postern_policy::{BreakGlass, Direction, Lowered, Partner, PartnerName, Policy};
use postern_tls::Date;
use rustls_pki_types::UnixTime;

use super::partner::PARTNER_NAMES;
use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Table, all},
    value::{MOMENT, SENTENCE, not_a_choice},
};

/// The longest that an exception may last, in seconds: thirty days. What has to last longer is
/// no exception, and belongs into the partner's rule, where everybody sees it.
const LONGEST: u64 = 30 * 24 * 60 * 60;

/// What was written for an exception; whatever is not right was told and is absent.
pub(crate) struct Written<'a> {
    table: Table<'a>,
    partner: Result<Located<PartnerName>, Reported>,
    direction: Result<Option<Located<Direction>>, Reported>,
    allow: Result<Located<Lowered>, Reported>,
    reason: Result<Located<String>, Reported>,
    approved_by: Result<Located<String>, Reported>,
    until: Result<Located<UnixTime>, Reported>,
}

static DIRECTIONS: Kind<Direction> = Kind {
    name: "choice",
    right: "\"outbound\" or \"inbound\"",
    scalar: Scalar::Text(|text| match text {
        "outbound" => Ok(Direction::Outbound),
        "inbound" => Ok(Direction::Inbound),
        other => Err(not_a_choice(other)),
    }),
};

static LEVELS: Kind<Lowered> = Kind {
    name: "choice",
    right: "\"encrypted\" or \"any\"",
    scalar: Scalar::Text(|text| match text {
        "encrypted" => Ok(Lowered::Encrypted),
        "any" => Ok(Lowered::Any),
        other => Err(not_a_choice(other)),
    }),
};

static PARTNER: Key<PartnerName> = Key::required(
    "partner",
    &PARTNER_NAMES,
    r#""Ministry of Examples""#,
    "Whose rule it is: the `name` of a `[[partner]]`.",
);

static DIRECTION: Key<Direction> = Key::optional(
    "direction",
    &DIRECTIONS,
    "both",
    r#""outbound""#,
    "Which way the mail goes: `outbound`, to the partner, or `inbound`, from the partner.",
);

static ALLOW: Key<Lowered> = Key::required(
    "allow",
    &LEVELS,
    r#""encrypted""#,
    "What is still demanded. `encrypted`: TLS, with anybody. `any`: nothing.",
);

static REASON: Key<String> = Key::required(
    "reason",
    &SENTENCE,
    r#""their certificate expired over the weekend, ticket 4713""#,
    "Why. It stands in logs and explanations.",
);

static APPROVED_BY: Key<String> = Key::required(
    "approved-by",
    &SENTENCE,
    r#""J. Doe, security officer""#,
    "Who answers for it.",
);

static UNTIL: Key<UnixTime> = Key::required(
    "until",
    &MOMENT,
    r#""2026-11-30T18:00:00+01:00""#,
    "Until when, with the offset from UTC. After that the rule is in force again without anybody \
     doing anything. It may be at most 30 days ahead.",
);

pub(crate) static BREAK_GLASS: Section = Section {
    name: "break-glass",
    occurs: Occurs::Often,
    doc: "An exception from a partner's rule for a while, when mail must travel although the \
          partner cannot prove what the rule demands. It is the only thing that lowers a rule. \
          The rule is judged in full all the same, and each message that goes through because of \
          the exception is told in the log; `postern check` warns of it as long as it lasts.",
    keys: &[
        &PARTNER.entry,
        &DIRECTION.entry,
        &ALLOW.entry,
        &REASON.entry,
        &APPROVED_BY.entry,
        &UNTIL.entry,
    ],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: None,
};

pub(crate) fn read(table: Table<'_>) -> Written<'_> {
    Written {
        partner: table.one(&PARTNER),
        direction: table.maybe(&DIRECTION),
        allow: table.one(&ALLOW),
        reason: table.one(&REASON),
        approved_by: table.one(&APPROVED_BY),
        until: table.one(&UNTIL),
        table,
    }
}

/// The policy with these exceptions. `partners` are the names of all partners, unless one of them
/// is not known for sure.
pub(crate) fn apply(
    policy: Result<Policy, Reported>,
    written: Vec<Written<'_>>,
    partners: Option<&[PartnerName]>,
) -> Result<Policy, Reported> {
    let now = UnixTime::now();
    let entries = all(written.into_iter().map(|written| {
        let policy = policy.as_ref().ok();
        written.check(policy, partners, now)
    }));
    // A partner that there is not has been told.
    policy?
        .with_broken_glass(entries?)
        .map_err(|_errors| Reported)
}

impl Written<'_> {
    fn check(
        self,
        policy: Option<&Policy>,
        partners: Option<&[PartnerName]>,
        now: UnixTime,
    ) -> Result<BreakGlass, Reported> {
        let notes = self.table.notes();
        let partner = self
            .partner
            .and_then(|partner| check_partner(notes, partner, partners));
        let until = self
            .until
            .and_then(|until| check_end(notes, &until, now).map(|()| until));
        let (direction, allow) = (self.direction?, self.allow?);
        let (reason, approved_by) = (self.reason?, self.approved_by?);
        let (partner, until) = (partner?, until?);
        let entry = BreakGlass {
            partner: partner.value,
            direction: direction.map(|direction| direction.value),
            allow: allow.value,
            reason: reason.value.into(),
            approved_by: approved_by.value.into(),
            until: until.value,
        };
        if let Some(rule) = policy.and_then(|policy| policy.partner(&entry.partner)) {
            tell_effect(&self.table, &until, &entry, rule, now);
        }
        Ok(entry)
    }
}

fn check_partner(
    notes: &Notes<'_>,
    partner: Located<PartnerName>,
    partners: Option<&[PartnerName]>,
) -> Result<Located<PartnerName>, Reported> {
    match partners {
        Some(names) if !names.contains(&partner.value) => Err(notes.error(
            &partner.spot,
            format_args!("no [[partner]] has the name {:?}", partner.value.as_str()),
            "write the name as it stands there",
        )),
        Some(_) | None => Ok(partner),
    }
}

fn check_end(notes: &Notes<'_>, until: &Located<UnixTime>, now: UnixTime) -> Result<(), Reported> {
    if until.value.as_secs() > now.as_secs() + LONGEST {
        return Err(notes.error(
            &until.spot,
            format_args!("{} is more than 30 days ahead", Date(until.value)),
            "give an earlier end, or change the partner's rule",
        ));
    }
    Ok(())
}

/// Warns of an exception that is made, and of one that is none.
fn tell_effect(
    table: &Table<'_>,
    until: &Located<UnixTime>,
    entry: &BreakGlass,
    rule: &Partner,
    now: UnixTime,
) {
    let notes = table.notes();
    let over = until.value <= now;
    if over {
        let wrong = format_args!("ended on {}: the rule is in force again", Date(until.value));
        notes.warn(&until.spot, wrong, "remove the [[break-glass]]");
    } else if !rule.stage().stops_mail() {
        let wrong = format_args!(
            "has no effect: the rule of {} is at stage \"{}\"",
            entry.partner,
            rule.stage()
        );
        notes.warn(table.spot(), wrong, "remove the [[break-glass]]");
    } else if !directions(entry).any(|direction| is_lowered(rule, direction, entry.allow)) {
        let wrong = format_args!(
            "has no effect: the rule of {} demands no more than that",
            entry.partner
        );
        notes.warn(table.spot(), wrong, "remove the [[break-glass]]");
    } else {
        let wrong = format_args!(
            "until {} the rule of {} is not in force",
            Date(until.value),
            entry.partner
        );
        notes.warn(table.spot(), wrong, "remove it as soon as the partner can");
    }
}

fn directions(entry: &BreakGlass) -> impl Iterator<Item = Direction> {
    [Direction::Outbound, Direction::Inbound]
        .into_iter()
        .filter(|direction| entry.covers(*direction))
}

/// Whether the rule demands more in this direction than is left of it.
fn is_lowered(rule: &Partner, direction: Direction, allow: Lowered) -> bool {
    let require = match direction {
        Direction::Outbound => rule.outbound().require,
        Direction::Inbound => rule.inbound().require,
    };
    match allow {
        Lowered::Any => !require.accepts_plain(),
        // A profile goes with the rule as well.
        Lowered::Encrypted => {
            require.requires_authenticated_peer()
                || (!require.accepts_plain() && rule.profile().is_some())
        }
    }
}
