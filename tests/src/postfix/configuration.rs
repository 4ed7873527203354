//! What is written into `main.cf` and `master.cf`.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{Listener, Setup};
use crate::certificates::Credentials;
use crate::fault::Fault;
use crate::home::{Home, write_aged};
use crate::openssl;
use crate::users::User;

/// Whether the listener speaks TLS (`smtpd_tls_security_level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerTls {
    /// STARTTLS is not offered.
    Off,
    /// STARTTLS is offered.
    Offered,
    /// STARTTLS is offered, and nothing is taken without it: 530 5.7.0 at MAIL.
    Demanded,
}

/// What is asked of clients within TLS.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// Nothing.
    NotAsked,
    /// A certificate is asked for; what comes is logged and shown in the Received field.
    Asked {
        /// The authority whose certificates count as trusted.
        root: PathBuf,
    },
    /// No session without a certificate of this authority (`smtpd_tls_req_ccert`): the handshake
    /// itself fails. Needs [`ServerTls::Demanded`].
    Demanded {
        /// The authority.
        root: PathBuf,
    },
    /// No recipient is accepted from a client whose certificate is not one of these
    /// (`permit_tls_clientcerts`): 554 5.7.1 at RCPT. Whoever issued it does not matter.
    Listed(Vec<Credentials>),
}

/// What is asked of next hops (`smtp_tls_security_level`).
#[derive(Clone, Debug)]
pub enum Upstream {
    /// No TLS, even when offered.
    Clear,
    /// TLS when offered, whoever it is with.
    Opportunistic,
    /// TLS with whomever.
    Encrypted,
    /// TLS with a host that proves one of these names.
    Authenticated {
        /// The authority trusted.
        root: PathBuf,
        /// The names allowed.
        names: Vec<String>,
    },
}

/// Writes both files.
pub(super) fn write(setup: &Setup, home: &Home, address: SocketAddr) -> Result<(), Fault> {
    let etc = super::config(home.path());
    let mut main = Parameters::default();
    main.base(setup, home.path())?;
    main.server(setup, &etc)?;
    main.client(setup);
    for (name, value) in &setup.parameters {
        main.set(name, value);
    }
    write_aged(&etc.join("main.cf"), &main.text)?;
    let further: String = setup.further.iter().map(service).collect();
    write_aged(&etc.join("master.cf"), &(services(address) + &further))
}

/// `main.cf` in the making. A parameter set twice has its last value.
#[derive(Default)]
struct Parameters {
    text: String,
}

impl Parameters {
    fn set(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{name} = {value}");
    }

    fn path(&mut self, name: &str, value: &Path) {
        self.set(name, &value.display().to_string());
    }

    fn base(&mut self, setup: &Setup, home: &Path) -> Result<(), Fault> {
        self.set("compatibility_level", "3.6");
        self.set("myhostname", &setup.hostname);
        self.path("queue_directory", &home.join("queue"));
        self.path("data_directory", &home.join("data"));
        self.path("maillog_file", &super::log_file(home));
        self.path("maillog_file_prefixes", home);
        // Addresses come from the configuration alone: no name is looked up.
        self.set("inet_protocols", "ipv4");
        self.set("inet_interfaces", "127.0.0.1");
        self.set("smtpd_peername_lookup", "no");
        self.set("smtp_dns_support_level", "disabled");
        self.set("smtp_host_lookup", "native");
        // Everything is delivered as virtual mailboxes; the system's own users do not exist here.
        let nobody = User::named("nobody")?;
        self.set("mydestination", "");
        self.set("local_recipient_maps", "");
        self.set("alias_maps", "");
        self.set("alias_database", "");
        self.set("virtual_mailbox_domains", &setup.domains.join(", "));
        self.path("virtual_mailbox_base", &home.join("mail"));
        self.set("virtual_mailbox_maps", "static:box/");
        self.set("virtual_uid_maps", &format!("static:{}", nobody.uid));
        self.set("virtual_gid_maps", &format!("static:{}", nobody.gid));
        Ok(())
    }

    fn server(&mut self, setup: &Setup, etc: &Path) -> Result<(), Fault> {
        self.set("smtpd_tls_security_level", level(setup.server_tls));
        self.set("smtpd_tls_loglevel", "1");
        self.set("smtpd_tls_received_header", "yes");
        if let Some(certificate) = &setup.certificate {
            self.path("smtpd_tls_cert_file", &certificate.chain);
            self.path("smtpd_tls_key_file", &certificate.key);
        }
        self.by_name(setup, etc)?;
        match &setup.client_certificates {
            ClientCertificates::NotAsked => {}
            ClientCertificates::Asked { root } => {
                self.set("smtpd_tls_ask_ccert", "yes");
                self.path("smtpd_tls_CAfile", root);
            }
            ClientCertificates::Demanded { root } => {
                self.set("smtpd_tls_req_ccert", "yes");
                self.path("smtpd_tls_CAfile", root);
            }
            ClientCertificates::Listed(credentials) => self.listed(credentials, etc)?,
        }
        Ok(())
    }

    /// The table of certificates by the name that is asked for.
    fn by_name(&mut self, setup: &Setup, etc: &Path) -> Result<(), Fault> {
        if setup.by_name.is_empty() {
            return Ok(());
        }
        let mut table = String::new();
        for (name, Credentials { chain, key, .. }) in &setup.by_name {
            let _ = writeln!(table, "{name} {}, {}", key.display(), chain.display());
        }
        let file = etc.join("names");
        write_aged(&file, &table)?;
        self.set(
            "tls_server_sni_maps",
            &format!("texthash:{}", file.display()),
        );
        Ok(())
    }

    fn listed(&mut self, credentials: &[Credentials], etc: &Path) -> Result<(), Fault> {
        let mut table = String::new();
        for credentials in credentials {
            let _ = writeln!(table, "{} listed", openssl::fingerprint(credentials)?);
        }
        let file = etc.join("clients");
        write_aged(&file, &table)?;
        self.set("smtpd_tls_ask_ccert", "yes");
        self.set("smtpd_tls_fingerprint_digest", "sha256");
        self.set("relay_clientcerts", &format!("texthash:{}", file.display()));
        self.set(
            "smtpd_client_restrictions",
            "permit_tls_clientcerts, reject",
        );
        Ok(())
    }

    fn client(&mut self, setup: &Setup) {
        let domains: Vec<&str> = setup
            .relays
            .iter()
            .map(|(domain, _)| domain.as_str())
            .collect();
        self.set("relay_domains", &domains.join(", "));
        self.set("smtp_tls_loglevel", "1");
        if !setup.relays.is_empty() {
            let mut routes = String::new();
            for (domain, next_hop) in &setup.relays {
                let _ = write!(
                    routes,
                    " {{{domain} = smtp:[{}]:{}}}",
                    next_hop.ip(),
                    next_hop.port()
                );
            }
            self.set("transport_maps", &format!("inline:{{{routes} }}"));
        }
        let level = match &setup.upstream {
            Upstream::Clear => "none",
            Upstream::Opportunistic => "may",
            Upstream::Encrypted => "encrypt",
            Upstream::Authenticated { root, names } => {
                self.path("smtp_tls_CAfile", root);
                self.set("smtp_tls_secure_cert_match", &names.join(", "));
                "secure"
            }
        };
        self.set("smtp_tls_security_level", level);
        if let Some(certificate) = &setup.presented {
            self.path("smtp_tls_cert_file", &certificate.chain);
            self.path("smtp_tls_key_file", &certificate.key);
        }
    }
}

/// Debian's services without the chroot, whose jail an instance of its own does not have.
fn services(address: SocketAddr) -> String {
    format!(
        "{address} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"
    )
}

/// The service of one more address. What it says of TLS overrides `main.cf`.
fn service(listener: &Listener) -> String {
    let mut text = format!(
        "{} inet n - n - - smtpd\n  -o smtpd_tls_security_level={}\n",
        listener.address,
        level(listener.server_tls)
    );
    if let Some(Credentials { chain, key, .. }) = &listener.certificate {
        for (name, file) in [("cert", chain), ("key", key)] {
            let _ = writeln!(text, "  -o smtpd_tls_{name}_file={}", file.display());
        }
    }
    text
}

fn level(server_tls: ServerTls) -> &'static str {
    match server_tls {
        ServerTls::Off => "none",
        ServerTls::Offered => "may",
        ServerTls::Demanded => "encrypt",
    }
}
