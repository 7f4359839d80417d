//! Starting and stopping: as a library on a port of its own, or on a listener that an executable brings.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::config::Config;
use crate::error::Error;
use crate::handle::Handle;
use crate::http::{self, Server};
use crate::state::State;
use crate::webhook::engine::Engine;

/// The simulator, before it runs.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Binds `config.listen` and serves on the current runtime until the returned guard is shut down or dropped.
    ///
    /// # Errors
    /// When the address cannot be bound or the configuration cannot be.
    pub async fn start(config: Config) -> Result<Running, Error> {
        let listener = bind(config.listen).await?;
        let addr = listener.local_addr().map_err(|source| Error::Bind {
            addr: config.listen,
            source,
        })?;
        let shutdown = CancellationToken::new();
        let (handle, tasks) = spawn(listener, config, shutdown.clone())?;
        Ok(Running {
            addr,
            handle,
            tasks,
            shutdown,
        })
    }
}

/// Serves on a listener until told to stop; what the executable runs.
///
/// # Errors
/// When the configuration cannot be.
pub async fn serve(listener: TcpListener, config: Config, shutdown: CancellationToken) -> Result<(), Error> {
    let (_handle, tasks) = spawn(listener, config, shutdown)?;
    tasks.wait().await;
    Ok(())
}

/// A running simulator. Everything of [`Handle`] can be called on it. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    handle: Handle,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Running {
    /// What to use as the base URL of the Graph API: `http://127.0.0.1:…`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// A handle that may outlive this guard.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops serving: requests under way get a second to end, webhooks that wait are dropped.
    pub async fn shutdown(self) {
        self.shutdown.cancel();
        self.tasks.wait().await;
    }
}

impl Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn bind(addr: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(addr)
        .await
        .map_err(|source| Error::Bind { addr, source })
}

fn spawn(listener: TcpListener, config: Config, shutdown: CancellationToken) -> Result<(Handle, TaskTracker), Error> {
    config.check().map_err(Error::Config)?;
    let client = webhook_client()?;
    let (state, commands) = State::new(config);
    let engine = Engine::new(Arc::clone(&state), client.clone());
    let server = Server::new(listener, http::router(Arc::clone(&state), client));
    info!("the simulator stands in for Meta");

    let tasks = TaskTracker::new();
    tasks.spawn(engine.run(commands, shutdown.clone()));
    tasks.spawn(server.run(shutdown));
    tasks.close();
    Ok((Handle::new(state), tasks))
}

fn webhook_client() -> Result<reqwest::Client, Error> {
    // An error means that the program has chosen its provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(Error::Client)
}
