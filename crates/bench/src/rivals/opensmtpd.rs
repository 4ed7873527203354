//! OpenSMTPD, Debian's backport unpacked beside the installed Postfix: version 6.8 of Debian 12
//! itself cannot do TLS as a server.

use std::fs;
use std::process::Command;

use postern_tests::fault::Fault;
use postern_tests::home::{Home, set_mode};
use postern_tests::opensmtpd::{DAEMON, Root};
use postern_tests::programs::{self, Program};
use postern_tests::{ports, users};

use super::{Instance, by_channel, common, without_wrapper};
use crate::subject::{Running, Site, Subject, SubjectName};

/// The directory that `crates/bench/rivals/install` unpacks it into.
const PACKAGE: &str = "opensmtpd-backport";

/// OpenSMTPD.
#[derive(Debug)]
pub(super) struct OpenSmtpd;

impl Subject for OpenSmtpd {
    fn name(&self) -> SubjectName {
        SubjectName::OpenSmtpd
    }

    fn version(&self) -> Result<String, Fault> {
        let program = programs::unpacked(PACKAGE).join("usr/sbin/smtpd");
        let output = programs::run_anyhow(Command::new(program).arg("-h"))?;
        let said = programs::both(&output);
        // `version: OpenSMTPD 7.4.0p1-portable`
        let version = said
            .split_whitespace()
            .skip_while(|word| *word != "OpenSMTPD")
            .nth(1);
        version
            .map(|it| it.trim_end_matches("-portable").to_owned())
            .ok_or_else(|| Fault::Unexpected(format!("no version in {said:?}")))
    }

    fn start(&self, site: &Site) -> Result<Box<dyn Running>, Fault> {
        without_wrapper(site)?;
        let package = programs::unpacked(PACKAGE);
        if !package.is_dir() {
            let fault = format!(
                "{} is missing: crates/bench/rivals/install",
                package.display()
            );
            return Err(Fault::Unexpected(fault));
        }
        if let Some(user) = Program::OpenSmtpd
            .users()
            .iter()
            .find(|it| !users::exists(it))
        {
            return Err(Fault::Unexpected(format!("there is no user {user}")));
        }
        let home = Home::new("bench-opensmtpd")?;
        let root = Root::at(home.path());
        root.fill(&package)?;
        let (certificate, key) = root.keep(&site.credentials)?;
        // It will not start without these, whether or not anybody is verified.
        home.directory("etc/ssl/certs")?;
        let authorities = home.path().join("etc/ssl/certs/ca-certificates.crt");
        fs::copy(&site.authority, authorities).map_err(Fault::at(&site.authority))?;
        let address = ports::free()?;
        let (host, next_hop) = (site.hostname, site.next_hop);
        let values = common(site, address, home.path())
            .with("certificate", certificate)
            .with("key", key)
            .with(
                "server-tls",
                by_channel(site, &format!("tls pki {host}"), ""),
            )
            .with(
                "next-hop",
                by_channel(
                    site,
                    &format!("smtp+tls://{next_hop}"),
                    &format!("smtp+notls://{next_hop}"),
                ),
            )
            .with("client-tls", by_channel(site, "tls no-verify", ""));
        let file = home.write("etc/smtpd.conf", values.fill_file("opensmtpd/smtpd.conf")?)?;
        set_mode(&file, 0o600)?;
        let mut command = Command::new("/usr/sbin/chroot");
        command
            .arg(home.path())
            .args([DAEMON, "-d", "-f", "/etc/smtpd.conf"]);
        Instance::start(command, home, address, None)
    }
}
