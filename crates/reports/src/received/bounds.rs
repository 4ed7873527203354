//! What is looked at before anything is taken apart: libraries read on for as long as there is
//! something to read.

use quick_xml::{Reader, events::Event};

use super::NotAReport;

/// The most octets of a mail.
pub const MOST_MAIL: usize = 10 << 20;

/// The most lines of a mail. A full one in base64 has some 140,000.
pub const MOST_LINES: usize = 200_000;

/// The most octets of an unpacked report.
pub const MOST_UNPACKED: usize = 16 << 20;

/// How many times its packed size a report may have. Reports shrink to a twentieth, at times to a
/// fiftieth; gzip can do a thousandth.
pub const MOST_RATIO: usize = 200;

/// The most files of an archive. A report is one.
pub const MOST_FILES: usize = 8;

/// How deep elements may be nested. Those of a report are nested six deep, extensions aside.
pub const MOST_DEPTH: usize = 20;

/// The most records of a report, and the most objects of a JSON one.
pub const MOST_RECORDS: usize = 20_000;

/// The most values of a JSON report: each takes some hundred octets of memory while it is read, a
/// text of no letters as well.
const MOST_VALUES: usize = 10 * MOST_RECORDS;

/// The most elements of a report: some thirty for each record.
const MOST_ELEMENTS: usize = 30 * MOST_RECORDS;

/// The mail as a whole.
pub(super) fn check_mail(content: &[u8]) -> Result<(), NotAReport> {
    if content.len() > MOST_MAIL {
        return Err(NotAReport::TooLarge);
    }
    let lines = content.iter().filter(|octet| **octet == b'\n').count();
    match lines > MOST_LINES {
        true => Err(NotAReport::TooLarge),
        false => Ok(()),
    }
}

/// The shape of XML, event by event, without keeping any of it.
pub(super) fn check_xml(xml: &[u8]) -> Result<(), NotAReport> {
    let mut reader = Reader::from_reader(xml);
    let mut depth = 0_usize;
    let mut elements = 0_usize;
    let mut records = 0_usize;
    let mut event = Vec::new();
    loop {
        event.clear();
        match reader.read_event_into(&mut event) {
            Ok(Event::Start(start)) => {
                depth += 1;
                elements += 1;
                records += usize::from(start.local_name().as_ref() == "record");
            }
            Ok(Event::Empty(_)) => elements += 1,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            // A document type is where entities are defined; no report has one.
            Ok(Event::DocType(_)) => return Err(NotAReport::Trap("it has a document type")),
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(NotAReport::broken(&error)),
        }
        if depth > MOST_DEPTH {
            return Err(NotAReport::Trap("its elements are nested too deeply"));
        }
        if elements > MOST_ELEMENTS || records > MOST_RECORDS {
            return Err(NotAReport::TooLarge);
        }
    }
}

/// The shape of JSON: braces and commas in texts count as well, and no report has so many. How
/// deep it is nested the library bounds.
pub(super) fn check_json(json: &[u8]) -> Result<(), NotAReport> {
    let (mut opened, mut values) = (0_usize, 0_usize);
    for octet in json {
        opened += usize::from(matches!(octet, b'{' | b'['));
        values += usize::from(*octet == b',');
    }
    match opened > MOST_RECORDS || values > MOST_VALUES {
        true => Err(NotAReport::TooLarge),
        false => Ok(()),
    }
}
