//! A host that says what a test tells it to say, well-behaved or not.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

/// What the host heard, and where.
pub(crate) struct Heard<'a> {
    /// A command without its CRLF, empty when the connection was made, `.` when content ended.
    pub(crate) line: &'a str,
    /// Which connection it is, counted from 1.
    pub(crate) connection: usize,
    /// How many connections there are now.
    pub(crate) open: usize,
}

/// What the host does about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// It says these lines, which lack their last CRLF.
    This(&'static str),
    /// It closes the connection without a word.
    Cut,
    /// It says these lines, once the test lets it.
    Gated(&'static str),
}

/// What a host says that does everything it is asked to and offers nothing.
pub(crate) fn obliging(line: &str) -> Say {
    Say::This(match line.get(..4).unwrap_or(line) {
        "" => "220 scripted.example",
        "EHLO" => "250-scripted.example\r\n250 ENHANCEDSTATUSCODES",
        "DATA" => "354 go on",
        "." => "250 2.0.0 taken",
        "QUIT" => "221 2.0.0 bye",
        _ => "250 2.0.0 fine",
    })
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// Each permit lets one gated reply out.
    pub(crate) gate: Arc<Semaphore>,
    said: watch::Receiver<Vec<String>>,
    contents: Arc<Mutex<Vec<Vec<u8>>>>,
}

type Script = dyn Fn(&Heard<'_>) -> Say + Send + Sync;

impl Scripted {
    pub(crate) async fn start(script: impl Fn(&Heard<'_>) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Semaphore::new(0));
        let (note, said) = watch::channel(Vec::new());
        let contents = Arc::new(Mutex::new(Vec::new()));
        let host = Host {
            script: Arc::new(script),
            gate: Arc::clone(&gate),
            note: Arc::new(note),
            contents: Arc::clone(&contents),
            open: Arc::new(()),
        };
        tokio::spawn(async move {
            for connection in 1.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let host = host.clone();
                tokio::spawn(async move {
                    let _the_client_may_be_gone = host.serve(stream, connection).await;
                });
            }
        });
        Self {
            address,
            gate,
            said,
            contents,
        }
    }

    /// Everything that was said to the host so far, on all connections.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// How many of the commands so far begin with this.
    pub(crate) fn count(&self, command: &str) -> usize {
        let said = self.said.borrow();
        said.iter().filter(|line| line.starts_with(command)).count()
    }

    /// Waits until a command beginning with this has come so many times.
    pub(crate) async fn until_said(&mut self, command: &str, times: usize) {
        let enough = |said: &Vec<String>| {
            said.iter().filter(|line| line.starts_with(command)).count() >= times
        };
        let heard = tokio::time::timeout(crate::PATIENCE, self.said.wait_for(enough)).await;
        heard.expect("it is said in time").expect("the host lives");
    }

    /// The content of the messages so far that came whole, with the dots that DATA adds.
    pub(crate) fn contents(&self) -> Vec<Vec<u8>> {
        self.contents.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Host {
    script: Arc<Script>,
    gate: Arc<Semaphore>,
    note: Arc<watch::Sender<Vec<String>>>,
    contents: Arc<Mutex<Vec<Vec<u8>>>>,
    /// Counts connections: each has this value once, and so has the listener.
    open: Arc<()>,
}

impl Host {
    async fn serve(&self, stream: TcpStream, connection: usize) -> std::io::Result<()> {
        let mut stream = BufStream::new(stream);
        let mut line = String::new();
        loop {
            self.note.send_modify(|said| said.push(line.clone()));
            if let Some(chunk) = line.strip_prefix("BDAT ") {
                let size = chunk.trim_end_matches(" LAST").parse().unwrap();
                let mut content = vec![0; size];
                stream.read_exact(&mut content).await?;
                self.contents.lock().unwrap().push(content);
            }
            let heard = Heard {
                line: &line,
                connection,
                open: Arc::strong_count(&self.open) - 1,
            };
            let reply = match (self.script)(&heard) {
                Say::This(reply) => reply,
                Say::Cut => return Ok(()),
                Say::Gated(reply) => {
                    self.gate.acquire().await.unwrap().forget();
                    reply
                }
            };
            stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
            stream.flush().await?;
            let content = reply.starts_with("354");
            line.clear();
            if content {
                let content = read_content(&mut stream).await?;
                self.contents.lock().unwrap().push(content);
                line.push('.');
            } else if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            line.truncate(line.trim_end_matches("\r\n").len());
        }
    }
}

/// Content with its dots as they are on the wire, without the line that ends it.
async fn read_content(stream: &mut BufStream<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let start = content.len();
        if stream.read_until(b'\n', &mut content).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if content[start..] == *b".\r\n" {
            content.truncate(start);
            return Ok(content);
        }
    }
}
