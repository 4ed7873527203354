//! The notice that a sender gets about a letter that is late (RFC 3464), as far as it is shown.

use super::{mailbox::Arrival, story::Letter};

/// Whether something that has arrived is a notice of delay about this letter.
pub(super) fn is_about(arrival: &Arrival, letter: Letter) -> bool {
    arrival.reverse_path == "<>"
        && arrival.forward_paths == [letter.reverse_path()]
        && field(arrival, "Action").as_deref() == Some("delayed")
        && field(arrival, "Final-Recipient") == Some(format!("rfc822; {}", letter.to))
}

/// The value of the first line that begins with this field's name.
pub(super) fn field(notice: &Arrival, name: &str) -> Option<String> {
    lines(notice).find_map(|line| {
        let value = line.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim().to_owned())
    })
}

/// What a person is shown of a notice: its subject, and what it says up to what can be done.
pub(super) fn excerpt(notice: &Arrival) -> Vec<String> {
    const MOST: usize = 24;
    let subject = field(notice, "Subject").unwrap_or_default();
    let text = lines(notice)
        .skip_while(|line| !line.starts_with("Content-Type: text/plain"))
        .skip_while(|line| !line.is_empty())
        .skip(1)
        .take_while(|line| !line.starts_with("What you can do") && !line.starts_with("--"));
    let mut excerpt = vec![format!("Subject: {subject}"), String::new()];
    excerpt.extend(text.take(MOST));
    while excerpt.last().is_some_and(String::is_empty) {
        excerpt.pop();
    }
    excerpt
}

fn lines(notice: &Arrival) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(&notice.head).into_owned();
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.into_iter()
}
