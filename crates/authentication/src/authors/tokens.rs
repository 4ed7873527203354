//! What a `From` field is made of (RFC 5322 §3.2, §3.4).

/// What the domain of an address is made of (RFC 5322 §3.2.3, §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Atom(String),
    At,
    Dot,
    /// White space and comments, and the backslash before what it quotes.
    Space,
    /// A quotation, or any other special character.
    Other,
}

/// Whether quotations and comments hide what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// They do.
    Understood,
    /// They do not, and what can be in no name of a host ends one.
    Ignored,
}

/// The mailboxes and names of groups in a value; nothing where a quotation or comment has no end.
pub(super) fn mailboxes(value: &str) -> Option<Vec<&str>> {
    let mut mailboxes = Vec::new();
    let (mut rest, mut begin) = (value.chars(), 0);
    while let Some(c) = rest.next() {
        match c {
            '"' => skip_quotation(&mut rest)?,
            '(' => skip_comment(&mut rest)?,
            ',' | ';' | ':' => {
                let end = value.len() - rest.as_str().len();
                mailboxes.extend(value.get(begin..end));
                begin = end;
            }
            _ => {}
        }
    }
    mailboxes.extend(value.get(begin..));
    Some(mailboxes)
}

/// What stands behind each `@`, up to where it can be no domain any more.
pub(super) fn names_behind_ats(text: &str, quoting: Quoting) -> Vec<String> {
    let mut tokens = tokens(text, quoting);
    tokens.retain(|token| *token != Token::Space);
    let pieces = tokens.split(|token| *token == Token::At);
    pieces
        .skip(1)
        .map(|piece| name_of(piece, quoting))
        .collect()
}

/// `obs-domain = atom *("." atom)` (RFC 5322 §4.4), where white space may stand around the dots.
fn name_of(tokens: &[Token], quoting: Quoting) -> String {
    let mut name = String::new();
    for token in tokens {
        match token {
            Token::Atom(atom) if name.is_empty() || name.ends_with('.') => name.push_str(atom),
            Token::Dot if !name.is_empty() && !name.ends_with('.') => name.push('.'),
            Token::Dot | Token::Other if name.is_empty() && quoting == Quoting::Ignored => {}
            Token::Atom(_) | Token::Dot | Token::At | Token::Space | Token::Other => break,
        }
    }
    name
}

/// The tokens of a text. What has no end hides all that comes behind it.
fn tokens(text: &str, quoting: Quoting) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let token = match (c, quoting) {
            ('"', Quoting::Understood) => {
                let _has_an_end = skip_quotation(&mut rest);
                Token::Other
            }
            ('(', Quoting::Understood) => {
                let _has_an_end = skip_comment(&mut rest);
                Token::Space
            }
            // The wide and the small one look the same to people.
            ('@' | '\u{ff20}' | '\u{fe6b}', _) => Token::At,
            ('.', _) => Token::Dot,
            ('\\', _) => Token::Space,
            _ if c.is_whitespace() || c.is_control() => Token::Space,
            ('(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | ',' | '"', _) => Token::Other,
            (_, Quoting::Ignored) if !is_of_hosts(c) => Token::Other,
            (_, Quoting::Understood | Quoting::Ignored) => {
                if let Some(Token::Atom(atom)) = tokens.last_mut() {
                    atom.push(c);
                    continue;
                }
                Token::Atom(c.to_string())
            }
        };
        tokens.push(token);
    }
    tokens
}

/// Names in other scripts are for the domain itself to judge.
fn is_of_hosts(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || !c.is_ascii()
}

fn skip_quotation(rest: &mut std::str::Chars<'_>) -> Option<()> {
    loop {
        match rest.next()? {
            '"' => return Some(()),
            '\\' => drop(rest.next()?),
            _ => {}
        }
    }
}

/// Comments may hold comments (RFC 5322 §3.2.2).
fn skip_comment(rest: &mut std::str::Chars<'_>) -> Option<()> {
    let mut depth = 1_usize;
    while depth > 0 {
        match rest.next()? {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => drop(rest.next()?),
            _ => {}
        }
    }
    Some(())
}
