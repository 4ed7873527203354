//! Messages drawn at random, with what troubles canonical forms.

use fastrand::Rng;

/// A message by jo@example.org.
pub(crate) fn at_random(rng: &mut Rng) -> Vec<u8> {
    let mut letter = String::new();
    for field in fields(rng) {
        letter.push_str(&field);
        letter.push_str("\r\n");
    }
    letter.push_str("\r\n");
    for _ in 0..rng.u8(..12) {
        letter.push_str(line(rng));
        letter.push_str("\r\n");
    }
    // The end of the body is where canonical forms differ.
    for _ in 0..rng.u8(..4) {
        letter.push_str(["\r\n", " \r\n", "\t \r\n"][rng.usize(..3)]);
    }
    letter.into_bytes()
}

/// Names with white space behind them are left out: dkimpy takes no message that has any.
fn fields(rng: &mut Rng) -> Vec<String> {
    let mut fields = vec![
        [
            "From: Jo <jo@example.org>",
            "FROM:jo@example.org",
            "From:\r\n jo@example.org",
        ][rng.usize(..3)]
        .to_owned(),
        format!("Message-ID: <{}@example.org>", rng.u64(..)),
        "Date: Mon, 23 Nov 2026 12:00:00 +0000".to_owned(),
    ];
    const OTHERS: [&str; 7] = [
        "To: mo@example.net",
        "Subject: two  spaces,\ta tab and an end  ",
        "Subject:",
        "Subject: folded\r\n\t over\r\n  three lines",
        "MIME-Version: 1.0",
        "Content-Type: text/plain;\r\n charset=utf-8",
        "Received: from a by b; Mon, 23 Nov 2026 11:00:00 +0000",
    ];
    for other in OTHERS {
        if rng.bool() {
            fields.push(other.to_owned());
        }
    }
    rng.shuffle(&mut fields);
    fields
}

fn line(rng: &mut Rng) -> &'static str {
    const LINES: [&str; 9] = [
        "How are you?",
        "",
        " ",
        "\t\t",
        "two  spaces and an end \t",
        " a space first",
        ".",
        "..dots",
        "octets beyond ASCII: \u{e9}\u{1f600}",
    ];
    LINES[rng.usize(..LINES.len())]
}
