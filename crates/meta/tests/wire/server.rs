//! A server of the roughest kind: reads a request, then does what the script says. Raw sockets, because a proper HTTP server cannot
//! misbehave.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does once it has read a request.
#[derive(Debug, Clone)]
pub(crate) enum Then {
    /// Answers, and keeps the connection.
    Answer(String),
    /// Writes these bytes and closes.
    Bytes(String),
    /// Writes these bytes and keeps silent.
    BytesThenSilence(String),
    /// Closes in order.
    Close,
    /// Resets the connection.
    Reset,
    /// Never answers.
    Silence,
}

impl Then {
    /// A complete answer.
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer(format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }
}

#[derive(Debug, Default)]
struct Ledger {
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
}

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Does the same after every request.
    pub(crate) async fn start(then: Then) -> Self {
        Self::start_with(vec![then]).await
    }

    /// Does one after the other; the last one for ever.
    pub(crate) async fn start_with(script: Vec<Then>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ledger = Arc::new(Ledger::default());
        let accepting = tokio::spawn({
            let ledger = Arc::clone(&ledger);
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    ledger.connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(socket, script.clone(), Arc::clone(&ledger)));
                }
            }
        });
        Self {
            address,
            ledger,
            accepting,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every complete request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.ledger.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.ledger.connections.load(Ordering::SeqCst)
    }

    /// Nobody listens any more when this returns.
    pub(crate) async fn stop(self) {
        self.accepting.abort();
        assert!(self.accepting.await.unwrap_err().is_cancelled());
    }
}

async fn serve(mut socket: TcpStream, script: Vec<Then>, ledger: Arc<Ledger>) {
    while let Some(request) = read_request(&mut socket).await {
        let nth = {
            let mut requests = ledger.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let then = script.get(nth).or_else(|| script.last()).expect("a script has a step");
        match then {
            Then::Answer(answer) => socket.write_all(answer.as_bytes()).await.unwrap_or_default(),
            Then::Bytes(bytes) => {
                socket.write_all(bytes.as_bytes()).await.unwrap_or_default();
                return;
            }
            Then::BytesThenSilence(bytes) => {
                socket.write_all(bytes.as_bytes()).await.unwrap_or_default();
                std::future::pending::<()>().await;
            }
            Then::Close => return,
            Then::Reset => {
                socket.set_zero_linger().unwrap();
                return;
            }
            Then::Silence => std::future::pending().await,
        }
    }
}

/// One request with its body; `None` when the client is gone, or speaks something else than HTTP.
async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |n| n.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(String::from_utf8(bytes).expect("the tests send text"));
            }
        }
        // A TLS greeting, which is no request.
        if bytes.first() == Some(&0x16) {
            socket
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap_or_default();
            return None;
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
