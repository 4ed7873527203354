//! `[[deny]]`: certificates and keys that are refused, whoever shows them.

use std::collections::BTreeMap;

use postern_policy::{Denied, DeniedCertificate};
use postern_tls::{CertificateSerial, SpkiPin};

use crate::{
    schema::{Key, Kind, Located, Notes, Occurs, Reported, Scalar, Section, Shown, Table, all},
    value::{SENTENCE, SPKI_PIN},
};

static SERIALS: Kind<CertificateSerial> = Kind {
    name: "serial number",
    right: "up to 40 hexadecimal digits, with or without colons between pairs, such as \"00:D4:3A\"",
    scalar: Scalar::Text(|text| {
        text.parse()
            .map_err(|error| format!("{text:?} is refused: {error}"))
    }),
};

static SPKI: Key<SpkiPin> = Key::optional(
    "spki",
    &SPKI_PIN,
    "`serial` says which certificate it is",
    r#""sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=""#,
    "The key that is refused, in whatever certificate it comes.",
);

static SERIAL: Key<CertificateSerial> = Key::optional(
    "serial",
    &SERIALS,
    "`spki` says which key it is",
    "",
    "The serial number of the certificate that is refused, as openssl prints it.",
)
.shown(Shown::InExample);

static ISSUER: Key<String> = Key::optional(
    "issuer",
    &SENTENCE,
    "whoever issued it",
    "",
    "Beside `serial`: a part of the issuer's name as Postern shows it, such as `CN=Ministry CA`. \
     Serial numbers are unique within one issuer only.",
)
.shown(Shown::InExample);

static REASON: Key<String> = Key::required(
    "reason",
    &SENTENCE,
    r#""stolen with a laptop, ticket 4711""#,
    "Why. It stands in logs, in the queue and in what senders are told.",
);

pub(crate) static DENY: Section = Section {
    name: "deny",
    occurs: Occurs::Often,
    doc: "A key or a certificate that is refused, whatever else speaks for it: in either \
          direction, at every stage, wherever it stands in the chain that a peer shows, on new \
          connections and, from the reload on, on those that are open. Give `spki` or `serial`.",
    keys: &[&SPKI.entry, &SERIAL.entry, &ISSUER.entry, &REASON.entry],
    sections: &[],
    not_yet: &[],
    commented: true,
    example: Some(
        r#"# A certificate by its number:
[[deny]]
serial = "00:D4:3A"
issuer = "CN=Ministry CA"
reason = "issued by mistake, ticket 4712""#,
    ),
};

/// What is refused.
pub(crate) fn read(root: &Table<'_>) -> Result<Vec<Denied>, Reported> {
    let tables = root.sections(&DENY);
    let denied = all(tables.iter().map(one))?;
    refuse_repetition(root.notes(), &denied);
    Ok(denied.into_iter().map(|denied| denied.value).collect())
}

fn one(table: &Table<'_>) -> Result<Located<Denied>, Reported> {
    let spki = table.maybe(&SPKI);
    let serial = table.maybe(&SERIAL);
    let issuer = table.maybe(&ISSUER);
    let reason = table.one(&REASON);
    let (spki, serial, issuer) = (spki?, serial?, issuer?);
    let notes = table.notes();
    if let (Some(issuer), None) = (&issuer, &serial) {
        let right = "give the serial as well, or remove the key";
        return Err(notes.error(&issuer.spot, "has an effect only beside serial", right));
    }
    let what = match (spki, serial) {
        (Some(pin), None) => DeniedCertificate::Key(pin.value),
        (None, Some(serial)) => DeniedCertificate::Serial {
            serial: serial.value,
            issuer: issuer.map(|issuer| issuer.value.into()),
        },
        (Some(_), Some(serial)) => {
            let right = "write one [[deny]] for the key and one for the certificate";
            return Err(notes.error(&serial.spot, "stands beside spki", right));
        }
        (None, None) => {
            let right = "give the key as spki, or the certificate as serial";
            return Err(notes.error(table.spot(), "does not say what is refused", right));
        }
    };
    let reason = reason?.value.into();
    Ok(Located {
        value: Denied { what, reason },
        spot: table.spot().clone(),
    })
}

fn refuse_repetition(notes: &Notes<'_>, denied: &[Located<Denied>]) {
    let mut seen = BTreeMap::new();
    for Located { value, spot } in denied {
        let line = notes.position(spot.offset).line;
        if let Some(line) = seen.insert(format!("{:?}", value.what), line) {
            let wrong = format_args!("refuses what line {line} refuses already");
            notes.error(spot, wrong, "keep one of the two");
        }
    }
}
