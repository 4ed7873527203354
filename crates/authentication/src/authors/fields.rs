//! The `From` fields of a header, looked for with more suspicion than other fields.
//!
//! A line that is no field ends the header for us, as it does for Postfix. Many who show mail to
//! people pass over such a line and read on to the first empty one, and some take a first line
//! that begins with white space for a field. A `From` that anybody may find is found here.

/// What was found.
#[derive(Debug, Default)]
pub(super) struct FromFields {
    /// How many fields there are.
    pub(super) number: usize,
    /// Each as `From:` and its value, one after the other.
    pub(super) octets: Vec<u8>,
}

/// All that is kept of the values. A `From` field holds one mailbox as a rule; whoever needs more
/// than this for the authors does not want them read.
const MOST: usize = 16 * 1024;

/// The `From` fields before the first empty line.
pub(super) fn from(header: &[u8]) -> FromFields {
    let mut found = FromFields::default();
    let mut inside = false;
    for (at, line) in lines(header).enumerate() {
        let folded = at > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        if !folded {
            inside = false;
            if let Some(value) = value_of_from(line) {
                inside = true;
                found.number += 1;
                found.keep(b"From:");
                found.keep(value);
            }
        } else if inside {
            found.keep(line);
        }
    }
    found
}

impl FromFields {
    fn keep(&mut self, octets: &[u8]) {
        let room = MOST.saturating_sub(self.octets.len());
        self.octets
            .extend_from_slice(octets.get(..room).unwrap_or(octets));
    }
}

/// The lines up to the first empty one, with their ends. A CR alone ends a line for some readers.
fn lines(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    let next = std::iter::from_fn(move || {
        let end = rest.iter().position(|it| matches!(it, b'\r' | b'\n'))?;
        let length = match rest.get(end..)? {
            [b'\r', b'\n', ..] => end + 2,
            _ => end + 1,
        };
        let (line, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(line)
    });
    next.take_while(|line| !matches!(*line, b"\n" | b"\r\n"))
}

/// What stands behind the colon, if this line is a `From` field to anybody.
fn value_of_from(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    let is_noise = |octet: &u8| octet.is_ascii_whitespace() || octet.is_ascii_control();
    let name: Vec<u8> = name.iter().copied().filter(|it| !is_noise(it)).collect();
    name.eq_ignore_ascii_case(b"from")
        .then(|| value.get(1..).unwrap_or_default())
}
