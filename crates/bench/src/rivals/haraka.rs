//! Haraka, from the npm registry, in the versions of `crates/bench/rivals/haraka/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use postern_tests::fault::Fault;
use postern_tests::home::Home;
use postern_tests::{ports, programs};

use super::{Instance, by_channel, common, without_wrapper};
use crate::subject::{Running, Site, Subject, SubjectName};

/// The files of an instance.
const FILES: [&str; 7] = [
    "config/smtp.ini",
    "config/plugins",
    "config/outbound.ini",
    "config/tls.ini",
    "config/log.ini",
    "config/relay_to_sink.ini",
    "plugins/relay_to_sink.js",
];

/// Haraka.
#[derive(Debug)]
pub(super) struct Haraka;

fn package() -> Result<PathBuf, Fault> {
    let package = programs::unpacked("haraka").join("node_modules/Haraka");
    if package.is_dir() {
        return Ok(package);
    }
    let missing = format!(
        "{} is missing: crates/bench/rivals/install",
        package.display()
    );
    Err(Fault::Unexpected(missing))
}

fn program(package: &Path) -> PathBuf {
    package.join("bin/haraka")
}

impl Subject for Haraka {
    fn name(&self) -> SubjectName {
        SubjectName::Haraka
    }

    fn version(&self) -> Result<String, Fault> {
        let output = programs::run(
            Command::new("node")
                .arg(program(&package()?))
                .arg("--version"),
        )?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // `Haraka.js — Version: 3.3.4`
        let version = said.split_whitespace().last();
        version
            .map(str::to_owned)
            .ok_or_else(|| Fault::Unexpected("haraka --version says nothing".to_owned()))
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        without_wrapper(site)?;
        let package = package()?;
        let home = Home::new("bench-haraka")?;
        for directory in ["config", "plugins", "queue"] {
            home.directory(directory)?;
        }
        let address = ports::free()?;
        let values = common(site, address, home.path())
            .with("tls", by_channel(site, "tls", ""))
            .with("client-tls", by_channel(site, "true", "false"));
        for name in FILES {
            home.write(name, values.fill_file(&format!("haraka/{name}"))?)?;
        }
        // What `haraka --install` would put there; without it there are no greetings.
        let (defaults, own) = (
            "config/connection.ini",
            home.path().join("config/connection.ini"),
        );
        let defaults = package.join(defaults);
        fs::copy(&defaults, own).map_err(Fault::at(&defaults))?;
        home.write("config/me", format!("{}\n", site.hostname))?;
        let mut command = Command::new("node");
        command.arg(program(&package)).arg("-c").arg(home.path());
        Instance::start(command, home, address, None)
    }
}
