//! The socket itself: whose it is, and who answers on it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use postern_admin::{Client, ClientError, ControlSocket, SocketError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixListener,
};

use crate::running::Running;

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
