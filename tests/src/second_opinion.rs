//! What other implementations say of signatures and reports: dkimpy, opendkim and Python's own
//! libraries. None of them asks a name server; records are given to them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::fault::Fault;
use crate::home::Home;
use crate::message::Message;
use crate::programs::{self, Program};

/// What is needed to ask for it.
pub const NEEDS: &[Program] = &[Program::Dkimpy, Program::Opendkim];

/// The script that asks Python's libraries.
const SCRIPT: &str = include_str!("second_opinion.py");

/// Texts in the DNS by their names.
pub type Texts = BTreeMap<String, String>;

/// A key of somebody else, an RSA key as `opendkim-genkey` makes it.
#[derive(Debug)]
pub struct Key {
    home: Home,
    domain: String,
    selector: String,
}

/// What dkimpy finds of a signature.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Signature {
    /// Whose it is.
    pub domain: String,
    /// The name of its key.
    pub selector: String,
    /// How it was made.
    pub algorithm: String,
    /// The names of the fields it covers.
    pub fields: String,
    /// Whether it verifies.
    pub holds: bool,
    /// Why not.
    pub why: String,
}

impl Key {
    /// Makes a key.
    pub fn generate(domain: &str, selector: &str) -> Result<Self, Fault> {
        let home = Home::new("dkim")?;
        let mut command = programs::bounded(&genkey()?);
        command.args(["-b", "2048", "-d", domain, "-s", selector, "-D"]);
        programs::run(command.arg(home.path()))?;
        Ok(Self {
            home,
            domain: domain.to_owned(),
            selector: selector.to_owned(),
        })
    }

    /// Where its record is published.
    pub fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The record.
    pub fn record(&self) -> Result<String, Fault> {
        let path = self.home.path().join(format!("{}.txt", self.selector));
        let text = std::fs::read_to_string(&path).map_err(Fault::at(&path))?;
        // In quotation marks, in pieces; what stands between them is for the zone file.
        Ok(text.split('"').skip(1).step_by(2).collect())
    }

    /// The message with dkimpy's signature, by RSA and SHA-256, in front.
    pub fn sign(&self, message: &Message) -> Result<Message, Fault> {
        let key = self.private().display().to_string();
        let arguments = ["sign", &self.selector, &self.domain, &key];
        Message::new(script(&arguments, message.octets())?)
    }

    /// The message with opendkim's signature in front, which is by RSA and SHA-1.
    pub fn sign_with_sha1(&self, message: &Message) -> Result<Message, Fault> {
        let mut command = programs::bounded(&Program::Opendkim.find()?);
        command.args(["-C", "-d", &self.domain, "-s", &self.selector, "-k"]);
        command.arg(self.private());
        Message::new(fed(&mut command, message.octets())?)
    }

    fn private(&self) -> PathBuf {
        self.home.path().join(format!("{}.private", self.selector))
    }
}

/// What dkimpy finds of every signature of a message with CRLF at its line ends.
pub fn verify(message: &[u8], records: &Texts) -> Result<Vec<Signature>, Fault> {
    let records = serde_json::to_string(records);
    let records = records.map_err(|error| Fault::Unexpected(error.to_string()))?;
    let found = script(&["verify", &records], message)?;
    serde_json::from_slice(&found).map_err(|error| Fault::Unexpected(error.to_string()))
}

/// What is packed by gzip in a mail.
pub fn unpack(mail: &[u8]) -> Result<Vec<u8>, Fault> {
    script(&["unpack"], mail)
}

/// A mail with a report on DMARC that is some 300 MB long once it is unpacked.
pub fn gzip_bomb(to: &str) -> Result<Vec<u8>, Fault> {
    script(&["bomb", to], b"")
}

/// A fault with xmllint's words unless `document` is as the schema in the file `schema` wants it.
pub fn validate(document: &[u8], schema: &Path) -> Result<(), Fault> {
    let mut command = programs::bounded(&Program::Xmllint.find()?);
    command.args(["--noout", "--nonet", "--schema"]);
    fed(command.arg(schema).arg("-"), document).map(drop)
}

fn script(arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut command = programs::bounded(&Program::Dkimpy.find()?);
    fed(command.args(["-c", SCRIPT]).args(arguments), input)
}

/// Runs a command with this input and gives what it writes.
fn fed(command: &mut Command, input: &[u8]) -> Result<Vec<u8>, Fault> {
    let home = Home::new("input")?;
    let path = home.write("input", input)?;
    let file = File::open(&path).map_err(Fault::at(&path))?;
    let output = programs::run(command.stdin(file))?;
    Ok(output.stdout)
}

fn genkey() -> Result<PathBuf, Fault> {
    Ok(Program::Opendkim.find()?.with_file_name("opendkim-genkey"))
}
