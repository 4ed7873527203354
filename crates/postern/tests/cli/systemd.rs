//! What systemd is told.

use std::{os::unix::net::UnixDatagram, time::Duration};

use rustix::process::Signal;

use crate::home::{Home, RELAY};

struct Systemd(UnixDatagram);

impl Systemd {
    /// What it is told next, the watchdog aside.
    fn told(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1\n" {
                return told;
            }
        }
    }

    fn next(&self) -> String {
        let mut octets = [0; 1024];
        let length = self.0.recv(&mut octets).unwrap();
        String::from_utf8(octets[..length].to_vec()).unwrap()
    }
}

#[test]
fn systemd_follows_the_life_of_the_daemon() {
    let home = Home::new(RELAY);
    let path = home.path("notify");
    let systemd = Systemd(UnixDatagram::bind(&path).unwrap());
    systemd
        .0
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let environment = [
        ("NOTIFY_SOCKET", path.to_str().unwrap()),
        ("WATCHDOG_USEC", "3000000"),
    ];
    let serving = home.serve_with(&environment);
    assert_eq!(systemd.told(), "READY=1\n");
    while systemd.next() != "WATCHDOG=1\n" {}
    serving.signal(Signal::HUP);
    let reloading = systemd.told();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading:?}"
    );
    assert_eq!(systemd.told(), "READY=1\n");
    serving.signal(Signal::TERM);
    assert_eq!(systemd.told(), "STOPPING=1\n");
    let (status, _) = serving.end();
    assert_eq!(status.code(), Some(0));
}
