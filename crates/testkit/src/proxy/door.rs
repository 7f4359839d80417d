//! The listening side: open, or closed so that connecting fails at once, while the port stays ours.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connection;
use super::link::Link;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// How long to wait for our port, and between two tries.
const PATIENCE: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(2);

/// Asks the doorman to open or close.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) open: bool,
    pub(super) done: oneshot::Sender<io::Result<()>>,
}

#[derive(Debug)]
pub(super) enum Door {
    Open(TcpListener),
    /// Bound without listening: nobody else gets the port, and whoever connects is refused by the system.
    Closed {
        _port: TcpSocket,
    },
    /// Somebody else has the port.
    Lost,
}

impl Door {
    /// Accepts connections and obeys orders until it is aborted.
    pub(super) async fn keep(mut self, addr: SocketAddr, link: Arc<Link>, mut orders: mpsc::Receiver<Order>) {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    let turned;
                    (self, turned) = match self.turn(order.open, addr).await {
                        Ok(door) => (door, Ok(())),
                        // Without its port there is no proxy any more.
                        Err(error) => (Self::Lost, Err(error)),
                    };
                    let _ = order.done.send(turned); // whoever ordered may have stopped waiting
                }
                stream = self.accept() => {
                    link.counters.connections.fetch_add(1, Ordering::Relaxed);
                    // Subscribed before the task runs: a cut from now on is meant for this one too.
                    connections.spawn(connection::carry(stream, Arc::clone(&link), link.cuts()));
                }
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
            }
        }
    }

    async fn accept(&self) -> TcpStream {
        match self {
            Self::Closed { .. } | Self::Lost => std::future::pending().await,
            Self::Open(listener) => loop {
                // A connection that is gone before it is accepted is none.
                if let Ok((stream, _)) = listener.accept().await {
                    return stream;
                }
                tokio::task::yield_now().await;
            },
        }
    }

    async fn turn(self, open: bool, addr: SocketAddr) -> io::Result<Self> {
        match (self, open) {
            (Self::Open(listener), false) => {
                drop(listener); // two sockets share a port only while neither listens
                Ok(Self::Closed {
                    _port: bound(addr).await?,
                })
            }
            (Self::Closed { _port }, true) => Ok(Self::Open(bound(addr).await?.listen(BACKLOG)?)),
            (as_it_is, _) => Ok(as_it_is),
        }
    }
}

/// Takes the port, patiently: a program that is just being started holds copies of our sockets until it has begun, and a connection of
/// anybody's may use the port for a moment.
async fn bound(addr: SocketAddr) -> io::Result<TcpSocket> {
    let begun = Instant::now();
    loop {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        match socket.bind(addr) {
            Ok(()) => return Ok(socket),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse || begun.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(AGAIN).await,
        }
    }
}
