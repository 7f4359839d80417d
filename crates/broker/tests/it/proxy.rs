//! A TCP proxy in front of the broker that can cut connections or fall silent, as networks do.

use std::net::SocketAddr;

use broker::Address;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Proxy {
    line: watch::Sender<Line>,
}

#[derive(Clone, Copy, Default)]
struct Line {
    /// Connections of an earlier generation are closed.
    generation: u64,
    /// Bytes are taken and not passed on.
    silent: bool,
}

impl Proxy {
    /// A proxy in front of the broker of `amqp_url`, and the address that leads through it.
    pub(crate) async fn start(amqp_url: &str) -> (Self, Address) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (through, target) = detour(amqp_url, listener.local_addr().unwrap());
        let line = watch::Sender::default();
        tokio::spawn(accept(listener, target, line.subscribe()));
        (Self { line }, Address::parse(&through).unwrap())
    }

    /// Closes every connection there is; new ones are let through.
    pub(crate) fn cut(&self) {
        self.line.send_modify(|line| line.generation += 1);
    }

    /// From now on nothing is passed on, though every connection stays open.
    pub(crate) fn fall_silent(&self) {
        self.line.send_modify(|line| line.silent = true);
    }
}

/// The URL with the proxy in place of the broker, and where the broker is.
fn detour(amqp_url: &str, proxy: SocketAddr) -> (String, String) {
    let (scheme, rest) = amqp_url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (login, target) = authority.rsplit_once('@').unwrap_or(("guest:guest", authority));
    (format!("{scheme}://{login}@{proxy}{path}"), target.to_owned())
}

async fn accept(listener: TcpListener, target: String, line: watch::Receiver<Line>) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&target).await.unwrap();
        let generation = line.borrow().generation;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(pass(from_client, to_server, line.clone(), generation));
        tokio::spawn(pass(from_server, to_client, line.clone(), generation));
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>, generation: u64) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let count = tokio::select! {
            cut = line.wait_for(|line| line.generation != generation) => {
                drop(cut);
                return;
            }
            count = from.read(&mut bytes) => match count {
                Ok(0) | Err(_) => return,
                Ok(count) => count,
            },
        };
        let silent = line.borrow().silent;
        if !silent && to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
