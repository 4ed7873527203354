//! Our own MTA-STS policy on the web (RFC 8461 §3.3), where it is configured.
//!
//! Sockets are bound once, before anything else begins, since ports below 1024 may be out of
//! reach later. A reload exchanges policy, domains and certificates under them.

use std::{
    io,
    net::{self, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use postern_config::{StsServing, WEB_PROFILE};
use postern_inbound::Inherited;
use postern_tls::{CertificateStore, Profile, WebServer};
use postern_web::{Site, Website};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    failure::{Failure, chain},
    wiring::Wiring,
};

/// The sockets, and what is served on them.
#[derive(Debug)]
pub(super) struct Web {
    website: Arc<Website>,
    https: net::TcpListener,
    http: Option<net::TcpListener>,
    stop: CancellationToken,
    /// Ends those that serve with the certificates of now.
    stop_https: Mutex<CancellationToken>,
    tasks: TaskTracker,
}

impl Web {
    /// Binds what is configured; nothing where no policy is served.
    pub(super) fn bind(
        serving: Option<&StsServing>,
        inherited: &mut Inherited,
    ) -> Result<Option<Self>, Failure> {
        let Some(serving) = serving else {
            return Ok(None);
        };
        let stop = CancellationToken::new();
        let mut listen = |address| listen(address, inherited.remove(&address));
        Ok(Some(Self {
            website: Arc::new(Website::new(site(serving))),
            https: listen(serving.https)?,
            http: serving.http.map(&mut listen).transpose()?,
            stop_https: Mutex::new(stop.child_token()),
            stop,
            tasks: TaskTracker::new(),
        }))
    }

    /// Begins to serve.
    pub(super) fn begin(&self, wiring: &Wiring) -> Result<(), Failure> {
        self.begin_https(server(&wiring.web_certificates)?)?;
        if let Some(listener) = &self.http {
            let listener = again(listener)?;
            let stop = self.stop.clone().cancelled_owned();
            self.tasks
                .spawn(Arc::clone(&self.website).serve_http(listener, stop));
        }
        Ok(())
    }

    /// Goes on with another policy, other domains and certificates. Where the configuration has
    /// no policy any more, the old one is served until the sockets are closed by a restart.
    pub(super) fn go_on(&self, wiring: &Wiring, tls: WebServer) -> Result<(), Failure> {
        if let Some(serving) = &wiring.serving {
            self.website.replace(site(serving));
        }
        self.begin_https(tls)
    }

    /// Serves with these certificates, in place of those who serve with others.
    fn begin_https(&self, tls: WebServer) -> Result<(), Failure> {
        let listener = again(&self.https)?;
        let stop = self.stop.child_token();
        let website = Arc::clone(&self.website);
        let serve = website.serve_https(listener, tls, stop.clone().cancelled_owned());
        self.tasks.spawn(serve);
        let mut current = self
            .stop_https
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *current, stop).cancel();
        Ok(())
    }

    /// Ends when those that are being served are.
    pub(super) async fn finish(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Who shows these certificates.
pub(super) fn server(certificates: &Arc<CertificateStore>) -> Result<WebServer, Failure> {
    let bounds = Profile::named(WEB_PROFILE).bounds();
    let server = WebServer::new(Arc::clone(certificates), bounds);
    server.map_err(|error| Failure::new("our MTA-STS policy cannot be served", &error))
}

/// What is served once a configuration with `new` is in force, where `old` was served before: a
/// running daemon keeps its sockets, and a policy on them, until it is restarted.
pub(super) fn goes_on(old: Option<&StsServing>, new: Option<&StsServing>) -> Option<StsServing> {
    let old = old?;
    Some(StsServing {
        https: old.https,
        http: old.http,
        ..new.unwrap_or(old).clone()
    })
}

/// What is served, and where, for people.
pub(super) fn described(serving: Option<&StsServing>) -> Vec<String> {
    let Some(serving) = serving else {
        return Vec::new();
    };
    let domains: Vec<_> = serving.domains.iter().map(ToString::to_string).collect();
    let mode = serving.policy.mode();
    let policy = format!(
        "https on {}: mode {mode}, for {}",
        serving.https,
        domains.join(", ")
    );
    let redirect = serving
        .http
        .map(|at| format!("http on {at}: sent to https"));
    std::iter::once(policy).chain(redirect).collect()
}

fn site(serving: &StsServing) -> Site {
    Site::new(serving.domains.iter().cloned(), &serving.policy)
}

/// The socket that is there already, or a new one.
fn listen(
    address: SocketAddr,
    inherited: Option<net::TcpListener>,
) -> Result<net::TcpListener, Failure> {
    let bind = || -> io::Result<_> {
        let listener = match inherited {
            Some(listener) => listener,
            None => net::TcpListener::bind(address)?,
        };
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|error| {
        Failure::plain(format_args!(
            "cannot listen on {address}: {}",
            chain(&error)
        ))
    })
}

/// The same socket once more, for somebody to accept on.
fn again(listener: &net::TcpListener) -> Result<TcpListener, Failure> {
    let cloned = listener.try_clone().and_then(TcpListener::from_std);
    cloned.map_err(|error| Failure::new("the socket for our MTA-STS policy", &error))
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use postern_dns::FixedZone;
    use postern_fetch::{MtaSts, StsFinding, StsPolicies as _, StsSettings, Targets};
    use postern_policy::StsMode;
    use postern_testkit::{Authority, Leaf};

    use super::*;

    /// What a host with this configuration goes by.
    fn wiring(home: &Path, mode: &str) -> Wiring {
        let text = format!(
            r#"
            hostname = "mx.example.org"
            [spool]
            path = "queue"
            [[listener]]
            address = "127.0.0.1:0"
            role = "mx"
            [tls]
            trust = ["ca.pem"]
            [[tls.certificate]]
            name = "mail"
            chain = "mx.pem"
            key = "mx.key"
            [[tls.certificate]]
            name = "web"
            chain = "web.pem"
            key = "web.key"
            [[domain]]
            name = "example.org"
            next-hop = ["127.0.0.1:1"]
            [mta-sts]
            https = "127.0.0.1:0"
            mode = "{mode}"
            certificate = "web"
            "#
        );
        match postern_config::parse(&text, &home.join("postern.toml")) {
            Ok(loaded) => Wiring::try_from(loaded.settings).unwrap(),
            Err(errors) => panic!("{errors}"),
        }
    }

    /// What a sender finds who asks at this port.
    async fn find(wiring: &Wiring, port: u16, cache: &Path) -> StsFinding {
        let zone = "_mta-sts.example.org  TXT  v=STSv1; id=1;
                    mta-sts.example.org   A    127.0.0.1";
        let zone: FixedZone = zone.parse().unwrap();
        let http = crate::wiring::http_client(Arc::new(zone), wiring.trust()).unwrap();
        let settings = StsSettings {
            port,
            targets: Targets::Any,
            ..StsSettings::new(cache)
        };
        let policies = MtaSts::open(http, settings).unwrap();
        policies.find(&"example.org".parse().unwrap()).await
    }

    #[tokio::test]
    async fn our_policy_is_what_senders_find_and_a_reload_changes_it() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test CA");
        authority.write(&home.path().join("ca.pem"));
        for (name, stem) in [("mx.example.org", "mx"), ("mta-sts.example.org", "web")] {
            authority.issue(&Leaf::named(name)).write(home.path(), stem);
        }
        let before = wiring(home.path(), "testing");
        let web = Web::bind(before.serving.as_ref(), &mut Inherited::new())
            .unwrap()
            .unwrap();
        web.begin(&before).unwrap();
        let port = web.https.local_addr().unwrap().port();
        let mode = |finding: StsFinding| {
            let known = finding
                .known
                .unwrap_or_else(|| panic!("{:?}", finding.trouble));
            known.policy.mode()
        };
        let found = find(&before, port, &home.path().join("first")).await;
        assert_eq!(mode(found), StsMode::Testing);

        let after = wiring(home.path(), "enforce");
        web.go_on(&after, server(&after.web_certificates).unwrap())
            .unwrap();
        let found = find(&after, port, &home.path().join("second")).await;
        assert_eq!(mode(found), StsMode::Enforce);
        let told = described(after.serving.as_ref());
        assert_eq!(
            told,
            ["https on 127.0.0.1:0: mode enforce, for example.org"]
        );

        web.finish().await;
        drop(web);
        let found = find(&after, port, &home.path().join("third")).await;
        assert_eq!(found.known, None);
    }

    #[test]
    fn what_is_told_to_be_served_is_where_the_sockets_are() {
        let home = tempfile::tempdir().unwrap();
        let authority = Authority::new("Test CA");
        authority.write(&home.path().join("ca.pem"));
        for (name, stem) in [("mx.example.org", "mx"), ("mta-sts.example.org", "web")] {
            authority.issue(&Leaf::named(name)).write(home.path(), stem);
        }
        let [old, new] = ["testing", "enforce"].map(|mode| wiring(home.path(), mode).serving);
        let elsewhere = new.clone().map(|new| StsServing {
            https: "127.0.0.1:8443".parse().unwrap(),
            http: Some("127.0.0.1:8080".parse().unwrap()),
            ..new
        });
        assert_eq!(goes_on(old.as_ref(), elsewhere.as_ref()), new);
        assert_eq!(goes_on(old.as_ref(), None), old);
        assert_eq!(goes_on(None, new.as_ref()), None);
    }
}
