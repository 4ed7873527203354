//! TLSA records for the certificates of the tests (RFC 6698 §2.1, RFC 7672 §3.1).

use aws_lc_rs::digest::{SHA256, SHA512, digest};

use crate::certificates::{Authority, Credentials};

/// What a record is about: a certificate and the key in it, both in DER.
pub trait Associated {
    /// The certificate.
    fn certificate_der(&self) -> &[u8];
    /// Its SubjectPublicKeyInfo.
    fn spki_der(&self) -> &[u8];
}

/// The data of a TLSA record in the form of zone files, such as `3 1 1 ab12…`.
///
/// Selectors and matching types that mean nothing are written all the same, over the digest that
/// would be the obvious one: a record that nobody can use.
pub fn tlsa(usage: u8, selector: u8, matching: u8, of: &impl Associated) -> String {
    let selected = match selector {
        0 => of.certificate_der(),
        _ => of.spki_der(),
    };
    let association = match matching {
        0 => selected.to_vec(),
        2 => digest(&SHA512, selected).as_ref().to_vec(),
        _ => digest(&SHA256, selected).as_ref().to_vec(),
    };
    format!("{usage} {selector} {matching} {}", hex(&association))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

impl Associated for Credentials {
    fn certificate_der(&self) -> &[u8] {
        self.der()
    }

    fn spki_der(&self) -> &[u8] {
        self.spki()
    }
}

impl Associated for Authority {
    fn certificate_der(&self) -> &[u8] {
        self.der()
    }

    fn spki_der(&self) -> &[u8] {
        self.spki()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Associated for Fixed {
        fn certificate_der(&self) -> &[u8] {
            b"certificate"
        }

        fn spki_der(&self) -> &[u8] {
            b"abc"
        }
    }

    #[test]
    fn records_are_written_as_zone_files_write_them() {
        // The digest of "abc" is the example of FIPS 180-4.
        assert_eq!(
            tlsa(3, 1, 1, &Fixed),
            "3 1 1 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(tlsa(2, 0, 0, &Fixed), "2 0 0 6365727469666963617465");
        assert!(tlsa(3, 1, 2, &Fixed).starts_with("3 1 2 ddaf35a193617aba"));
    }
}
