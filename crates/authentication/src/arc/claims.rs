//! What a sealer says that DMARC said: the results in ARC-Authentication-Results
//! (RFC 8617 §4.1.1, RFC 8601 §2.2).

use postern_mail::Domain;

/// Whether these results say that DMARC passed for `author`. Where they name the author domain,
/// it must be this one: a message whose author was changed is not the one they speak of.
pub(super) fn dmarc_passed(results: &[u8], author: &Domain) -> bool {
    let text = String::from_utf8_lossy(results);
    let Some(plain) = without_comments(&text) else {
        return false;
    };
    let mut said = plain.split(';').filter_map(Said::read);
    // Several results for one method leave it open which counts.
    match (said.next(), said.next()) {
        (Some(said), None) => said.passed && said.author.is_none_or(|it| it == *author),
        (None, _) | (Some(_), Some(_)) => false,
    }
}

/// One `resinfo` for DMARC.
struct Said {
    passed: bool,
    author: Option<Domain>,
}

impl Said {
    /// `[CFWS] "dmarc" ["/" version] "=" result *( ptype "." property "=" pvalue )`
    fn read(part: &str) -> Option<Self> {
        let tokens = part.replace('=', " = ");
        let mut tokens = tokens.split_whitespace();
        let method = tokens.next()?.to_ascii_lowercase();
        let method = method.split('/').next()?;
        if method != "dmarc" || tokens.next()? != "=" {
            return None;
        }
        let passed = tokens.next()?.eq_ignore_ascii_case("pass");
        let rest: Vec<_> = tokens.collect();
        let named = rest.windows(3).find_map(|it| match it {
            [name, "=", value] if name.eq_ignore_ascii_case("header.from") => Some(*value),
            _ => None,
        });
        let author = named.map(|it| it.rsplit_once('@').map_or(it, |(_, domain)| domain).parse());
        match author {
            Some(Ok(author)) => Some(Self {
                passed,
                author: Some(author),
            }),
            Some(Err(_)) => Some(Self {
                passed: false,
                author: None,
            }),
            None => Some(Self {
                passed,
                author: None,
            }),
        }
    }
}

/// The text without comments, and with quoted strings as if they were not quoted; what could be
/// taken for the end of a result in them is left out. `None` where one has no end.
fn without_comments(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let (mut depth, mut quoted) = (0_usize, false);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' if quoted || depth > 0 => drop(rest.next()?),
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => {
                depth += 1;
                plain.push(' ');
            }
            ')' if !quoted => depth = depth.checked_sub(1)?,
            ';' | '=' if quoted => {}
            c if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    (depth == 0 && !quoted).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(results: &str, expected: bool) {
        let author = "author.example".parse().unwrap();
        assert_eq!(
            dmarc_passed(results.as_bytes(), &author),
            expected,
            "{results}"
        );
    }

    #[test]
    fn a_pass_for_this_author_counts() {
        check(
            "i=1; lists.example; dmarc=pass header.from=author.example",
            true,
        );
        check(
            "i=1; lists.example 1; spf=fail;\r\n\tDMARC/1 = Pass (p=reject)\r\n\theader.from=Author.Example",
            true,
        );
        check("i=1; lists.example; dmarc=pass", true);
        check(
            "i=1; lists.example; dmarc=pass header.from=\"author.example\"",
            true,
        );
    }

    #[test]
    fn all_else_does_not() {
        check("", false);
        check("i=1; lists.example; none", false);
        check(
            "i=1; lists.example; dmarc=fail header.from=author.example",
            false,
        );
        check(
            "i=1; lists.example; dmarc=pass header.from=other.example",
            false,
        );
        check(
            "i=1; lists.example; dmarc=pass header.from=no(domain",
            false,
        );
        check(
            "i=1; lists.example; spf=fail (; dmarc=pass header.from=author.example)",
            false,
        );
        check(
            "i=1; lists.example; spf=fail reason=\"; dmarc=pass\"",
            false,
        );
        check("i=1; lists.example; dmarc=pass; dmarc=fail", false);
        check("i=1; lists.example; x-dmarc=pass", false);
    }
}
