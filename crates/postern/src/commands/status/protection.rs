//! What protects mail, and what does not, for people: a line for each thing that is there.

use std::time::SystemTime;

use postern_admin::{
    DnsStatus, MtaStsStatus, PlaintextStatus, ProtectionStatus, Timestamp, TlsSessionsStatus,
};

use crate::{
    commands::partner::{broken, revocation},
    words,
};

/// Lines with their names.
pub(super) fn lines(protection: &ProtectionStatus) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    for entry in &protection.break_glass {
        lines.push((
            "break-glass",
            format!("{}: {}", entry.partner, broken(entry)),
        ));
    }
    lines.push(("dns", dns(&protection.dns, SystemTime::now())));
    lines.extend(mta_sts(protection.mta_sts.as_ref()));
    for place in &protection.own_policy {
        lines.push(("own policy", place.clone()));
    }
    for list in &protection.revocation {
        lines.push(("revocation", revocation(list)));
    }
    if protection.denied > 0 {
        let text = format!("{} keys and certificates", protection.denied);
        lines.push(("denied", text));
    }
    lines.extend(sessions(&protection.tls_sessions));
    lines.extend(plaintext(&protection.plaintext));
    lines
}

fn dns(status: &DnsStatus, now: SystemTime) -> String {
    // A clock that was set back makes it just now.
    let ago = |tested: &Timestamp| {
        let ago = now.duration_since(tested.system_time());
        words::duration(ago.unwrap_or_default())
    };
    match status {
        DnsStatus::NotTested => "the name servers are being tested".to_owned(),
        DnsStatus::Good { text, tested } => format!("{text}; tested {} ago", ago(tested)),
        DnsStatus::Trouble { text, tested } => {
            format!("TROUBLE: {text}; tested {} ago", ago(tested))
        }
    }
}

fn mta_sts(status: Option<&MtaStsStatus>) -> Vec<(&'static str, String)> {
    const NAME: &str = "mta-sts";
    let Some(status) = status else {
        return vec![(NAME, "the policies of others are not honoured".to_owned())];
    };
    let MtaStsStatus {
        known,
        enforced,
        in_trouble,
        ..
    } = status;
    let counts = format!("{known} policies known, {enforced} enforced, trouble with {in_trouble}");
    let mut lines = vec![(NAME, counts)];
    for trouble in &status.troubles {
        let kept = if trouble.has_policy {
            "; the older policy counts"
        } else {
            ""
        };
        let text = format!(
            "{}, at {}: {}{kept}",
            trouble.domain, trouble.at, trouble.text
        );
        lines.push(("", text));
    }
    lines
}

fn sessions(status: &TlsSessionsStatus) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut name = "tls today";
    for count in &status.policies {
        let text = format!(
            "{}: {} sessions met it, {} did not",
            count.policy_type, count.successful, count.failed
        );
        lines.push((name, text));
        name = "";
    }
    for failure in &status.failures {
        let text = format!("{} of these {}", failure.sessions, failure.result_type);
        lines.push(("", text));
    }
    lines
}

fn plaintext(status: &PlaintextStatus) -> Vec<(&'static str, String)> {
    if status.messages == 0 {
        return vec![("clear today", "no message".to_owned())];
    }
    let counts = format!(
        "{} messages to {} destinations",
        status.messages, status.destinations
    );
    let mut lines = vec![("clear today", counts)];
    for cause in &status.most {
        let text = format!(
            "{} to {}: {}",
            cause.messages, cause.destination, cause.cause
        );
        lines.push(("", text));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_test_of_the_name_servers_has_an_age() {
        let now = SystemTime::now();
        let (text, tested) = (
            "good".to_owned(),
            (now - Duration::from_secs(12 * 60)).into(),
        );
        let told = dns(&DnsStatus::Good { text, tested }, now);
        assert!(told.starts_with("good; tested 12m0"), "{told}");
    }
}
