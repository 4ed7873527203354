//! The Unix socket of the control interface.
//!
//! Who may use it is a matter of file permissions: it has mode 0600, so its owner and root may.
//! A directory that is missing is made for it, with mode 0700, if the one above is there.

use std::{
    fs::{self, DirBuilder, File, Metadata, Permissions},
    io,
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// How long a socket that is there already has to take a connection.
const ANSWER: Duration = Duration::from_secs(2);

/// How many connections wait to be accepted.
const BACKLOG: u32 = 32;

/// A socket that is ours, until this is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    pub(crate) listener: UnixListener,
    path: PathBuf,
    inode: (u64, u64),
}

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody answers on it: another daemon.
    #[error("{} is in use by another process; give this one a socket of its own", .0.display())]
    InUse(PathBuf),
    /// What is there is not a socket, and is not ours to remove.
    #[error("{} is there already and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A file could not be made or looked at.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl ControlSocket {
    /// Makes the socket. One that is left over from a process that is gone is replaced; one on
    /// which somebody answers is not.
    ///
    /// # Errors
    /// The path is taken, or cannot be used.
    pub async fn bind(path: &Path) -> Result<Self, SocketError> {
        make_directory(path)?;
        remove_leftover(path).await?;
        let listener = listen(path).map_err(failed("listen on", path))?;
        let metadata = fs::symlink_metadata(path).map_err(failed("look at", path))?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            inode: inode(&metadata),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // Somebody may have put a socket of his own in this place.
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|it| inode(&it) == self.inode);
        if ours {
            // One that stays is replaced by the next daemon.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn make_directory(path: &Path) -> Result<(), SocketError> {
    let parent = path.parent();
    // A bare name has a parent without a name, which is where we are.
    let missing = |it: &&Path| !it.as_os_str().is_empty() && !it.exists();
    let Some(directory) = parent.filter(missing) else {
        return Ok(());
    };
    DirBuilder::new()
        .mode(0o700)
        .create(directory)
        .map_err(failed("make the directory", directory))
}

async fn remove_leftover(path: &Path) -> Result<(), SocketError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if !metadata.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match tokio::time::timeout(ANSWER, UnixStream::connect(path)).await {
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed("remove the old", path))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // A connection, a full backlog, no permission: there is somebody.
        Ok(_) | Err(_) => Err(SocketError::InUse(path.to_owned())),
    }
}

/// The mode is set on the socket before it has a name: Linux gives the name what the socket has,
/// so that nobody can connect in between. Systems that do not are told by name as well.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let owner = Permissions::from_mode(0o600);
    let socket = UnixSocket::new_stream()?;
    let nameless = File::from(socket.as_fd().try_clone_to_owned()?);
    let _ = nameless.set_permissions(owner.clone());
    socket.bind(path)?;
    fs::set_permissions(path, owner)?;
    socket.listen(BACKLOG)
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SocketError {
    let path = path.to_owned();
    move |source| SocketError::File {
        action,
        path,
        source,
    }
}
