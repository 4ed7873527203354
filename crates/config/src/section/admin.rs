//! `[admin]`: how the running daemon is spoken to.

use std::{net::SocketAddr, os::unix::ffi::OsStrExt, path::PathBuf};

use crate::{
    schema::{Key, Occurs, Reported, Section, Table},
    value::{self, FILE},
};

/// The longest path of a Unix socket: `sun_path` of unix(7) with its final NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// How the running daemon is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The Unix socket of the control interface.
    pub socket: PathBuf,
    /// Where metrics and health are told over HTTP.
    pub http: Option<SocketAddr>,
}

static SOCKET: Key<PathBuf> = Key::defaulted(
    "socket",
    &FILE,
    r#""/run/postern/control.sock""#,
    "The Unix socket on which the command line finds the running daemon. Only its owner and \
     root may use it.",
);

static HTTP: Key<SocketAddr> = Key::optional(
    "http",
    &value::SOCKET,
    "nowhere",
    r#""127.0.0.1:8025""#,
    "Where metrics (`/metrics`, for Prometheus) and health (`/health`, `/ready`) are told over HTTP: an \
     address of the loopback interface, since nobody has to say who he is there. Nothing can be \
     changed by it.",
);

pub(crate) static ADMIN: Section = Section {
    name: "admin",
    occurs: Occurs::Once,
    doc: "How the running daemon is spoken to.",
    keys: &[&SOCKET.entry, &HTTP.entry],
    sections: &[],
    not_yet: &[],
    commented: false,
    example: None,
};

pub(crate) fn read(table: &Table<'_>) -> Result<Admin, Reported> {
    let http = table.maybe(&HTTP).and_then(|http| match http {
        Some(http) if !http.value.ip().is_loopback() => Err(table.notes().error(
            &http.spot,
            format_args!("others than this host reach {}", http.value.ip()),
            "write an address of the loopback interface, such as \"127.0.0.1:8025\"",
        )),
        http => Ok(http.map(|http| http.value)),
    });
    let socket = table.one(&SOCKET)?;
    let path = table.notes().resolve(&socket.value);
    let length = path.as_os_str().as_bytes().len();
    if length > LONGEST_SOCKET_PATH {
        return Err(table.notes().error(
            &socket.spot,
            format_args!("its whole path is {length} octets long"),
            format_args!("a socket's path has at most {LONGEST_SOCKET_PATH}"),
        ));
    }
    Ok(Admin {
        socket: path,
        http: http?,
    })
}
