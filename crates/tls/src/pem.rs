//! What is wrong with a file in PEM, in words: the library shows lines as lists of numbers.

use postern_mail::Foreign;
use rustls_pki_types::pem::Error;

/// Says what is wrong, with the text that is in the file where it belongs.
pub(crate) fn wrong_with(error: &Error) -> String {
    let shown = |octets: &[u8]| Foreign::new(&String::from_utf8_lossy(octets)).to_string();
    match error {
        Error::MissingSectionEnd { end_marker } => {
            format!("there is no line -----END {}-----", shown(end_marker))
        }
        Error::IllegalSectionStart { line } => {
            format!("a line is no beginning of a section: {}", shown(line))
        }
        // The enum may grow; what it says by itself is readable elsewhere.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_as_text() {
        let end_marker = b"CERTIFICATE".to_vec();
        assert_eq!(
            wrong_with(&Error::MissingSectionEnd { end_marker }),
            "there is no line -----END CERTIFICATE-----"
        );
        let line = b"-----BEGIN \x1b[2J".to_vec();
        let shown = wrong_with(&Error::IllegalSectionStart { line });
        assert!(shown.is_ascii() && !shown.contains('\u{1b}'), "{shown}");
    }
}
