//! Alerts (RFC 8446 §6.2, RFC 5246 §7.2.2).

use std::fmt;

/// A fatal alert that a peer sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    pub(super) fn of(description: rustls::AlertDescription) -> Self {
        Self(description.into())
    }

    /// The number of the alert in the IANA registry "TLS Alerts".
    pub fn code(self) -> u8 {
        self.0
    }

    /// Whether the peer finds fault with the certificate that we showed or did not show. On
    /// TLS 1.3 a server's alert of this kind arrives when the client believes the handshake to
    /// be over.
    pub fn is_about_our_certificate(self) -> bool {
        matches!(self.0, 42..=46 | 48 | 49 | 116)
    }

    /// Its name in the registry and what an administrator may conclude from it.
    fn meaning(self) -> Option<(&'static str, &'static str)> {
        Some(match self.0 {
            0 => ("close_notify", "it closed the connection"),
            10 => ("unexpected_message", "it did not expect our message"),
            20 => ("bad_record_mac", "what it received was altered on the way"),
            22 => ("record_overflow", "it received a record that is too long"),
            40 => ("handshake_failure", "it accepts none of what we offered"),
            42 => ("bad_certificate", "it cannot read our certificate"),
            43 => (
                "unsupported_certificate",
                "it cannot use a certificate such as ours",
            ),
            44 => ("certificate_revoked", "it finds our certificate revoked"),
            45 => ("certificate_expired", "it finds our certificate expired"),
            46 => ("certificate_unknown", "it does not accept our certificate"),
            47 => ("illegal_parameter", "it finds our parameters inconsistent"),
            48 => (
                "unknown_ca",
                "it does not trust the issuer of our certificate",
            ),
            49 => (
                "access_denied",
                "it knows our certificate and does not let us in",
            ),
            50 => ("decode_error", "it cannot read our message"),
            51 => ("decrypt_error", "it cannot verify our signature"),
            70 => (
                "protocol_version",
                "it speaks none of the versions we offered",
            ),
            71 => (
                "insufficient_security",
                "it demands stronger ciphers than we offered",
            ),
            80 => ("internal_error", "it has a fault of its own"),
            86 => (
                "inappropriate_fallback",
                "it saw us fall back to an older version",
            ),
            90 => ("user_canceled", "somebody cancelled the handshake"),
            109 => ("missing_extension", "it misses an extension"),
            110 => ("unsupported_extension", "it does not know an extension"),
            112 => (
                "unrecognized_name",
                "it does not know the name we called it by",
            ),
            116 => ("certificate_required", "it demands a certificate of us"),
            120 => (
                "no_application_protocol",
                "it wants an application protocol",
            ),
            _ => return None,
        })
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            Some((name, meaning)) => write!(f, "{name} ({meaning})"),
            None => write!(f, "alert {}", self.0),
        }
    }
}
