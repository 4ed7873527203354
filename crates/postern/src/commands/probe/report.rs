//! A probe for people: what was known before, a table of what was dialled, and then each
//! connection.

use std::fmt;

use postern_mail::Foreign;
use postern_outbound::survey::{
    AddressProbe, Channel, Conformance, Finding, HostProbe, Judged, Outcome, Probe,
};

use crate::{
    commands::surveyed::{Surveyed, Verdict},
    output::{self, Table},
};

/// A probe in lines. What hosts say of themselves stays on its line.
pub(super) struct Report<'a>(pub(super) &'a Probe);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let probe = self.0;
        writeln!(f, "mail to {}", probe.survey.destination)?;
        write!(f, "{}", Surveyed(&probe.survey))?;
        if probe.hosts.is_empty() {
            return writeln!(f, "\nno host was dialled");
        }
        write!(f, "\n{}", table(probe))?;
        for host in &probe.hosts {
            for address in &host.addresses {
                writeln!(f, "\n{} at {}", host.host, address.address)?;
                details(f, address)?;
            }
        }
        Ok(())
    }
}

fn table(probe: &Probe) -> Table<7> {
    let head = [
        "HOST",
        "ADDRESS",
        "OUTCOME",
        "TLS",
        "SUITE",
        "GROUP",
        "DAYS LEFT",
    ];
    let mut table = Table::new(head);
    for host in &probe.hosts {
        if let Some(row) = not_dialled(host) {
            table.row(row);
        }
        for address in &host.addresses {
            table.row(row(host, address));
        }
    }
    table
}

fn not_dialled(host: &HostProbe) -> Option<[String; 7]> {
    let why = host.not_dialled.as_ref()?;
    let mut row: [String; 7] = std::array::from_fn(|_| "-".to_owned());
    let [name, _, outcome, ..] = &mut row;
    name.clone_from(&host.host);
    *outcome = format!("not dialled: {why}");
    Some(row)
}

fn row(host: &HostProbe, address: &AddressProbe) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let channel = address.channel.as_ref();
    [
        host.host.clone(),
        address.address.clone(),
        in_a_word(&address.outcome).to_owned(),
        or_dash(channel.map(|it| it.version.clone())),
        or_dash(channel.map(|it| it.suite.clone())),
        or_dash(channel.and_then(|it| it.group.clone())),
        or_dash(channel.and_then(days_left).map(|days| days.to_string())),
    ]
}

fn days_left(channel: &Channel) -> Option<i64> {
    let own = channel.certificates.first()?;
    Some(own.contents.as_ref()?.days_left)
}

/// What a delivery would have made of an address.
pub(super) fn in_a_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Permitted {
            if_enforced: Judged::Allowed,
            ..
        } => "permitted",
        Outcome::Permitted { .. } => "permitted, not if enforced",
        Outcome::Refused { .. } => "refused",
        Outcome::Failed { .. } => "failed",
    }
}

fn details(f: &mut fmt::Formatter<'_>, address: &AddressProbe) -> fmt::Result {
    let mut line = |name: &str, value: &str| writeln!(f, "  {name:<12} {}", Foreign::new(value));
    match &address.outcome {
        Outcome::Permitted {
            basis,
            identity,
            if_enforced,
        } => {
            line("permitted", basis)?;
            if let Some(identity) = identity {
                line("identity", identity)?;
            }
            if *if_enforced != Judged::Allowed {
                let verdict = Verdict(if_enforced, "permitted").to_string();
                line("if enforced", &verdict)?;
            }
        }
        Outcome::Refused { reason, status } => line("REFUSED", &format!("{status} {reason}"))?,
        Outcome::Failed { reason, status } => line("FAILED", &format!("{status} {reason}"))?,
    }
    for link in &address.connections {
        let hello = link.hello.map(|hello| format!("{hello} hello: "));
        line(
            "connection",
            &format!("{}{}", hello.unwrap_or_default(), link.security),
        )?;
    }
    if let Some(channel) = &address.channel {
        certificates(&mut line, channel)?;
    }
    for rule in &address.rules {
        let verdict = match (&rule.met, &rule.refused) {
            (_, Some(reason)) => format!("{}: NOT MET: {reason}", rule.source),
            (Some(basis), None) => format!("{}: met: {basis}", rule.source),
            (None, None) => rule.source.to_string(),
        };
        line("rule", &verdict)?;
    }
    line(
        "in clear",
        &output::list(&address.offered_in_clear, "nothing"),
    )?;
    // What goes on in clear is offered nothing else.
    if let (Some(offered), Some(_)) = (&address.offered, &address.channel) {
        line("under TLS", &output::list(offered, "nothing"))?;
    }
    match &address.conformance {
        Some(conformance) => write!(f, "\n{}", Conforming(conformance)),
        None => Ok(()),
    }
}

fn certificates(line: &mut dyn FnMut(&str, &str) -> fmt::Result, channel: &Channel) -> fmt::Result {
    for (at, certificate) in channel.certificates.iter().enumerate() {
        let name = if at == 0 {
            "certificate"
        } else {
            "  issued by"
        };
        let Some(contents) = &certificate.contents else {
            let text = format!("cannot be read; SHA-256 {}", certificate.fingerprint);
            line(name, &text)?;
            continue;
        };
        line(name, &contents.subject)?;
        if at == 0 {
            line("  for", &output::list(&contents.names, "no host name"))?;
            line("  by", &contents.issuer)?;
            line(
                "  key",
                &format!("{}, pin {}", contents.key, contents.spki_pin),
            )?;
        }
        let end = format!(
            "{}, {} days from now",
            contents.not_after, contents.days_left
        );
        line("  ends", &end)?;
    }
    if let Some(unproven) = &channel.unproven {
        line("  UNPROVEN", unproven)?;
    }
    match &channel.own_certificate {
        Some(own) => line("shown", &format!("our certificate {own}")),
        None => Ok(()),
    }
}

/// How a handshake stands to a profile.
struct Conforming<'a>(&'a Conformance);

impl fmt::Display for Conforming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Conformance {
            profile,
            verdict,
            findings,
        } = self.0;
        writeln!(f, "profile {profile}: {verdict}")?;
        let mut table = Table::new(["CRITERION", "STANDING", "FOUND"]);
        for finding in findings {
            table.row([
                finding.criterion.clone(),
                finding.standing.clone(),
                finding.found.clone(),
            ]);
        }
        write!(f, "{table}")?;
        for finding in findings.iter().filter(|it| deviates(it)) {
            let Finding {
                criterion,
                demanded,
                source,
                ..
            } = finding;
            let why = finding.why.as_ref().map(|why| format!(": {why}"));
            let why = why.unwrap_or_default();
            writeln!(f, "{criterion} should be {demanded}{why} ({source})")?;
        }
        Ok(())
    }
}

/// Whether there is something to be said against it.
fn deviates(finding: &Finding) -> bool {
    !matches!(finding.standing.as_str(), "met" | "not-applicable")
}
