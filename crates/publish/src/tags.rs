//! Lists of tags: `v=DKIM1; k=rsa; p=..` (RFC 6376 §3.2), as DMARC and TLSRPT have them too.

/// A list as it was written; names are kept in their spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags<'a>(Vec<(&'a str, &'a str)>);

/// Why a text is no list of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagsError {
    /// Octets beyond ASCII, or control characters.
    #[error("it is not plain text")]
    NotText,
    /// A part without `=`, or with something other than a name before it.
    #[error("{0:?} is not name=value")]
    Shape(String),
    /// A name stands twice.
    #[error("it has the tag {0} twice")]
    Twice(String),
}

impl<'a> Tags<'a> {
    /// Reads a list.
    ///
    /// ```text
    /// tag-list  = tag-spec *( ";" tag-spec ) [ ";" ]
    /// tag-spec  = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
    /// tag-name  = ALPHA *( ALPHA / DIGIT / "_" )
    /// ```
    pub(crate) fn parse(text: &'a [u8]) -> Result<Self, TagsError> {
        let text = std::str::from_utf8(text).map_err(|_| TagsError::NotText)?;
        let is_text = |c: char| c.is_ascii_graphic() || matches!(c, ' ' | '\t' | '\r' | '\n');
        if !text.chars().all(is_text) {
            return Err(TagsError::NotText);
        }
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let mut parts = text.split(';').peekable();
        while let Some(part) = parts.next() {
            if part.trim().is_empty() && parts.peek().is_none() {
                break;
            }
            let shape = || TagsError::Shape(part.trim().to_owned());
            let (name, value) = part.split_once('=').ok_or_else(shape)?;
            let (name, value) = (name.trim(), value.trim());
            if !is_name(name) {
                return Err(shape());
            }
            if tags.iter().any(|(other, _)| *other == name) {
                return Err(TagsError::Twice(name.to_owned()));
            }
            tags.push((name, value));
        }
        Ok(Self(tags))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| *value)
    }

    /// The name of the first tag.
    pub(crate) fn first(&self) -> Option<&'a str> {
        self.0.first().map(|(name, _)| *name)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
}

/// Whether a text is a record with this version, such as `v=DMARC1`: the version stands first, and
/// the end or a semicolon behind it.
pub(crate) fn has_version(text: &[u8], version: &str) -> bool {
    let text = String::from_utf8_lossy(text);
    let first = text.split(';').next().unwrap_or_default();
    let Some((name, value)) = first.split_once('=') else {
        return false;
    };
    name.trim() == "v" && value.trim() == version
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let tags = Tags::parse(b"v=DKIM1 ; k = rsa;\tp=AB CD=; ").unwrap();
        assert_eq!(tags.first(), Some("v"));
        assert_eq!(tags.value("k"), Some("rsa"));
        assert_eq!(tags.value("p"), Some("AB CD="));
        assert_eq!(tags.value("P"), None);
    }

    #[test]
    fn what_is_no_list_says_why() {
        let check = |text: &[u8], expected: &str| {
            assert_eq!(Tags::parse(text).unwrap_err().to_string(), expected);
        };
        check(b"v=DKIM1;; p=", "\"\" is not name=value");
        check(b"v=DKIM1; p", "\"p\" is not name=value");
        check(b"v=DKIM1; 1p=x", "\"1p=x\" is not name=value");
        check(b"p=a; p=b", "it has the tag p twice");
        check("p=\u{e9}".as_bytes(), "it is not plain text");
        check(b"p=\xff", "it is not plain text");
    }

    #[test]
    fn a_version_stands_first() {
        for (text, is) in [
            (&b"v=DMARC1"[..], true),
            (b"v = DMARC1 ;p=none", true),
            (b"p=none; v=DMARC1", false),
            (b"v=DMARC12", false),
            (b"v=dmarc1", false),
            (b"", false),
        ] {
            assert_eq!(has_version(text, "DMARC1"), is, "{text:?}");
        }
    }
}
