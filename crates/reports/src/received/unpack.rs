//! Unpacking, told by what the octets are and not by what they are called.

use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use super::{
    NotAReport,
    bounds::{MOST_FILES, MOST_RATIO, MOST_UNPACKED},
};

/// Small things may be packed well.
const LEAST: usize = 64 << 10;

/// What may be a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unpacked {
    Xml(Vec<u8>),
    Json(Vec<u8>),
    Neither,
}

/// Unpacks once: what is packed twice is a trap, or a mistake.
pub(super) fn unpack(octets: &[u8]) -> Result<Unpacked, NotAReport> {
    let plain = match octets {
        [0x1f, 0x8b, ..] => gzip(octets)?,
        [b'P', b'K', 3 | 5, ..] => zip(octets)?,
        _ if octets.len() > MOST_UNPACKED => return Err(NotAReport::TooLarge),
        _ => octets.to_vec(),
    };
    let text = plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&plain);
    Ok(match text.trim_ascii_start().first() {
        Some(b'<') => Unpacked::Xml(plain),
        Some(b'{') => Unpacked::Json(text.to_vec()),
        Some(_) | None => Unpacked::Neither,
    })
}

/// The first member; some programs write something behind it.
fn gzip(octets: &[u8]) -> Result<Vec<u8>, NotAReport> {
    bounded(GzDecoder::new(octets), octets.len())
}

/// The first file that is no directory.
fn zip(octets: &[u8]) -> Result<Vec<u8>, NotAReport> {
    let broken = |error: zip::result::ZipError| NotAReport::broken(&error);
    let mut archive = ZipArchive::new(Cursor::new(octets)).map_err(broken)?;
    if archive.len() > MOST_FILES {
        return Err(NotAReport::Trap("the archive has too many files"));
    }
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(broken)?;
        if file.is_file() {
            // What the archive says of its sizes is not believed.
            return bounded(file, octets.len());
        }
    }
    Err(NotAReport::None)
}

fn bounded(packed: impl Read, size: usize) -> Result<Vec<u8>, NotAReport> {
    let most = size.saturating_mul(MOST_RATIO).clamp(LEAST, MOST_UNPACKED);
    let mut plain = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    packed
        .take(bound)
        .read_to_end(&mut plain)
        .map_err(|error| NotAReport::broken(&error))?;
    match plain.len() > most {
        true => Err(NotAReport::Trap("it unpacks to too much")),
        false => Ok(plain),
    }
}
