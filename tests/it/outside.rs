//! Systems of others that Turnpike calls: they keep what comes and answer 200.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Header lines, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A system that listens on loopback until the test ends.
#[derive(Debug, Clone)]
pub(crate) struct Outside {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    alive: CancellationToken,
}

impl Outside {
    pub(crate) async fn start() -> Self {
        Self::at("127.0.0.1:0", Arc::default()).await
    }

    async fn at(address: &str, calls: Arc<Mutex<Vec<Call>>>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (alive, kept) = (CancellationToken::new(), Arc::clone(&calls));
        let until = alive.clone();
        tokio::spawn(async move {
            let serving = async {
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(
                        until
                            .clone()
                            .run_until_cancelled_owned(serve(socket, Arc::clone(&kept))),
                    );
                }
            };
            until.run_until_cancelled(serving).await;
        });
        Self { url, calls, alive }
    }

    /// Dies with every connection, and comes back at the same address, knowing what it knew.
    pub(crate) async fn killed_and_back(self) -> Self {
        self.alive.cancel();
        let address = self.url.trim_start_matches("http://").to_owned();
        let calls = self.calls;
        // The port is free when the listener is gone, which its task does in its own time.
        testkit::until(Duration::from_secs(10), "the port to be free", async || {
            TcpListener::bind(&address).await.ok()
        })
        .await;
        Self::at(&address, calls).await
    }

    pub(crate) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// One connection, as many calls as it brings. A peer that breaks off ends it.
async fn serve(mut socket: TcpStream, calls: Arc<Mutex<Vec<Call>>>) -> Option<()> {
    let mut read = Vec::new();
    loop {
        let (head, rest) = loop {
            if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break (
                    String::from_utf8_lossy(&read[..end]).to_string(),
                    read.split_off(end + 4),
                );
            }
            more(&mut socket, &mut read).await?;
        };
        let head: String = head
            .lines()
            .map(|line| match line.split_once(": ") {
                Some((name, value)) => format!("{}: {value}\n", name.to_ascii_lowercase()),
                None => format!("{line}\n"),
            })
            .collect();
        let mut body = rest;
        let mut call = Call {
            head,
            body: Value::Null,
        };
        let length: usize = call
            .header("content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        while body.len() < length {
            more(&mut socket, &mut body).await?;
        }
        read = body.split_off(length);
        call.body = serde_json::from_slice(&body).unwrap_or_default();
        calls.lock().unwrap().push(call);
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await
            .ok()?;
    }
}

async fn more(socket: &mut TcpStream, into: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 8192];
    let count = socket.read(&mut buffer).await.ok()?;
    into.extend_from_slice(&buffer[..count]);
    (count > 0).then_some(())
}
