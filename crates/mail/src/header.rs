//! Finding the fields of a message header (RFC 5322 §2.2), and no more than that.
//!
//! Content is passed on octet for octet, so nothing here decodes, unfolds or repairs: a field is
//! a range of the octets that came. Broken headers are common and must pass too, so the reader
//! never fails; a line that is no field ends the header, as it does for Postfix.

/// A field of a header: its name, and all its octets with folded lines and the last line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    name: &'a [u8],
    octets: &'a [u8],
}

impl<'a> Field<'a> {
    /// The name as it was written, without white space before the colon.
    pub fn name(&self) -> &'a [u8] {
        self.name
    }

    /// Whether the field has this name; case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The whole field, line ends included.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// What stands behind the colon, folded as it came, without white space around it.
    pub fn value(&self) -> &'a [u8] {
        let colon = self
            .octets
            .iter()
            .position(|octet| *octet == b':')
            .map_or(0, |at| at + 1);
        self.octets.get(colon..).unwrap_or_default().trim_ascii()
    }
}

/// The fields at the start of `content`, in their order.
///
/// ```
/// use postern_mail::header::fields;
///
/// let names: Vec<_> = fields(b"Subject: a\r\n b\r\nTo: c\r\n\r\nbody: no\r\n").map(|f| f.name()).collect();
/// assert_eq!(names, [b"Subject".as_slice(), b"To"]);
/// ```
pub fn fields(content: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let field = first_field(rest)?;
        rest = rest.get(field.octets.len()..).unwrap_or_default();
        Some(field)
    })
}

fn first_field(content: &[u8]) -> Option<Field<'_>> {
    let first_line = content.get(..line_length(content))?;
    let colon = first_line.iter().position(|octet| *octet == b':')?;
    let name = first_line.get(..colon)?.trim_ascii_end();
    // ftext of RFC 5322 §3.6.8: printable ASCII, no colon and no space.
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let mut end = first_line.len();
    while matches!(content.get(end), Some(b' ' | b'\t')) {
        end += line_length(content.get(end..)?);
    }
    Some(Field {
        name,
        octets: content.get(..end)?,
    })
}

/// The length of the first line with its line end; all octets where there is no line end.
fn line_length(octets: &[u8]) -> usize {
    octets
        .iter()
        .position(|octet| *octet == b'\n')
        .map_or(octets.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, expected: &[(&str, &str)]) {
        let found: Vec<_> = fields(content.as_bytes())
            .map(|field| {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                (text(field.name()), text(field.value()))
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(found, expected, "{content:?}");
    }

    #[test]
    fn fields_are_found() {
        check("", &[]);
        check("\r\nA: b\r\n", &[]);
        check("A: b\r\n\r\nC: d\r\n", &[("A", "b")]);
        check(
            "A: b\r\n  c\r\n\td\r\nE:f\r\n",
            &[("A", "b\r\n  c\r\n\td"), ("E", "f")],
        );
        check("A : b\r\n", &[("A", "b")]);
        check("A:\r\n", &[("A", "")]);
        check("A: no line end", &[("A", "no line end")]);
        check(" leading: continuation\r\n", &[]);
        check("A: b\r\nno field here\r\nC: d\r\n", &[("A", "b")]);
        check(": no name\r\n", &[]);
    }

    proptest! {
        #[test]
        fn fields_cover_the_header_without_gaps(content in "[A:\\r\\n b]{0,60}") {
            let total: usize = fields(content.as_bytes()).map(|field| field.octets().len()).sum();
            prop_assert!(total <= content.len());
            let joined: Vec<u8> = fields(content.as_bytes()).flat_map(|f| f.octets().to_vec()).collect();
            prop_assert_eq!(joined.as_slice(), &content.as_bytes()[..total]);
        }
    }
}
