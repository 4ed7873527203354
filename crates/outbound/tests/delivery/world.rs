//! A delivering side with a queue of its own, in a world made of data.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use postern_dns::{Dns, FixedZone};
use postern_fetch::{NoSts, StsPolicies};
use postern_mail::{
    BodyType, Envelope, ForwardPath, NextHop, Notify, QueueId, Recipient, ReversePath, TlsWish,
};
use postern_outbound::{
    Accounts, DestinationState, NoAccounts, Outbound, PaceOverride, PrivateTargets, Route,
    Schedule, Senders, Settings, Situation, SystemClock, TlsClients, WallClock,
};
use postern_policy::{BreakGlass, Defaults, Partner, Policy};
use postern_spool::{
    BounceTo, Content, DomainCensus, Filter, LocalSpool, Origin, QueuedMessage,
    Settings as SpoolSettings, Spool, SpoolError, Submission,
};
use postern_testkit::{Authority, Identity};
use postern_tls::{CertificateFiles, CertificateStore, Profile, ProfileName, TrustAnchors};
use rustls_pki_types::UnixTime;
use tempfile::TempDir;

use crate::PATIENCE;

/// What a world is made of.
pub(crate) struct Plan {
    pub(crate) zone: String,
    pub(crate) routes: Vec<(&'static str, Vec<SocketAddr>)>,
    /// Routes to a host by name.
    pub(crate) next_hops: Vec<(&'static str, &'static str)>,
    pub(crate) partners: Vec<Partner>,
    pub(crate) certificates: Vec<(&'static str, Identity)>,
    pub(crate) schedule: Schedule,
    pub(crate) keep_alive: Duration,
    pub(crate) handshake_timeout: Duration,
    /// The port of the hosts that the zone names.
    pub(crate) mx_port: u16,
    pub(crate) connections: usize,
    pub(crate) messages: usize,
    /// Who answers instead of the zone.
    pub(crate) dns: Option<Arc<dyn Dns>>,
    pub(crate) sts: Arc<dyn StsPolicies>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) broken_glass: Vec<BreakGlass>,
    /// Whom the policies of the destination and REQUIRETLS trust.
    pub(crate) trust: Option<TrustAnchors>,
    /// What else of the settings is not what a silent operator gets.
    pub(crate) settle: Box<dyn FnOnce(&mut Settings) + Send>,
    /// By which clock messages and retries are timed.
    pub(crate) clock: Option<Arc<dyn WallClock>>,
    /// What stands between the queue and delivery.
    pub(crate) wrap: fn(Arc<dyn Spool>) -> Arc<dyn Spool>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            zone: String::new(),
            routes: Vec::new(),
            next_hops: Vec::new(),
            partners: Vec::new(),
            certificates: Vec::new(),
            schedule: Schedule::default(),
            keep_alive: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(30),
            mx_port: NextHop::SMTP,
            connections: 8,
            messages: 1000,
            dns: None,
            sts: Arc::new(NoSts),
            accounts: Arc::new(NoAccounts),
            broken_glass: Vec::new(),
            trust: None,
            settle: Box::new(|_| {}),
            clock: None,
            wrap: |spool| spool,
        }
    }
}

pub(crate) struct World {
    pub(crate) outbound: Outbound,
    pub(crate) spool: Arc<dyn Spool>,
    directory: TempDir,
}

impl World {
    pub(crate) fn start(plan: Plan) -> Self {
        let directory = TempDir::new().unwrap();
        let opened = LocalSpool::open(&SpoolSettings {
            reserve: 0,
            ..SpoolSettings::at(directory.path().join("spool"))
        });
        let spool: Arc<dyn Spool> = Arc::new(opened.unwrap().spool);
        let wrapped = (plan.wrap)(Arc::clone(&spool));
        let clock = plan.clock.clone().unwrap_or(Arc::new(SystemClock));
        let situation = situation(plan, &directory);
        let outbound = Outbound::by_clock(wrapped, situation, clock);
        tokio::spawn(outbound.clone().run());
        Self {
            outbound,
            spool,
            directory,
        }
    }

    /// Puts another plan in force; the queue stays as it is.
    pub(crate) fn reload(&self, plan: Plan) {
        self.outbound.reload(situation(plan, &self.directory));
    }

    /// Puts a message into the queue.
    pub(crate) async fn submit(&self, from: &str, to: &[&str], content: &[u8]) -> QueueId {
        let content = Content::from_pieces([Bytes::copy_from_slice(content)]);
        self.submit_wishing(from, to, None, content).await
    }

    /// The same, with a wish for TLS.
    pub(crate) async fn submit_under(&self, wish: TlsWish, from: &str, to: &[&str]) -> QueueId {
        self.submit_changed(from, to, |submission| submission.envelope.tls_wish = wish)
            .await
    }

    /// The same, after `change` has been made to what is submitted.
    pub(crate) async fn submit_changed(
        &self,
        from: &str,
        to: &[&str],
        change: impl FnOnce(&mut Submission),
    ) -> QueueId {
        let content = Bytes::from_static(b"Subject: hello\r\n\r\nHow are you?\r\n");
        let mut submission = submission(from, to, None, Content::from_pieces([content]));
        change(&mut submission);
        self.spool.accept(submission).await.unwrap()
    }

    /// The same, with a wish for notices and content of any kind.
    pub(crate) async fn submit_wishing(
        &self,
        from: &str,
        to: &[&str],
        notify: Option<Notify>,
        content: Content,
    ) -> QueueId {
        let submission = submission(from, to, notify, content);
        self.spool.accept(submission).await.unwrap()
    }

    /// The message once `wanted` is true of it; `None` once it has left the queue, where that
    /// is what `wanted` waits for.
    pub(crate) async fn until(
        &self,
        id: QueueId,
        wanted: impl Fn(Option<&QueuedMessage>) -> bool,
    ) -> Option<QueuedMessage> {
        let watched = async {
            let mut changes = self.spool.changes();
            loop {
                changes.mark_unchanged();
                let message = self.spool.get(id).await.unwrap();
                if wanted(message.as_ref()) {
                    return message;
                }
                // Not every change announces itself here, so look again now and then.
                let _ = tokio::time::timeout(Duration::from_millis(20), changes.changed()).await;
            }
        };
        tokio::time::timeout(PATIENCE, watched)
            .await
            .expect("the queue gets there in time")
    }

    /// Waits until so many messages are in the hands of delivery.
    pub(crate) async fn until_claimed(&self, messages: u64) {
        let claimed = async {
            let mut changes = self.spool.changes();
            while self.spool.figures().claimed < messages {
                // That a claim begins announces itself nowhere.
                let _ = tokio::time::timeout(Duration::from_millis(5), changes.changed()).await;
            }
        };
        let claimed = tokio::time::timeout(PATIENCE, claimed).await;
        claimed.expect("the messages are claimed in time");
    }

    /// Has a message tried again now, whatever was found out before about its destinations.
    pub(crate) async fn retry(&self, id: QueueId) {
        self.outbound.flush(None);
        match self.spool.retry(id).await {
            Ok(()) | Err(SpoolError::Unknown(_)) => {} // it may be over already
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until so many messages wait for a domain, none of them due or in anybody's hands.
    pub(crate) async fn until_resting(&self, domain: &str, messages: u64) {
        let domain: postern_mail::Domain = domain.parse().unwrap();
        let resting = async {
            loop {
                let census = self.spool.census().into_iter();
                let mut census = census.filter(|it| it.domain.as_ref() == Some(&domain));
                let rests =
                    |it: DomainCensus| it.waiting == messages && it.due == 0 && it.claimed == 0;
                if census.next().is_some_and(rests) {
                    return;
                }
                // It announces itself nowhere.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let rests = tokio::time::timeout(PATIENCE, resting).await;
        rests.expect("the messages come to rest in time");
    }

    /// Waits until so many messages stand in line for the one destination there is.
    pub(crate) async fn until_in_line(&self, messages: usize) {
        let in_line = |it: &DestinationState| it.in_line == messages;
        self.until_destination(in_line).await;
    }

    /// Waits until this is true of the first destination.
    pub(crate) async fn until_destination(
        &self,
        wanted: impl Fn(&DestinationState) -> bool,
    ) -> DestinationState {
        let watched = async {
            loop {
                if let Some(first) = self.outbound.destinations_now().into_iter().next()
                    && wanted(&first)
                {
                    return first;
                }
                // It announces itself nowhere.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, watched).await;
        reached.expect("the destination gets there in time")
    }

    /// Changes a letter of content that is in a file, as a failing disk does.
    pub(crate) fn spoil_content(&self, id: QueueId) {
        let path = self
            .directory
            .path()
            .join("spool/content")
            .join(id.to_string());
        let mut content = std::fs::read(&path).unwrap();
        content[1000] ^= 1;
        std::fs::write(&path, content).unwrap();
    }

    /// Waits until there is any message in the queue.
    pub(crate) async fn until_any(&self) -> QueueId {
        let found = async {
            let mut changes = self.spool.changes();
            loop {
                changes.mark_unchanged();
                let page = self.spool.list(&Filter::default(), None, 1).await.unwrap();
                if let Some(message) = page.messages.first() {
                    return message.id;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.expect("there is a message in time")
    }

    /// Waits until a message has left the queue.
    pub(crate) async fn until_gone(&self, id: QueueId) {
        self.until(id, |message| message.is_none()).await;
    }

    /// Waits until an attempt for the first recipient has failed, and returns why.
    pub(crate) async fn until_deferred(&self, id: QueueId) -> postern_spool::Failure {
        let failed = |message: Option<&QueuedMessage>| {
            message.is_some_and(|message| message.progress[0].last_failure.is_some())
        };
        let message = self
            .until(id, failed)
            .await
            .expect("the message is in the queue");
        message.progress[0].last_failure.clone().unwrap()
    }
}

fn submission(from: &str, to: &[&str], notify: Option<Notify>, content: Content) -> Submission {
    let recipient = |path: &&str| Recipient {
        notify,
        ..Recipient::from(ForwardPath::parse_prefix(path).unwrap().0)
    };
    let envelope = Envelope {
        reverse_path: ReversePath::parse_prefix(from).unwrap().0,
        recipients: to.iter().map(recipient).collect(),
        body: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        tls_wish: TlsWish::Unstated,
    };
    Submission {
        envelope,
        origin: Origin::Ourselves,
        received_at: SystemTime::now(),
        content,
        bounce_to: BounceTo::Sender,
        quarantined: None,
        hold: None,
    }
}

pub(crate) fn situation(plan: Plan, directory: &TempDir) -> Situation {
    let hostname: postern_mail::Domain = "mx1.example.org".parse().unwrap();
    let mut settings = Settings::new(hostname);
    settings.schedule = plan.schedule;
    settings.keep_alive = plan.keep_alive;
    settings.mx_port = plan.mx_port;
    settings.handshake_timeout = plan.handshake_timeout;
    settings.pace.connections = plan.connections;
    settings.messages = plan.messages;
    settings.private_targets = PrivateTargets::Allowed;
    let by_address = plan.routes.iter().map(|(domain, addresses)| {
        let hops = addresses.iter().map(ToString::to_string);
        (*domain, hops.collect::<Vec<_>>())
    });
    let by_name = plan.next_hops.iter();
    let by_name = by_name.map(|(domain, host)| (*domain, vec![(*host).to_owned()]));
    for (domain, hops) in by_address.chain(by_name) {
        let route = Route {
            next_hops: hops.iter().map(|hop| hop.parse().unwrap()).collect(),
            floor: None,
            senders: Senders::Rewritten,
            pace: PaceOverride::default(),
        };
        settings.routes.add_outward(domain.parse().unwrap(), route);
    }
    (plan.settle)(&mut settings);
    let defaults = Defaults {
        profile: Profile::named(ProfileName::Intermediate),
        trust: plan.trust.unwrap_or_else(|| {
            TrustAnchors::from_pem("test", &Authority::new("Nobody's CA").pem()).unwrap()
        }),
    };
    let policy = Policy::new(defaults, plan.partners).unwrap();
    Situation {
        settings,
        policy: Arc::new(policy.with_broken_glass(plan.broken_glass).unwrap()),
        dns: plan
            .dns
            .unwrap_or_else(|| Arc::new(plan.zone.parse::<FixedZone>().unwrap())),
        sts: plan.sts,
        accounts: plan.accounts,
        certificates: Arc::new(certificates(&plan.certificates, directory)),
        tls_clients: TlsClients::default(),
    }
}

fn certificates(identities: &[(&'static str, Identity)], directory: &TempDir) -> CertificateStore {
    let files: Vec<_> = identities
        .iter()
        .map(|(name, identity)| {
            let files = identity.write(directory.path(), name);
            CertificateFiles {
                name: (*name).to_owned(),
                chain: files.chain,
                key: files.key,
                ocsp: None,
            }
        })
        .collect();
    CertificateStore::load(&files, UnixTime::now()).unwrap()
}
