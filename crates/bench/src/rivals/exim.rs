//! Exim, Debian's package unpacked beside the installed Postfix.

use std::fs;
use std::process::Command;

use postern_tests::fault::Fault;
use postern_tests::home::{Home, set_mode};
use postern_tests::ports;
use postern_tests::programs::{self, Program};
use postern_tests::users::User;

use super::{Instance, by_channel, common, without_wrapper};
use crate::subject::{Running, Site, Subject, SubjectName};

/// Exim.
#[derive(Debug)]
pub(super) struct Exim;

impl Subject for Exim {
    fn name(&self) -> SubjectName {
        SubjectName::Exim
    }

    fn version(&self) -> Result<String, Fault> {
        // It fails, because Debian's settings are not where it was built to look for them, but says it.
        let output = programs::run_anyhow(Command::new(Program::Exim.find()?).arg("-bV"))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        // `Exim version 4.96 #2 built …`
        let version = said.split_whitespace().nth(2);
        version
            .map(str::to_owned)
            .ok_or_else(|| Fault::Unexpected(format!("no version in {said:?}")))
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        without_wrapper(site)?;
        let program = Program::Exim.find()?;
        let home = Home::new("bench-exim")?;
        let user = User::named("Debian-exim")?;
        user.own(&home.directory("spool")?)?;
        user.own(&home.directory("tls")?)?;
        let address = ports::free()?;
        let mut values = common(site, address, home.path())
            .with("advertise-tls", by_channel(site, "*", ""))
            .with("require-tls", by_channel(site, "*", ""))
            .with("avoid-tls", by_channel(site, "", "*"));
        // It gives root up before it reads these.
        for (name, from) in [
            ("certificate", &site.credentials.chain),
            ("key", &site.credentials.key),
        ] {
            let to = home.path().join("tls").join(name);
            fs::copy(from, &to).map_err(Fault::at(from))?;
            user.own(&to)?;
            set_mode(&to, 0o400)?;
            values = values.with(name, to.display());
        }
        let file = home.write("exim.conf", values.fill_file("exim/exim.conf")?)?;
        let mut command = Command::new(program);
        // -bdf: a listening daemon in the foreground. -q10s: what could not be delivered on arrival
        // is tried every ten seconds, rather than never.
        command.args(["-bdf", "-q10s", "-C"]).arg(file);
        let log = home.path().join("spool/mainlog");
        Instance::start(command, home, address, Some(log))
    }
}
