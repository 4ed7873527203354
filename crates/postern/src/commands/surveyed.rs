//! What the network said of a destination, for people.

use std::fmt;

use postern_outbound::survey::{
    AddressAnswer, BrokenGlass, Dane, HostSurvey, Judged, Mx, Sts, StsPolicyNote, Survey,
};
use postern_policy::Explanation;

use crate::words;

/// A survey in lines: what holds of the destination, and then each host.
pub(super) struct Surveyed<'a>(pub(super) &'a Survey);

impl fmt::Display for Surveyed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let survey = self.0;
        if let Some(broken) = &survey.break_glass {
            writeln!(f, "  glass     {}", Glass(broken))?;
        }
        if let Some(sts) = &survey.mta_sts {
            mta_sts(f, sts)?;
        }
        if let Some(mx) = &survey.mx {
            writeln!(f, "  mx        {}", Records(mx))?;
        }
        if let Some(trouble) = &survey.trouble {
            writeln!(f, "  TROUBLE   {trouble}")?;
        }
        if survey.hosts.is_empty() {
            write!(f, "\n{}", survey.requirement)?;
        }
        let mut told: Vec<(&Explanation, &str)> = Vec::new();
        for host in &survey.hosts {
            writeln!(f)?;
            head(f, host)?;
            let same = told.iter().find(|(other, _)| **other == host.requirement);
            match same {
                Some((_, name)) => writeln!(f, "what holds at {name} holds here")?,
                None => write!(f, "{}", host.requirement)?,
            }
            told.push((&host.requirement, &host.host));
        }
        Ok(())
    }
}

struct Glass<'a>(&'a BrokenGlass);

impl fmt::Display for Glass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = self.0;
        write!(
            f,
            "BROKEN until {}: {} will do, approved by {}: {}",
            broken.until,
            words::lowered(broken.allow),
            broken.approved_by,
            broken.reason
        )
    }
}

fn mta_sts(f: &mut fmt::Formatter<'_>, sts: &Sts) -> fmt::Result {
    match &sts.policy {
        None => writeln!(f, "  mta-sts   no policy")?,
        Some(policy) => {
            let StsPolicyNote {
                id,
                mode,
                mx,
                age,
                expires,
                ..
            } = policy;
            let age = words::seconds(*age);
            writeln!(
                f,
                "  mta-sts   mode {mode}, id {id}, fetched {age} ago, counts until {expires}"
            )?;
            writeln!(f, "            lists {}", mx.join(", "))?;
        }
    }
    match &sts.trouble {
        Some(trouble) => writeln!(f, "            {trouble}"),
        None => Ok(()),
    }
}

struct Records<'a>(&'a Mx);

impl fmt::Display for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mx = self.0;
        let what = if mx.implicit {
            "no records, so that the domain is its own host"
        } else {
            "records"
        };
        write!(f, "{what}: {}", mx.proof)?;
        times(f, mx.age, mx.valid_for)
    }
}

/// How old an answer is and how long it counts.
fn times(f: &mut fmt::Formatter<'_>, age: Option<u64>, valid_for: Option<u64>) -> fmt::Result {
    if let Some(age) = age {
        write!(f, ", {} old", words::seconds(age))?;
    }
    match valid_for {
        Some(left) => write!(f, ", counts for {} more", words::seconds(left)),
        None => Ok(()),
    }
}

/// What is known of a host, and what that comes to.
fn head(f: &mut fmt::Formatter<'_>, host: &HostSurvey) -> fmt::Result {
    writeln!(f, "host {} port {}", host.host, host.port)?;
    writeln!(f, "  found by  {}", host.provenance)?;
    match &host.address.trouble {
        Some(trouble) => writeln!(f, "  address   TROUBLE: {trouble}")?,
        None => writeln!(f, "  address   {}", host.address.usable.join(", "))?,
    }
    if let Some(answer) = &host.address.answer {
        let AddressAnswer {
            proof,
            aliases,
            age,
            valid_for,
        } = answer;
        write!(f, "            {proof}")?;
        times(f, *age, Some(*valid_for))?;
        writeln!(f)?;
        for alias in aliases {
            let (name, target) = (&alias.name, &alias.target);
            writeln!(
                f,
                "            {name} is an alias of {target}: {}",
                alias.proof
            )?;
        }
    }
    dane(f, &host.dane)?;
    if let Some(name) = &host.server_name {
        writeln!(f, "  sni       {name}")?;
    }
    writeln!(
        f,
        "  verdict   {}",
        Verdict(&host.dialled, "would be dialled")
    )?;
    if host.if_enforced != host.dialled {
        let verdict = Verdict(&host.if_enforced, "would be dialled");
        writeln!(f, "  enforced  {verdict}")?;
    }
    Ok(())
}

fn dane(f: &mut fmt::Formatter<'_>, dane: &Dane) -> fmt::Result {
    match dane {
        Dane::NotApplicable { reason } => writeln!(f, "  dane      does not apply: {reason}"),
        Dane::Absent => writeln!(f, "  dane      proven: there are no TLSA records"),
        Dane::Unknown { reason } => writeln!(f, "  dane      TROUBLE: {reason}"),
        Dane::Records { base, records } => {
            writeln!(f, "  dane      TLSA records of {base}")?;
            for note in records {
                match &note.unusable {
                    None => writeln!(f, "            {}", note.record)?,
                    Some(why) => writeln!(f, "            {}: not usable, {why}", note.record)?,
                }
            }
            Ok(())
        }
    }
}

/// A judgement in words.
pub(super) struct Verdict<'a>(pub(super) &'a Judged, pub(super) &'static str);

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Judged::Allowed => f.write_str(self.1),
            Judged::Refused { reason, status } => write!(f, "REFUSED with {status}: {reason}"),
        }
    }
}
