//! The canonical forms that signatures are made over: `relaxed` for the header (RFC 6376 §3.4.2)
//! and for the body (§3.4.4), empty lines at its end left out (§3.4.3).
//!
//! They are our own because those of mail-auth 0.13.3 are not quite those of the RFC: lines of
//! white space alone stay at the end of a body, and a form feed vanishes from a header. Bodies
//! that end in such lines are common, and others compute what the RFC says; of form feeds every
//! verifier makes something else. The tests show both.

#[cfg(test)]
mod tests;

/// Brings a body into its relaxed form, piece by piece: white space at the end of lines goes,
/// within a line it becomes one space, and empty lines at the end of the body go.
///
/// What may still turn out to be the end is counted rather than kept, so a body takes a few
/// octets of memory however many empty lines it has.
#[derive(Debug, Default)]
pub(crate) struct RelaxedBody {
    /// Line ends that are left out if nothing follows.
    line_ends: u64,
    /// White space that is left out if its line ends here.
    space: bool,
    /// A CR whose LF has not come yet.
    carriage_return: bool,
    /// Whether anything was given out, so that the body ends with a line end.
    begun: bool,
}

impl RelaxedBody {
    /// Gives to `canonical` what the next octets of the body come to.
    pub(crate) fn write(&mut self, octets: &[u8], canonical: &mut impl FnMut(&[u8])) {
        let mut rest = octets;
        while let Some((octet, behind)) = rest.split_first() {
            if self.carriage_return {
                self.carriage_return = false;
                if *octet == b'\n' {
                    self.end_line();
                    rest = behind;
                    continue;
                }
                self.flush(canonical);
                canonical(b"\r");
            }
            match octet {
                b'\r' => self.carriage_return = true,
                b' ' | b'\t' => self.space = true,
                _ => {
                    let text = text_length(rest);
                    self.flush(canonical);
                    let (text, after) = rest.split_at_checked(text).unwrap_or((rest, &[]));
                    canonical(text);
                    rest = after;
                    continue;
                }
            }
            rest = behind;
        }
    }

    /// The body is complete.
    pub(crate) fn finish(mut self, canonical: &mut impl FnMut(&[u8])) {
        if self.carriage_return {
            self.flush(canonical);
            canonical(b"\r");
        }
        if self.begun {
            canonical(b"\r\n");
        }
    }

    fn end_line(&mut self) {
        self.line_ends += 1;
        self.space = false;
    }

    /// Text follows what was held back.
    fn flush(&mut self, canonical: &mut impl FnMut(&[u8])) {
        for _ in 0..std::mem::take(&mut self.line_ends) {
            canonical(b"\r\n");
        }
        if std::mem::take(&mut self.space) {
            canonical(b" ");
        }
        self.begun = true;
    }
}

/// How many octets stand at the start of `octets` that are given out as they are, at least one.
/// A single space between words is among them, so that text is copied by the line.
fn text_length(octets: &[u8]) -> usize {
    let mut length = 1;
    while let Some(next) = octets.get(length) {
        length += match next {
            b'\r' | b'\t' => break,
            b' ' => match octets.get(length + 1) {
                Some(b' ' | b'\t' | b'\r') | None => break,
                Some(_) => 2,
            },
            _ => 1,
        };
    }
    length
}

/// Appends the relaxed form of a field: the name in lower case, the value on one line, white
/// space reduced to one space and none at either end, CRLF.
pub(crate) fn relaxed_field(field: &[u8], canonical: &mut Vec<u8>) {
    relaxed_unended(field, canonical);
    canonical.extend_from_slice(b"\r\n");
}

/// The same without the CRLF, as the field that carries the signature is signed
/// (RFC 6376 §3.7).
pub(crate) fn relaxed_unended(field: &[u8], canonical: &mut Vec<u8>) {
    let colon = field.iter().position(|octet| *octet == b':');
    let (name, value) = field
        .split_at_checked(colon.unwrap_or(field.len()))
        .unwrap_or((field, &[]));
    canonical.extend(name.trim_ascii_end().iter().map(u8::to_ascii_lowercase));
    canonical.push(b':');
    let value = value.strip_prefix(b":").unwrap_or(value);
    let words = value.split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            canonical.push(b' ');
        }
        canonical.extend_from_slice(word);
    }
}
