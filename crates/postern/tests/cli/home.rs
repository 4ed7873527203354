//! A place for a configuration, and the program run in it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

/// How long anything may take. It is long because test machines are busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A relay listener for tests, without TLS. Everything it takes goes to a port where nobody
/// listens, and so do questions to the DNS.
pub(crate) const RELAY: &str = r#"
hostname = "mx1.example.org"
[spool]
path = "queue"
[[listener]]
address = "127.0.0.1:0"
role = "relay"
tls = "none"
networks = ["127.0.0.0/8"]
[tls]
trust = ["public"]
[[domain]]
name = "example.org"
next-hop = ["127.0.0.1:1"]
[queue]
retry = ["1h"]
lifetime = "5d"
[admin]
socket = "control.sock"
[dns]
servers = ["127.0.0.1:1"]
"#;

/// A directory with a configuration.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new(configuration: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        home.write("postern.toml", configuration);
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command
            .args(arguments)
            .arg("--config")
            .arg(self.path("postern.toml"));
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().unwrap(), self.0.path())
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn serve(&self) -> Serving<'_> {
        self.serve_with(&[])
    }

    /// Starts the daemon with these variables in its environment.
    pub(crate) fn serve_with(&self, environment: &[(&str, &str)]) -> Serving<'_> {
        let mut command = self.command(&["serve"]);
        command.envs(environment.iter().copied());
        self.start(command)
    }

    /// Starts the daemon where it stands, so that it is told of no directory.
    pub(crate) fn serve_here(&self) -> Serving<'_> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postern"));
        command.args(["serve", "--config", "postern.toml"]);
        command.current_dir(self.0.path());
        self.start(command)
    }

    /// Starts the daemon with a listening socket as systemd passes it (sd_listen_fds(3)).
    pub(crate) fn serve_on(&self, socket: OwnedFd) -> Serving<'_> {
        self.start_with(self.passing(), socket.into())
    }

    /// The same for a daemon that does not start.
    pub(crate) fn fail_on(&self, socket: OwnedFd) -> Ran {
        let mut command = self.passing();
        Ran::of(&command.stdin(socket).output().unwrap(), self.0.path())
    }

    /// The number of the process must be known before it is the daemon.
    fn passing(&self) -> Command {
        let mut command = Command::new("sh");
        let pass = "exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID=$$; \
                    exec \"$0\" serve --config \"$1\"";
        command.args(["-c", pass, env!("CARGO_BIN_EXE_postern")]);
        command.arg(self.path("postern.toml"));
        command
    }

    /// Starts the daemon so that a write beyond a limit fails, rather than killing it.
    pub(crate) fn serve_within_limits(&self) -> Serving<'_> {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\""]);
        command.arg(env!("CARGO_BIN_EXE_postern"));
        command.arg(self.path("postern.toml"));
        self.start(command)
    }

    fn start(&self, command: Command) -> Serving<'_> {
        self.start_with(command, Stdio::null())
    }

    fn start_with(&self, mut command: Command, stdin: Stdio) -> Serving<'_> {
        command.stdin(stdin);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        let Ok(ready) = out.recv_timeout(PATIENCE) else {
            panic!("not ready: {:?}", log.iter().collect::<Vec<_>>());
        };
        Serving {
            home: self,
            child,
            ready,
            out,
            log,
        }
    }
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// The directory is left out of what was said.
    fn of(output: &Output, directory: &Path) -> Self {
        let directory = format!("{}/", directory.display());
        let text = |octets: &[u8]| {
            let text = String::from_utf8(octets.to_vec()).unwrap();
            text.replace(&directory, "")
        };
        Self {
            status: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.err, "");
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A running daemon. It is killed if it is still there at the end.
pub(crate) struct Serving<'a> {
    home: &'a Home,
    child: Child,
    /// The line that it is ready.
    pub(crate) ready: String,
    out: Receiver<String>,
    log: Receiver<String>,
}

impl Serving<'_> {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// From now on no file can be written beyond its first octet, as if the disk failed.
    pub(crate) fn break_disk(&self) {
        let nothing = Rlimit {
            current: Some(1),
            maximum: Some(1),
        };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, nothing).unwrap();
    }

    /// Waits until a line of the log holds `text`.
    #[track_caller]
    pub(crate) fn logged(&self, text: &str) -> String {
        self.logged_until(text).pop().unwrap()
    }

    /// The lines of the log up to the one that holds `text`.
    #[track_caller]
    pub(crate) fn logged_until(&self, text: &str) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let mut lines = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.log.recv_timeout(left) {
                Ok(line) => lines.push(line),
                Err(_) => panic!("{text:?} is not logged, but {lines:#?}"),
            }
            if lines.last().is_some_and(|line| line.contains(text)) {
                return lines;
            }
        }
    }

    /// From now on nobody reads the log.
    pub(crate) fn hang_up_on_log(&mut self) {
        let (_, nothing) = mpsc::channel();
        self.log = nothing;
    }

    /// Waits for the end, and gives what was printed after the first line.
    #[track_caller]
    pub(crate) fn end(mut self) -> (ExitStatus, Vec<String>) {
        // Standard output ends when the process does.
        let mut printed = Vec::new();
        loop {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => printed.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the daemon does not end"),
            }
        }
        (self.child.wait().unwrap(), printed)
    }

    /// Asks it to end, and expects that it does so in good order.
    #[track_caller]
    pub(crate) fn terminate(self) {
        self.signal(Signal::TERM);
        let home = self.home;
        let (status, printed) = self.end();
        assert_eq!(status.code(), Some(0));
        assert_eq!(printed, Vec::<String>::new());
        assert!(!home.path("control.sock").exists());
    }

    /// Where it listens first.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self.ready.split_once("listening on ").unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }

    /// Hands it a message from a@client.example.
    pub(crate) fn submit(&self, to: &str) {
        let mut session = Session::begin(self.address());
        session.say("MAIL FROM:<a@client.example>", "250");
        session.say(&format!("RCPT TO:<{to}>"), "250");
        session.say("DATA", "354");
        session.say("Subject: x\r\n\r\nx\r\n.", "250");
        session.say("QUIT", "221");
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Just enough of a client.
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    pub(crate) fn begin(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = BufReader::new(stream);
        let mut session = Self { stream };
        session.expect("220");
        session.say("EHLO client.example", "250");
        session
    }

    #[track_caller]
    pub(crate) fn say(&mut self, line: &str, code: &str) {
        self.stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .unwrap();
        self.expect(code);
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, code: &str) {
        loop {
            let mut reply = String::new();
            self.stream.read_line(&mut reply).unwrap();
            assert!(reply.starts_with(code), "{reply:?} is not {code}");
            if !reply[3..].starts_with('-') {
                return;
            }
        }
    }
}

/// The lines of a stream, as they come. Whoever drops the receiver closes the stream with it.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
