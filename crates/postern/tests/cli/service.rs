//! The daemon as a service: sockets that are passed to it, rights that it gives up, its manual.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
};

use rustix::process::Signal;

use crate::home::{Home, PATIENCE, RELAY};

/// A listener on an address of its own, and a configuration with it.
fn relay_on(socket: &TcpListener) -> Home {
    let address = socket.local_addr().unwrap().to_string();
    Home::new(&RELAY.replace("127.0.0.1:0", &address))
}

fn passed(socket: &TcpListener) -> OwnedFd {
    socket.try_clone().unwrap().into()
}

fn greeting(connection: TcpStream) -> String {
    connection.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).unwrap();
    line
}

#[test]
fn who_connects_during_a_restart_is_served_after_it() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let home = relay_on(&socket);
    let first = home.serve_on(passed(&socket));
    assert!(
        first.ready.contains(&address.to_string()),
        "{}",
        first.ready
    );
    assert!(greeting(TcpStream::connect(address).unwrap()).starts_with("220 "));
    first.signal(Signal::TERM);
    assert_eq!(first.end().0.code(), Some(0));

    let meanwhile = TcpStream::connect(address).unwrap();
    let second = home.serve_on(passed(&socket));
    assert!(greeting(meanwhile).starts_with("220 "));
    second.signal(Signal::TERM);
    assert_eq!(second.end().0.code(), Some(0));
}

#[test]
fn a_passed_socket_that_nobody_listens_on_is_an_error() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = Home::new(RELAY);
    let ran = home.fail_on(passed(&socket));
    assert_eq!(ran.status, 3);
    let expected = format!("does not listen: {};", socket.local_addr().unwrap());
    assert!(ran.err.contains(&expected), "{}", ran.err);
}

/// What the kernel says of a running daemon.
fn kernel_says(process: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim_start_matches(':').trim().to_owned()
}

#[test]
fn rights_that_are_not_needed_are_given_up() {
    let home = Home::new(RELAY);
    let serving = home.serve();
    let log = serving.logged("sandbox=");
    assert_eq!(kernel_says(serving.pid(), "NoNewPrivs"), "1");
    assert_eq!(kernel_says(serving.pid(), "Seccomp"), "2", "a filter");

    // A file that the configuration did not name, in a folder that it did not either.
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("ca.pem");
    fs::write(&file, "").unwrap();
    let trust = format!("trust = [\"{}\"]", file.display());
    home.write(
        "postern.toml",
        &RELAY.replace("trust = [\"public\"]", &trust),
    );
    serving.signal(Signal::HUP);
    let refused = serving.logged("tls.trust");
    if log.contains("sandbox=\"files and system calls\"") {
        assert!(
            refused.contains("cannot be read: Permission denied"),
            "{refused}"
        );
    } else {
        assert!(log.contains("the kernel has no Landlock"), "{log}");
    }
    serving.terminate();
}

#[test]
fn a_sandbox_that_is_off_takes_nothing() {
    let home = Home::new(&format!("{RELAY}[service]\nsandbox = \"off\"\n"));
    let serving = home.serve();
    assert_eq!(
        kernel_says(serving.pid(), "Seccomp"),
        kernel_says(std::process::id(), "Seccomp")
    );
    serving.signal(Signal::TERM);
    assert_eq!(serving.end().0.code(), Some(0));
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let home = Home::new(RELAY);
    let into = home.path("man");
    let ran = home.run(&["man", "--out", into.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let page = |name: &str| fs::read_to_string(into.join(name)).unwrap();
    assert!(page("postern.8").contains(".TH postern 8"));
    assert!(page("postern-queue-list.8").contains("postern\\-queue\\-list"));
    assert!(page("postern-serve.8").contains("SIGHUP"));
}

#[test]
fn shells_complete_the_command_line() {
    let home = Home::new(RELAY);
    for (shell, sign) in [
        ("bash", "complete -F _postern"),
        ("zsh", "#compdef postern"),
        ("fish", "complete -c postern"),
    ] {
        let ran = home.run(&["completions", shell]);
        assert!(ran.out.contains(sign), "{shell}: {}", ran.out);
    }
}
