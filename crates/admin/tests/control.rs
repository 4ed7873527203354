//! The control interface over a real socket, on a real queue.
#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect should stop at that line"
)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use async_trait::async_trait;
use postern_admin::{
    AuthenticationStatus, Change, ChangeOrder, Client, ClientError, ConfigurationStatus,
    ControlSocket, Daemon, Delay, Destinations, DirectionLine, FreezeOrder, FreezeTrouble, Freezer,
    Frozen, Hold, Listing, NoSuchPartner, Origin, Partner, PartnerDirection, PartnerDomains,
    PartnerLine, PartnerPage, ProtectionStatus, QueueStatus, Readiness, ReadinessVerdict,
    RecipientState, Reloaded, Report, ReportKind, ReportLine, ReportOrder, ReportPage,
    ReportTrouble, ReportWay, ReportsSent, SocketError, Status, Whose,
};
use postern_mail::{
    BodyType, Domain, Envelope, ForwardPath, QueueId, Recipient, ReversePath, TlsWish,
};
use postern_spool::{LocalSpool, Settings, Spool, Submission};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::oneshot,
    task::JoinHandle,
};

/// A daemon that has nothing but a queue.
#[derive(Debug)]
struct Idle(Arc<dyn Spool>);

#[async_trait]
impl Daemon for Idle {
    fn status(&self) -> Status {
        let now = SystemTime::now().into();
        Status {
            version: "0".to_owned(),
            pid: 1,
            started_at: now,
            uptime_seconds: 0,
            listeners: Vec::new(),
            queue: QueueStatus::of(&*self.0),
            destinations: 0,
            destinations_down: 0,
            freezer: Freezer::default(),
            certificates: Vec::new(),
            protection: ProtectionStatus::default(),
            authentication: AuthenticationStatus::default(),
            panics: 0,
            configuration: ConfigurationStatus {
                file: "postern.toml".to_owned(),
                loaded_at: now,
                last_reload: None,
            },
        }
    }

    /// Two partners, one to a page.
    fn partners(&self, from: usize) -> PartnerPage {
        let names = ["Ministry & Co", "Bank"];
        let shown = names.iter().skip(from).take(1);
        PartnerPage {
            partners: shown.map(|name| line(name)).collect(),
            next: (from + 1 < names.len()).then_some(from + 1),
        }
    }

    fn partner(&self, name: &str) -> Result<Partner, NoSuchPartner> {
        if name == "Ministry & Co" {
            return Ok(partner(name));
        }
        Err(NoSuchPartner {
            name: name.to_owned(),
            nearest: vec!["Bank".to_owned()],
        })
    }

    /// The ministry has all below a domain but one.
    fn partner_domains(&self, name: &str) -> Result<PartnerDomains, NoSuchPartner> {
        let partner = self.partner(name)?;
        assert_eq!(partner.name, "Ministry & Co");
        Ok(PartnerDomains {
            domains: vec!["*.ministry.example".parse().unwrap()],
            except: vec!["old.ministry.example".parse().unwrap()],
        })
    }

    fn destinations(&self) -> Destinations {
        Destinations {
            left_out: 7,
            ..Destinations::default()
        }
    }

    /// One domain is frozen.
    fn delay(&self, domain: &Domain) -> Delay {
        let frozen = (domain.as_str() == "frozen.example").then(|| frozen("*.example"));
        Delay {
            domain: domain.clone(),
            frozen,
            down: None,
        }
    }

    fn frozen(&self) -> Freezer {
        Freezer {
            frozen: vec![frozen("*.example")],
            trouble: Some("the file is damaged".to_owned()),
        }
    }

    async fn freeze(&self, order: &FreezeOrder) -> Result<Freezer, FreezeTrouble> {
        match &order.whose {
            Whose::All => Err(FreezeTrouble::BadOrder("all is too much".to_owned())),
            Whose::Partner(name) => Err(self.partner(name).unwrap_err().into()),
            Whose::Domain(_) => Err(FreezeTrouble::Failed(order.reason.clone())),
        }
    }

    async fn thaw(&self, _whose: &Whose) -> Result<Freezer, FreezeTrouble> {
        Ok(self.frozen())
    }

    async fn flush(&self, whose: &Whose) -> Result<(), FreezeTrouble> {
        match whose {
            Whose::All => Ok(()),
            other => Err(FreezeTrouble::BadOrder(format!("{other:?}"))),
        }
    }

    /// Three reports, two to a page.
    async fn reports(&self, from: usize) -> Result<ReportPage, ReportTrouble> {
        let ids = ["d-1", "t/2", "d-3"];
        let shown = ids.iter().skip(from).take(2);
        Ok(ReportPage {
            reports: shown.map(|id| report_line(id)).collect(),
            next: (from + 2 < ids.len()).then_some(from + 2),
        })
    }

    async fn report(&self, id: &str) -> Result<Report, ReportTrouble> {
        if id != "t/2" {
            return Err(ReportTrouble::NoSuchReport(id.to_owned()));
        }
        Ok(Report {
            line: report_line(id),
            facts: Vec::new(),
            sources: Vec::new(),
            policies: Vec::new(),
            left_out: 0,
        })
    }

    /// What was ordered comes back as a note.
    async fn send_reports(&self, order: &ReportOrder) -> Result<ReportsSent, ReportTrouble> {
        match &order.day {
            None => Ok(ReportsSent {
                reports: Vec::new(),
                notes: vec![format!("{:?} {}", order.domain, order.dry_run)],
            }),
            Some(day) if day == "yesterday" => {
                Err(ReportTrouble::BadOrder("yesterday is no day".to_owned()))
            }
            Some(_) => Err(ReportTrouble::Failed("the disk is full".to_owned())),
        }
    }

    async fn reload(&self) -> Reloaded {
        let errors = vec!["postern.toml:1:1: no".to_owned()];
        Reloaded::Refused { errors }
    }
}

fn frozen(domain: &str) -> Frozen {
    Frozen {
        domain: domain.parse().unwrap(),
        partner: None,
        reason: "audit".to_owned(),
        since: SystemTime::UNIX_EPOCH.into(),
    }
}

fn readiness() -> Readiness {
    Readiness {
        verdict: ReadinessVerdict::NotMeasured,
        text: "not measured yet".to_owned(),
    }
}

fn line(name: &str) -> PartnerLine {
    let direction = DirectionLine {
        require: "any".to_owned(),
        attempts: 0,
        met: 0,
        not_met: 0,
        break_glass: false,
        readiness: readiness(),
    };
    PartnerLine {
        name: name.to_owned(),
        stage: "observe".to_owned(),
        outbound: direction.clone(),
        inbound: direction,
    }
}

fn report_line(id: &str) -> ReportLine {
    let now = SystemTime::UNIX_EPOCH.into();
    ReportLine {
        id: id.to_owned(),
        kind: ReportKind::Tls,
        way: ReportWay::Received,
        domain: "example.org".to_owned(),
        other: "reporter.example".to_owned(),
        begin: now,
        end: now,
        state: "kept".to_owned(),
        passed: 7,
        failed: 1,
    }
}

fn partner(name: &str) -> Partner {
    let direction = PartnerDirection {
        require: "any".to_owned(),
        terms: Vec::new(),
        break_glass: Vec::new(),
        revocation: Vec::new(),
        measured: None,
        readiness: readiness(),
    };
    Partner {
        name: name.to_owned(),
        stage: "observe".to_owned(),
        domains: vec!["ministry.example".to_owned()],
        except: Vec::new(),
        contact: None,
        outbound: direction.clone(),
        inbound: direction,
    }
}

/// A running control interface.
struct Running {
    directory: TempDir,
    spool: Arc<dyn Spool>,
    client: Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let opened = LocalSpool::open(&Settings::at(directory.path().join("queue"))).unwrap();
        let spool: Arc<dyn Spool> = Arc::new(opened.spool);
        let path = directory.path().join("control.sock");
        let socket = ControlSocket::bind(&path).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let daemon = Arc::new(Idle(Arc::clone(&spool)));
        let stopped = async { drop(stopped.await) };
        let server = tokio::spawn(socket.serve(Arc::clone(&spool), daemon, stopped));
        Self {
            client: Client::new(path),
            directory,
            spool,
            stop,
            server,
        }
    }

    fn socket(&self) -> &Path {
        self.client.socket()
    }

    async fn accept(&self, from: &str, to: impl IntoIterator<Item = String>) -> QueueId {
        let (reverse_path, _) = ReversePath::parse_prefix(from).unwrap();
        let recipients = to.into_iter().map(|to| {
            let (path, _) = ForwardPath::parse_prefix(&to).unwrap();
            Recipient::from(path)
        });
        let mut content = self.spool.content();
        content
            .write(b"Subject: x\r\n\r\n".as_slice().into())
            .await
            .unwrap();
        let submission = Submission {
            envelope: Envelope {
                reverse_path,
                recipients: recipients.collect(),
                body: BodyType::SevenBit,
                smtputf8: false,
                ret: None,
                envelope_id: None,
                tls_wish: TlsWish::Unstated,
            },
            origin: postern_spool::Origin::Ourselves,
            received_at: SystemTime::now(),
            content: content.finish().await.unwrap(),
            bounce_to: postern_spool::BounceTo::Sender,
            quarantined: None,
            hold: None,
        };
        self.spool.accept(submission).await.unwrap()
    }

    /// What is answered to these octets, up to the end of the connection.
    async fn raw(&self, request: &str) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[track_caller]
    fn check(&self, request: &str, expected: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.raw(request).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {expected}")),
                "{caller}: {answer}"
            );
        }
    }
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

#[tokio::test]
async fn a_message_is_looked_at_and_worked_with() {
    let running = Running::start().await;
    let client = &running.client;
    let id = running
        .accept("<a@one.example>", ["<b@two.example>".to_owned()])
        .await;
    let other = running.accept("<>", ["<c@three.example>".to_owned()]).await;

    let page = client.list(&Listing::default()).await.unwrap();
    assert_eq!(page.next, None);
    let ids: Vec<_> = page.messages.iter().map(|message| message.id).collect();
    assert_eq!(ids, [id, other]);

    let reason = "what is this?".to_owned();
    client
        .change(
            id,
            &Change::Hold {
                reason: reason.clone(),
            },
        )
        .await
        .unwrap();
    let held = Listing {
        hold: Some(Hold::Held),
        ..Listing::default()
    };
    let page = client.list(&held).await.unwrap();
    assert_eq!(page.messages.len(), 1);
    assert_eq!(page.messages[0].hold.as_ref(), Some(&reason));
    assert_eq!(client.status().await.unwrap().queue.held, 1);

    client.change(id, &Change::Release).await.unwrap();
    client.change(id, &Change::Retry).await.unwrap();
    let shown = client.show(id, 0).await.unwrap();
    assert_eq!(shown.hold, None);
    assert_eq!(shown.origin, Origin::Postern);
    assert_eq!(shown.reverse_path, "<a@one.example>");
    assert_eq!(shown.recipients[0].forward_path, "<b@two.example>");
    assert_eq!(shown.recipients[0].state, RecipientState::Waiting);

    client.change(id, &Change::Remove).await.unwrap();
    let gone = client.show(id, 0).await.unwrap_err();
    assert_eq!(
        gone.to_string(),
        format!("there is no message {id} in the queue")
    );
    assert!(matches!(gone, ClientError::NoSuchMessage(_)));
    let gone = client.change(id, &Change::Retry).await.unwrap_err();
    assert!(matches!(gone, ClientError::NoSuchMessage(_)));
}

#[tokio::test]
async fn a_list_is_filtered_and_comes_in_pages() {
    let running = Running::start().await;
    for number in 0..5 {
        let to = format!("<x@to{}.example>", number % 2);
        running
            .accept(&format!("<a@from{number}.example>"), [to])
            .await;
    }
    let odd = Listing {
        to: "to1.example".parse().ok(),
        limit: Some(1),
        ..Listing::default()
    };
    let first = running.client.list(&odd).await.unwrap();
    assert_eq!(first.messages[0].reverse_path, "<a@from1.example>");
    let after = first.next;
    assert!(after.is_some());
    let second = running
        .client
        .list(&Listing { after, ..odd })
        .await
        .unwrap();
    assert_eq!(second.messages[0].reverse_path, "<a@from3.example>");
    let by_sender = Listing {
        from: "from4.example".parse().ok(),
        ..Listing::default()
    };
    let found = running.client.list(&by_sender).await.unwrap();
    assert_eq!(found.messages.len(), 1);
}

#[tokio::test]
async fn many_recipients_come_in_parts() {
    let running = Running::start().await;
    let to = (0..1500).map(|number| format!("<x{number}@to.example>"));
    let id = running.accept("<a@from.example>", to).await;
    let first = running.client.show(id, 0).await.unwrap();
    assert_eq!(
        (first.recipients.len(), first.next_recipient),
        (1000, Some(1000))
    );
    let second = running.client.show(id, 1000).await.unwrap();
    assert_eq!(
        (second.recipients.len(), second.next_recipient),
        (500, None)
    );
    assert_eq!(second.recipients[0].forward_path, "<x1000@to.example>");
    let beyond = running.client.show(id, usize::MAX).await.unwrap();
    assert_eq!((beyond.recipients.len(), beyond.next_recipient), (0, None));
    let page = running.client.list(&Listing::default()).await.unwrap();
    assert_eq!(page.messages[0].recipients.len(), 20);
    assert_eq!(page.messages[0].recipients_total, 1500);
}

#[tokio::test]
async fn what_is_no_id_is_looked_up_nowhere() {
    let running = Running::start().await;
    let long = "A".repeat(10_000);
    for id in [
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e",
        "%00",
        "%ff",
        "06gc8m3c00000007",
        "06GC8M3C0000000U",
        long.as_str(),
    ] {
        let path = format!("/v1/queue/{id}");
        running.check(&get(&path), "400").await;
        running
            .check(&post(&format!("{path}/remove"), "{}"), "400")
            .await;
    }
    running
        .check(&get("/v1/queue/../../etc/passwd"), "404")
        .await;
    running
        .check(&get("/v1/queue/06GC8M3C00000007"), "404")
        .await;
    running
        .check(&get("/v1/queue?after=../../etc/passwd"), "400")
        .await;
}

#[tokio::test]
async fn looking_changes_nothing_and_changing_takes_json() {
    let running = Running::start().await;
    let id = running
        .accept("<a@one.example>", ["<b@two.example>".to_owned()])
        .await;
    let remove = format!("/v1/queue/{id}/remove");
    running.check(&get(&remove), "405").await;
    running.check(&get("/v1/reload"), "405").await;
    let form = post(&remove, "{}").replace("application/json", "text/plain");
    running.check(&form, "415").await;
    let silent = post(&remove, "{}").replace("Content-Type: application/json\r\n", "");
    running.check(&silent, "415").await;
    let page = post(&remove, "{}").replace("Host: x", "Host: x\r\nOrigin: http://evil.example");
    running.check(&page, "403").await;
    running.check(&post(&remove, ""), "400").await;
    running
        .check(&post(&remove, r#"{"really": true}"#), "400")
        .await;
    running
        .check(&post(&format!("/v1/queue/{id}/hold"), "{}"), "400")
        .await;
    running
        .check(&post(&format!("/v1/queue/{id}/bounce"), "{}"), "404")
        .await;
    running
        .check(&get("/v1/queue?limit=5&colour=red"), "400")
        .await;
    running.check(&get("/v2"), "404").await;
    assert!(running.client.show(id, 0).await.is_ok());
}

#[tokio::test]
async fn what_is_read_is_bounded() {
    let running = Running::start().await;
    let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(5000));
    running
        .check(&post("/v1/queue/06GC8M3C00000007/hold", &long), "413")
        .await;
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(20_000));
    let mut stream = UnixStream::connect(running.socket()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The rest of the head is never read, so the connection may be reset before the answer.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"));
}

#[tokio::test]
async fn a_reload_that_is_refused_says_why() {
    let running = Running::start().await;
    let errors = vec!["postern.toml:1:1: no".to_owned()];
    let refused = running.client.reload().await.unwrap();
    assert_eq!(refused, Reloaded::Refused { errors });
}

#[tokio::test]
async fn the_socket_is_its_owners_and_goes_with_the_daemon() {
    let running = Running::start().await;
    let socket = running.socket().to_owned();
    let mode = fs::symlink_metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    running.stop.send(()).unwrap();
    running.server.await.unwrap();
    assert!(!socket.exists());
    let error = running.client.status().await.unwrap_err();
    let expected = format!(
        "postern is not running or listens elsewhere: no answer on {}",
        socket.display()
    );
    assert_eq!(error.to_string(), expected);
    drop(running.directory);
}

#[tokio::test]
async fn only_a_socket_that_nobody_answers_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| -> PathBuf { directory.path().join(name) };

    let left_over = at("left-over");
    drop(UnixListener::bind(&left_over).unwrap());
    let ours = ControlSocket::bind(&left_over).await.unwrap();
    assert_eq!(ours.path(), left_over);

    let second = ControlSocket::bind(&left_over).await.unwrap_err();
    assert!(matches!(second, SocketError::InUse(_)), "{second}");
    assert!(left_over.exists());

    let file = at("file");
    fs::write(&file, "precious").unwrap();
    let refused = ControlSocket::bind(&file).await.unwrap_err();
    assert!(matches!(refused, SocketError::NotASocket(_)), "{refused}");
    assert_eq!(fs::read(&file).unwrap(), b"precious");

    let made = ControlSocket::bind(&at("new/control.sock")).await.unwrap();
    let mode = fs::metadata(at("new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    drop(made);
    assert!(
        ControlSocket::bind(&at("no/such/control.sock"))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn somebody_elses_socket_is_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let ours = ControlSocket::bind(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    let _theirs = UnixListener::bind(&path).unwrap();
    drop(ours);
    assert!(path.exists());
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answers = [
        "220 mx.example ESMTP\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    ];
    let peer = tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            let mut asked = [0; 1024];
            let _ = stream.read(&mut asked).await.unwrap();
        }
    });
    let client = Client::new(&path);
    let smtp = client.status().await.unwrap_err();
    assert!(matches!(smtp, ClientError::Connection { .. }), "{smtp}");
    let list = client.status().await.unwrap_err();
    assert!(matches!(list, ClientError::NotUnderstood { .. }), "{list}");
    peer.await.unwrap();
}

#[tokio::test]
async fn partners_are_listed_page_by_page_and_shown_by_name() {
    let running = Running::start().await;
    let first = running.client.partners(0).await.unwrap();
    assert_eq!(first.partners, [line("Ministry & Co")]);
    let second = running.client.partners(first.next.unwrap()).await.unwrap();
    assert_eq!((second.partners, second.next), (vec![line("Bank")], None));

    let shown = running.client.partner("Ministry & Co").await.unwrap();
    assert_eq!(shown, partner("Ministry & Co"));
    let unknown = running.client.partner("Bänk/1").await.unwrap_err();
    assert!(
        matches!(&unknown, ClientError::NoSuchPartner(_)),
        "{unknown:?}"
    );
    let expected = "there is no partner \"Bänk/1\"; did you mean \"Bank\"?";
    assert_eq!(unknown.to_string(), expected);
}

#[tokio::test]
async fn reports_are_listed_page_by_page_and_shown_by_name() {
    let running = Running::start().await;
    let first = running.client.reports(0).await.unwrap();
    let names: Vec<_> = first.reports.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(
        (names.as_slice(), first.next),
        (&["d-1", "t/2"][..], Some(2))
    );
    let second = running.client.reports(2).await.unwrap();
    assert_eq!((second.reports.len(), second.next), (1, None));

    let shown = running.client.report("t/2").await.unwrap();
    assert_eq!(shown.line, report_line("t/2"));
    let missing = running.client.report("../../etc/passwd").await.unwrap_err();
    assert!(
        matches!(&missing, ClientError::NoSuchReport(_)),
        "{missing:?}"
    );
    assert_eq!(
        missing.to_string(),
        "there is no report \"../../etc/passwd\""
    );
}

#[tokio::test]
async fn an_order_for_reports_says_which() {
    let running = Running::start().await;
    let order = ReportOrder {
        domain: Some("example.org".to_owned()),
        dry_run: true,
        ..ReportOrder::default()
    };
    let sent = running.client.send_reports(&order).await.unwrap();
    assert_eq!(sent.notes, ["Some(\"example.org\") true"]);
    for (day, expected) in [
        ("yesterday", "yesterday is no day"),
        ("2026-11-22", "the disk is full"),
    ] {
        let order = ReportOrder {
            day: Some(day.to_owned()),
            ..ReportOrder::default()
        };
        let refused = running.client.send_reports(&order).await.unwrap_err();
        let makes_sense = !matches!(&refused, ClientError::BadRequest(_));
        assert_eq!(makes_sense, day != "yesterday", "{refused:?}");
        assert_eq!(refused.to_string(), expected);
    }
}

#[tokio::test]
async fn messages_are_changed_by_filter() {
    let running = Running::start().await;
    let client = &running.client;
    let to = |domain: &str| [format!("<b@{domain}>")];
    for _ in 0..3 {
        running.accept("<>", to("new.ministry.example")).await;
        running
            .accept("<a@one.example>", to("old.ministry.example"))
            .await;
        running.accept("<a@one.example>", to("else.example")).await;
    }
    let order = |change: Change, which: Listing, dry_run| ChangeOrder {
        change,
        which,
        dry_run,
    };
    let hold = || Change::Hold {
        reason: "Audit of March".to_owned(),
    };
    let check = async |order: ChangeOrder, expected: (usize, usize)| {
        let done = client.change_all(&order).await.unwrap();
        assert_eq!((done.matched, done.changed), expected, "{order:?}");
        assert_eq!(done.next, None, "{order:?}");
    };
    let ministry = Listing {
        partner: Some("Ministry & Co".to_owned()),
        ..Listing::default()
    };
    check(order(hold(), ministry.clone(), true), (3, 0)).await;
    check(order(hold(), ministry.clone(), false), (3, 3)).await;
    let listed = client.list(&ministry).await.unwrap();
    assert_eq!(listed.messages.len(), 3, "an exception is nobody's");
    let audited = Listing {
        reason: Some("audit of".to_owned()),
        ..Listing::default()
    };
    let first = Listing {
        limit: Some(1),
        ..audited.clone()
    };
    check(order(Change::Release, first, false), (1, 1)).await;
    check(order(Change::Release, audited.clone(), false), (2, 2)).await;
    check(order(Change::Release, audited, false), (0, 0)).await;
    let notices = Listing {
        from: Some("<>".parse().unwrap()),
        ..Listing::default()
    };
    check(order(Change::Remove, notices, false), (3, 3)).await;
    let below = Listing {
        to: Some("*.example".parse().unwrap()),
        recipient: Some("<B@ELSE.example>".to_owned()),
        received_before: Some(SystemTime::now().into()),
        ..Listing::default()
    };
    check(order(Change::Retry, below.clone(), false), (3, 3)).await;
    let none = Listing {
        received_after: below.received_before,
        ..below
    };
    check(order(Change::Remove, none, false), (0, 0)).await;

    let summary = client.summary().await.unwrap();
    let lines: Vec<_> = summary.domains.iter().collect();
    let counted: Vec<_> = lines
        .iter()
        .map(|it| (it.domain.as_deref().unwrap(), it.waiting))
        .collect();
    assert_eq!(counted, [("else.example", 3), ("old.ministry.example", 3)]);
    assert_eq!(summary.total.waiting, 6);
    assert_eq!(summary.total.by_age.len(), summary.age_minutes.len() + 1);

    let nobody = Listing {
        partner: Some("Bnak".to_owned()),
        ..Listing::default()
    };
    let refused = client.list(&nobody).await.unwrap_err();
    assert!(
        matches!(refused, ClientError::NoSuchPartner(_)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_keeps_mail_from_going_is_told() {
    let running = Running::start().await;
    let client = &running.client;
    let to = [
        "<a@frozen.example>",
        "<b@frozen.example>",
        "<c@free.example>",
    ];
    let id = running.accept("<>", to.map(str::to_owned)).await;
    let shown = client.show(id, 0).await.unwrap();
    let domains: Vec<_> = shown.delays.iter().map(|it| it.domain.as_str()).collect();
    assert_eq!(domains, ["frozen.example"]);
    let free = client
        .delay(&"free.example".parse().unwrap())
        .await
        .unwrap();
    assert!(!free.is_one());
    assert_eq!(client.destinations().await.unwrap().left_out, 7);
    let freezer = client.frozen().await.unwrap();
    assert_eq!(freezer.trouble.as_deref(), Some("the file is damaged"));
    assert_eq!(client.thaw(Whose::All).await.unwrap(), freezer);
    client.flush(Whose::All).await.unwrap();

    let freeze = async |whose: Whose| {
        let reason = "no disk".to_owned();
        client
            .freeze(&FreezeOrder { whose, reason })
            .await
            .unwrap_err()
    };
    let domain = freeze(Whose::Domain("a.example".parse().unwrap())).await;
    assert!(matches!(&domain, ClientError::Refused(it) if it == "no disk"));
    let partner = freeze(Whose::Partner("Bnak".to_owned())).await;
    assert!(
        matches!(partner, ClientError::NoSuchPartner(_)),
        "{partner:?}"
    );
    let all = freeze(Whose::All).await;
    assert!(matches!(all, ClientError::BadRequest(_)), "{all:?}");
}
