//! Names as rustls-webpki keeps them.

use x509_parser::{prelude::FromDer as _, x509::X509Name};

use crate::summary::shown;

/// A subject or an issuer for people, from the content of its SEQUENCE.
pub(crate) fn shown_name(content: &[u8]) -> String {
    let mut der = vec![0x30];
    match u16::try_from(content.len()).map(u16::to_be_bytes) {
        Ok([0, low @ 0..=127]) => der.push(low),
        Ok(length) => der.extend([&[0x82][..], &length].concat()),
        Err(_) => return "a name of more than 65535 octets".to_owned(),
    }
    der.extend_from_slice(content);
    X509Name::from_der(&der).map_or_else(
        |_| "a name that cannot be read".to_owned(),
        |(_, name)| shown(&name.to_string()),
    )
}
