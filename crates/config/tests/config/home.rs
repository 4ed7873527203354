//! A folder with a configuration and the files that it names.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use postern_config::{Errors, Loaded};
use postern_testkit::{Authority, Leaf, OcspAnswer, OcspStatus, RevocationList, crl_pem};
use tempfile::TempDir;

/// The least that a configuration with TLS consists of; further sections can follow it.
pub(crate) const BASE: &str = r#"hostname = "mx1.example.org"

[[listener]]
address = "127.0.0.1:0"
role = "mx"

[[tls.certificate]]
name = "default"
chain = "default.pem"
key = "default.key"

[[domain]]
name = "example.org"
next-hop = ["mail.internal:25"]

"#;

/// A folder that goes when it is dropped.
pub(crate) struct Home(TempDir);

impl Home {
    /// A folder with everything that the sample names.
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let ours = Authority::new("Our CA");
        let default = Leaf::named("mx1.example.org").and_named("mta-sts.example.org");
        let default = ours.issue(&default);
        default.write(home.0.path(), "default");
        let good = OcspAnswer::new(OcspStatus::Good);
        home.put("default.ocsp", ours.ocsp(&default, good));
        let gateway = ours.issue(&Leaf::named("gateway.example.org"));
        gateway.write(home.0.path(), "gateway");
        let ministry = Authority::new("Ministry CA");
        home.put("ministry-ca.pem", ministry.pem());
        let list = ministry.crl(&RevocationList::numbered(1));
        home.put("ministry.crl", crl_pem(&list));
        for key in ["dkim-2026a.key", "arc.key", "next.key"] {
            home.put(key, "a private key");
        }
        home.put("srs.secret", "0123456789abcdef\n");
        // The root's key signing key of 2017, as the root zone has it.
        home.put(
            "root.key",
            ". 172800 IN DNSKEY 257 3 8 AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3\n",
        );
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, octets: impl AsRef<[u8]>) {
        fs::write(self.path(name), octets).unwrap();
        self.protect(name, 0o600);
    }

    pub(crate) fn protect(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Loads the text as the configuration of this folder.
    pub(crate) fn load(&self, text: &str) -> Result<Loaded, Errors> {
        self.put("postern.toml", text);
        postern_config::load(&self.path("postern.toml"))
    }

    /// The lines that loading the text gives as errors, without the folder in them.
    pub(crate) fn errors(&self, text: &str) -> Vec<String> {
        let errors = self.load(text).expect_err("a bad configuration");
        self.lines(&errors.to_string())
    }

    /// The lines that loading the text gives as warnings, without the folder in them.
    pub(crate) fn warnings(&self, text: &str) -> Vec<String> {
        let loaded = self.load(text).unwrap_or_else(|errors| panic!("{errors}"));
        let warnings = loaded.warnings.iter().map(|warning| format!("{warning}\n"));
        self.lines(&warnings.collect::<String>())
    }

    fn lines(&self, text: &str) -> Vec<String> {
        let folder = format!("{}/", self.0.path().display());
        text.lines().map(|line| line.replace(&folder, "")).collect()
    }
}
