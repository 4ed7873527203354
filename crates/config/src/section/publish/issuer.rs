//! Who may issue certificates, as CAA records name them.

use crate::value::domain;

/// `issuer-domain-name *( ";" parameter )` of RFC 8659 §4.2.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let name = name.trim();
    domain(name)?;
    let mut issuer = name.to_owned();
    for parameter in parameters.split(';').map(str::trim) {
        if parameter.is_empty() {
            continue;
        }
        let known = parameter.split_once('=').is_some_and(|(tag, value)| {
            let tag = tag.trim();
            let value = value.trim();
            !tag.is_empty()
                && tag.bytes().all(|octet| octet.is_ascii_alphanumeric())
                && value.bytes().all(is_plain)
        });
        if !known {
            return Err(format!(
                "{parameter:?} is no parameter such as \"tag=value\""
            ));
        }
        issuer.push_str("; ");
        issuer.push_str(parameter);
    }
    Ok(issuer)
}

/// What RFC 8659 §4.2 allows in a value, less what a zone file would have to escape: no parameter
/// there is needs that.
fn is_plain(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let expected = expected.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(issuer(text), expected, "{text}");
    }

    #[test]
    fn issuers_have_parameters() {
        check("letsencrypt.org", Ok("letsencrypt.org"));
        check(" ca.example ; ", Ok("ca.example"));
        check(
            "ca.example;validationmethods=dns-01 ;  a = b",
            Ok("ca.example; validationmethods=dns-01; a = b"),
        );
        let wrong = |what: &str| format!("{what:?} is no parameter such as \"tag=value\"");
        check("ca.example; policy", Err(&wrong("policy")));
        check("ca.example; =x", Err(&wrong("=x")));
        check("ca.example; a_b=x", Err(&wrong("a_b=x")));
        check("ca.example; a=x y", Err(&wrong("a=x y")));
        check("ca.example; a=\"", Err(&wrong("a=\"")));
        check("", Err("\"\" is refused: a domain must not be empty"));
    }
}
