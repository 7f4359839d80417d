//! A TCP proxy that breaks the link behind it, inside the test: latency, black holes, refusals, resets, cuts in the middle of a frame.
//!
//! Faults can be changed at any time. Unlike a killed server, a broken link leaves both ends alive, each with its own idea of what
//! happened: that is where commits, publishes and POSTs come into doubt.
//!
//! **Invariant:** what is passed on is passed on unchanged and in order. A fault delays bytes, or ends a connection, or swallows
//! everything from its beginning; it never loses something in the middle of a stream that goes on, because TCP does not either.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

mod connection;
mod door;
mod faults;
mod link;
mod way;

use self::door::{Door, Order};
pub use self::faults::{Arrivals, Ending, Ends, Faults, Latency, Way};
use self::link::Link;
pub use self::link::Tally;

/// A running proxy. Its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens. Stays the same over every fault.
    pub addr: SocketAddr,
    link: Arc<Link>,
    orders: mpsc::Sender<Order>,
    doorman: JoinHandle<()>,
}

impl Proxy {
    /// A proxy without faults in front of `upstream`, a `host:port`.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: impl Into<String>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("listening on a port of its own")?;
        let addr = listener.local_addr()?;
        let link = Arc::new(Link::new(upstream.into()));
        let (orders, inbox) = mpsc::channel(1);
        let doorman = tokio::spawn(Door::Open(listener).keep(addr, Arc::clone(&link), inbox));
        Ok(Self {
            addr,
            link,
            orders,
            doorman,
        })
    }

    /// Puts several servers behind it, each a `host:port`: new connections take turns, and pass over a server that is not there. What
    /// a load balancer does for replicas.
    pub fn lead_to(&self, upstreams: impl IntoIterator<Item = String>) {
        self.link.lead_to(upstreams.into_iter().collect());
    }

    /// A proxy in front of the server that a URL names, and the URL that leads through it.
    ///
    /// # Errors
    /// When the URL names no server, or no port can be had.
    pub async fn before(url: &str) -> Result<(Self, String)> {
        let server = server_of(url).context("finding the server in a URL")?;
        let upstream = match server.rsplit_once(':') {
            Some(_) => server.to_owned(),
            None => format!("{server}:{}", default_port(url).context("a URL without a port")?),
        };
        let proxy = Self::start(upstream).await?;
        let at = server.as_ptr() as usize - url.as_ptr() as usize;
        let through = format!("{}{}{}", &url[..at], proxy.addr, &url[at + server.len()..]);
        Ok((proxy, through))
    }

    /// Puts these faults in force, in place of those before. When this returns, they hold: for connections to come and for
    /// those that are there, whose counts of bytes begin anew.
    ///
    /// # Panics
    /// When another process took the proxy's port while it refused connections.
    pub async fn set(&self, faults: Faults) {
        let open = faults.arrivals != Arrivals::Refused;
        self.link.set(faults);
        let (done, carried_out) = oneshot::channel();
        let order = Order { open, done };
        self.orders
            .send(order)
            .await
            .expect("the doorman lives as long as this");
        let carried_out = carried_out.await.expect("the doorman obeys");
        carried_out.expect("the proxy's port is still its own");
    }

    /// No faults any more. Connections that were swallowed stay so: their bytes are gone.
    pub async fn heal(&self) {
        self.set(Faults::default()).await;
    }

    /// Resets every connection there is. What was under way in them is lost; new ones are welcome as before.
    pub fn cut(&self) {
        self.link.cut();
    }

    /// What happened so far. A test that asks for a fault should see here that it struck.
    pub fn tally(&self) -> Tally {
        self.link.tally()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.doorman.abort();
    }
}

/// `host:port`, or `host`, of `scheme://user@host:port/path?query`.
fn server_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let server = authority.rsplit_once('@').map_or(authority, |(_, server)| server);
    (!server.is_empty()).then_some(server)
}

fn default_port(url: &str) -> Option<u16> {
    match url.split_once("://")?.0 {
        "postgres" | "postgresql" => Some(5432),
        "amqp" => Some(5672),
        "http" => Some(80),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
