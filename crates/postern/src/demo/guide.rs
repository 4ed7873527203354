//! What the user can try while the relay is up.

use std::fmt::Write as _;

use super::{configuration::Ports, home::Home};

/// Lines to copy into another terminal.
pub(super) fn guide(home: &Home, ports: &Ports) -> String {
    let program = std::env::args().next();
    let program = program.unwrap_or_else(|| "postern".to_owned());
    let file = |name: &str| home.file(name).display().to_string();
    let (mx, relay) = (ports.mx, ports.relay);
    let (chain, key) = (file("ministry-out.pem"), file("ministry-out.key"));
    let config = format!("\\\n      --config {}", home.configuration().display());
    let own = format!("swaks --server {relay} --from alice@example.org --to");
    let ministry = format!("swaks --server {mx} --from anna@ministry.example");
    let sections = [
        (
            format!("One of our own hosts writes to a partner, an impostor, a stranger ({relay}):"),
            vec![
                format!("{own} carol@ministry.example"),
                format!("{own} bob@bank.example"),
                format!("{own} anybody@any.example"),
            ],
        ),
        (
            format!("Somebody comes as the ministry, without and with its certificate ({mx}):"),
            vec![
                format!("{ministry} --to alice@example.org"),
                format!(
                    "{ministry} --to alice@example.org --tls \\\n      \
                     --tls-cert {chain} \\\n      --tls-key {key}"
                ),
            ],
        ),
        (
            "By hand:".to_owned(),
            vec![
                format!("telnet {} {}", mx.ip(), mx.port()),
                format!(
                    "openssl s_client -starttls smtp -crlf -quiet -connect {mx} \\\n      \
                     -cert {chain} \\\n      -key {key}"
                ),
            ],
        ),
        (
            "To look:".to_owned(),
            vec![
                format!("{program} queue list {config}"),
                format!("{program} queue show ID {config}"),
                format!("{program} explain --to bob@bank.example {config}"),
                format!("tail -f {}", home.log().display()),
            ],
        ),
    ];
    let mut text = String::from("\nThe relay stays up until Ctrl-C. In another terminal:\n");
    for (title, lines) in sections {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\n  {title}\n    {}", lines.join("\n    "));
    }
    text.push_str("\nWhat arrives anywhere is told here:\n\n");
    text
}
