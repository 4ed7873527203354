//! Lists of tags, which DKIM, ARC and DMARC share (RFC 6376 §3.2).
//!
//! ```abnf
//! tag-list = tag-spec *( ";" tag-spec ) [ ";" ]
//! tag-spec = [FWS] tag-name [FWS] "=" [FWS] tag-value [FWS]
//! tag-name = ALPHA *( ALPHA / DIGIT / "_" )
//! ```

/// The tags of a list, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags<'a>(Vec<(&'a str, &'a str)>);

/// Why a text is no list of tags.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagsError {
    #[error("it is not text")]
    NotText,
    #[error("{0:?} is no tag")]
    NoTag(String),
    /// Readers would disagree about which one counts.
    #[error("the tag {0} stands there twice")]
    Twice(String),
}

impl<'a> Tags<'a> {
    pub(crate) fn parse(octets: &'a [u8]) -> Result<Self, TagsError> {
        let text = str::from_utf8(octets).map_err(|_| TagsError::NotText)?;
        if text.chars().any(|c| c.is_control() && !is_white(c)) {
            return Err(TagsError::NotText);
        }
        let mut tags: Vec<(&str, &str)> = Vec::new();
        let mut rest = text.split(';').peekable();
        while let Some(tag) = rest.next() {
            if rest.peek().is_none() && tag.trim_matches(is_white).is_empty() {
                break;
            }
            let no_tag = || TagsError::NoTag(tag.trim_matches(is_white).chars().take(20).collect());
            let (name, value) = tag.split_once('=').ok_or_else(no_tag)?;
            let name = name.trim_matches(is_white);
            if !is_name(name) {
                return Err(no_tag());
            }
            if tags.iter().any(|(known, _)| *known == name) {
                return Err(TagsError::Twice(name.to_owned()));
            }
            tags.push((name, value.trim_matches(is_white)));
        }
        Ok(Self(tags))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        let mut tags = self.0.iter();
        tags.find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// The name and value of the first tag.
    pub(crate) fn first(&self) -> Option<(&'a str, &'a str)> {
        self.0.first().copied()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// White space that may fold a value.
pub(crate) fn is_white(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Items of a list with colons between them, without white space.
pub(crate) fn items(value: &str) -> impl Iterator<Item = &str> {
    value.split(':').map(|item| item.trim_matches(is_white))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = Tags::parse(text.as_bytes()).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.0, expected, "{text:?}"),
            (found, expected) => {
                assert_eq!(found.err().as_deref(), expected.err(), "{text:?}");
            }
        }
    }

    #[test]
    fn a_list_is_read_or_refused() {
        check("", Ok(&[]));
        check("a=b", Ok(&[("a", "b")]));
        check(" a = b c ;\r\n\td=;", Ok(&[("a", "b c"), ("d", "")]));
        check("a=b; a=c", Err("the tag a stands there twice"));
        check("a=b; A=c", Ok(&[("a", "b"), ("A", "c")]));
        check("a=b;;c=d", Err("\"\" is no tag"));
        check("a", Err("\"a\" is no tag"));
        check("a b=c", Err("\"a b=c\" is no tag"));
        check("d=legit.test\0.evil.test", Err("it is not text"));
    }
}
