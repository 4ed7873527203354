//! posttls-finger: what Postfix's own client makes of a destination.
//!
//! It asks the resolver of `/etc/resolv.conf`. So it runs in a mount namespace of its own, in which
//! another file lies over that one; nobody else sees it.

use std::net::SocketAddr;

use crate::fault::Fault;
use crate::home::{Home, write_aged};
use crate::programs::{self, Program};

/// How far a channel was trusted (Postfix, TLS_README), or why there was none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The certificate is the destination's.
    Verified,
    /// The certificate leads to a trusted authority, but is not known to be the destination's.
    Trusted,
    /// TLS with a certificate that proves nothing.
    Untrusted,
    /// TLS without a certificate.
    Anonymous,
    /// A session in clear.
    Clear,
    /// No session, or none over which Postfix would hand mail over.
    Refused,
}

/// What it found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// All that it said.
    pub transcript: String,
}

/// Has the hosts of `domain` tried at level `dane`, with every name looked up at `resolver`, which
/// must listen on port 53.
pub fn judge(domain: &str, resolver: SocketAddr) -> Result<Finding, Fault> {
    let home = Home::new("finger")?;
    // trust-ad: without it the C library hides which answers the resolver has validated.
    let resolv = format!(
        "nameserver {}\noptions trust-ad edns0 attempts:1\n",
        resolver.ip()
    );
    let resolv = home.write("resolv.conf", resolv)?;
    let main = "compatibility_level = 3.6\ninet_protocols = ipv4\n";
    write_aged(&home.path().join("main.cf"), main)?;
    write_aged(&home.path().join("master.cf"), "")?;
    let finger = Program::PosttlsFinger.find()?;
    let script = "mount --bind \"$1\" /etc/resolv.conf && exec \"$2\" -t 30 -T 60 -c \
                  -L verbose,summary -l dane \"$3\"";
    let mut command = programs::bounded(&Program::Unshare.find()?);
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(resolv).arg(finger).arg(domain);
    let output = programs::run_anyhow(command.env("MAIL_CONFIG", home.path()))?;
    let transcript = programs::both(&output);
    Ok(Finding {
        verdict: verdict(&transcript),
        transcript,
    })
}

/// What the transcript amounts to. The program itself reports a channel and leaves the judgement to
/// the reader: where signed TLSA records were found, Postfix hands nothing over in clear, nor to a
/// host whose certificate did not match the records it can use.
fn verdict(transcript: &str) -> Verdict {
    let said = |text: &str| transcript.contains(text);
    let channel = |word: &str| said(&format!("{word} TLS connection established to"));
    let failures = [
        "Destination address lookup failed",
        "Failed to establish session",
        "STARTTLS rejected",
    ];
    if failures.into_iter().any(said) {
        return Verdict::Refused;
    }
    let demanded = said("DNSSEC-signed TLSA record");
    if demanded && said("server certificate verification failed") {
        return Verdict::Refused;
    }
    let known = [
        ("Verified", Verdict::Verified),
        ("Trusted", Verdict::Trusted),
        ("Untrusted", Verdict::Untrusted),
        ("Anonymous", Verdict::Anonymous),
    ];
    match known.into_iter().find(|(word, _)| channel(word)) {
        Some((_, verdict)) => verdict,
        None if demanded => Verdict::Refused,
        None => Verdict::Clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcripts_are_understood() {
        let signed = "DNSSEC-signed TLSA record: _25._tcp.mx.example: 3 1 1 AB";
        let untrusted = "Untrusted TLS connection established to mx.example";
        let mismatch = "server certificate verification failed for mx.example: num=65";
        for (lines, expected) in [
            (
                vec![signed, "Verified TLS connection established to mx"],
                Verdict::Verified,
            ),
            (vec![signed, mismatch, untrusted], Verdict::Refused),
            (vec![signed, untrusted], Verdict::Untrusted),
            (vec![untrusted], Verdict::Untrusted),
            (vec![signed], Verdict::Refused),
            (
                vec!["initializing the client-side TLS engine"],
                Verdict::Clear,
            ),
            (
                vec!["Destination address lookup failed: try again"],
                Verdict::Refused,
            ),
        ] {
            assert_eq!(verdict(&lines.join("\n")), expected, "{lines:?}");
        }
    }
}
