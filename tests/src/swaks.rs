//! swaks, the scriptable SMTP client.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::Home;
use crate::message::Message;
use crate::programs::{self, Program};
use crate::wait::PATIENCE;

/// How the connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Clear,
    /// By STARTTLS, or the session fails.
    StartTls,
    /// From the first octet.
    OnConnect,
}

/// A session to be run.
#[derive(Clone, Debug)]
pub struct Swaks {
    arguments: Vec<OsString>,
    recipients: Vec<String>,
}

/// A session that was run.
#[derive(Clone, Debug)]
pub struct Session {
    /// swaks's exit status: 0 when the server took the message, 2x by the command that was refused
    /// (23 MAIL, 24 every RCPT, 25 DATA, 26 content, 29 STARTTLS).
    pub status: Option<i32>,
    /// The whole dialogue.
    pub transcript: String,
}

impl Swaks {
    /// A session with `server`, in clear until said otherwise.
    pub fn with(server: SocketAddr) -> Self {
        let session = Self {
            arguments: Vec::new(),
            recipients: Vec::new(),
        };
        session
            .option("--server", server.ip().to_string())
            .option("--port", server.port().to_string())
            .option("--timeout", PATIENCE.as_secs().to_string())
            .option("--ehlo", "client.sender.example")
    }

    /// The reverse-path.
    #[must_use]
    pub fn from(self, mailbox: &str) -> Self {
        self.option("--from", mailbox)
    }

    /// One more forward-path.
    #[must_use]
    pub fn to(mut self, mailbox: &str) -> Self {
        self.recipients.push(mailbox.to_owned());
        self
    }

    /// How the connection is secured.
    #[must_use]
    pub fn tls(self, tls: Tls) -> Self {
        match tls {
            Tls::Clear => self,
            Tls::StartTls => self.flag("--tls"),
            Tls::OnConnect => self.flag("--tls-on-connect"),
        }
    }

    /// Shows this client certificate when asked.
    #[must_use]
    pub fn presenting(self, credentials: &Credentials) -> Self {
        self.option("--tls-cert", &credentials.chain)
            .option("--tls-key", &credentials.key)
    }

    /// Goes on only if the server's chain leads to this authority. Names are not checked: swaks
    /// does not.
    #[must_use]
    pub fn trusting(self, root: &Path) -> Self {
        self.flag("--tls-verify").option("--tls-ca-path", root)
    }

    /// Any other option of swaks with its value, such as `--ehlo` or `--tls-sni`.
    #[must_use]
    pub fn option(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.arguments.extend([name.into(), value.into()]);
        self
    }

    /// Any other option of swaks without a value, such as `--pipeline`.
    #[must_use]
    pub fn flag(mut self, name: &str) -> Self {
        self.arguments.push(name.into());
        self
    }

    /// Sends `message`, octet by octet.
    pub fn send(self, message: &Message) -> Result<Session, Fault> {
        let home = Home::new("swaks")?;
        let stuffed = message.dot_stuffed();
        // swaks ends what it sends with a CRLF of its own.
        let data = home.write("data", stuffed.strip_suffix(b"\r\n").unwrap_or(&stuffed))?;
        let mut file = OsString::from("@");
        file.push(data);
        // Without fix-up swaks sends the file as it is, and leaves dots and the end to us.
        self.flag("--no-data-fixup").option("--data", file).run()
    }

    /// Runs the session with whatever options it has.
    pub fn run(self) -> Result<Session, Fault> {
        let mut command = programs::bounded(&Program::Swaks.find()?);
        // Neither a developer's ~/.swaksrc nor SWAKS_OPT_ variables have a say.
        command.env_clear().arg("--config").args(self.arguments);
        command.arg("--to").arg(self.recipients.join(","));
        let output = programs::run_anyhow(&mut command)?;
        Ok(Session {
            status: output.status.code(),
            transcript: programs::both(&output),
        })
    }
}

impl Session {
    /// A fault, with the dialogue, unless the server took the message.
    pub fn accepted(&self) -> Result<(), Fault> {
        match self.status {
            Some(0) => Ok(()),
            _ => Err(Fault::Unexpected(format!(
                "not accepted:\n{}",
                self.transcript
            ))),
        }
    }

    /// The first reply that swaks took for a refusal, such as `550 5.7.1 no`.
    pub fn refusal(&self) -> Option<&str> {
        // `<**` marks one in clear, `<~*` one within TLS.
        self.transcript.lines().find_map(|line| {
            line.strip_prefix("<** ")
                .or_else(|| line.strip_prefix("<~* "))
                .map(str::trim)
        })
    }
}
