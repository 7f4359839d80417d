//! What the private servers have in common: found running, started fresh, stopped, swept up after a lost owner.

use std::fs::{self, File};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Servers;
use super::folder::Folder;
use super::home::Home;
use super::postgres::Cluster;
use super::process;
use super::rabbitmq::Node;

/// A server of ours: its address and processes, as written down in its [`Folder`].
pub(super) trait Server: Serialize + DeserializeOwned + Sized {
    const NAME: &'static str;

    /// Prepares a new one in a fresh folder, without starting it.
    fn create(folder: &Folder) -> Result<Self>;

    /// Starts its processes, and writes them down before it waits: who is interrupted meanwhile leaves a trace.
    fn start(&mut self, folder: &Folder) -> Result<()>;

    /// Its process lives, whether it answers or not.
    fn is_alive(&self) -> bool;

    /// Its process lives and it answers in its own protocol.
    fn is_ready(&self) -> bool;

    /// Ends its processes, quickly; its data is about to be removed.
    fn discard(&self) -> Result<()>;
}

/// The server of `folder`, if it runs and answers.
pub(super) fn running<S: Server>(folder: &Folder) -> Option<S> {
    folder.load::<S>().filter(Server::is_ready)
}

/// The server of `folder`, if it runs and answers within `patience`: on a machine that builds and tests with all it has,
/// silence for a second or two is no reason to take a server away from those who use it.
pub(super) fn running_within<S: Server>(folder: &Folder, patience: Duration) -> Option<S> {
    let server = folder.load::<S>()?;
    process::poll(patience, || server.is_ready() || !server.is_alive());
    Some(server).filter(Server::is_ready)
}

/// Starts a new server in `folder`.
pub(super) fn fresh<S: Server>(folder: &Folder) -> Result<S> {
    let mut server = S::create(folder).with_context(|| format!("preparing a private {}", S::NAME))?;
    let started = server
        .start(folder)
        .with_context(|| format!("starting a private {}", S::NAME));
    if started.is_err() {
        server.discard()?;
    }
    started.map(|()| server)
}

/// Ends the server of `folder`, whatever is left of it, and removes the folder. True when there was one.
pub(super) fn stop<S: Server>(folder: &Folder) -> Result<bool> {
    let known = folder.load::<S>();
    if let Some(server) = &known {
        server
            .discard()
            .with_context(|| format!("stopping the private {}", S::NAME))?;
    }
    folder.remove()?;
    Ok(known.is_some())
}

/// An additional server for one test, gone when this is dropped.
#[derive(Debug)]
pub(super) struct Additional<S: Server> {
    pub(super) server: S,
    pub(super) folder: Folder,
    /// Locked for as long as the owner lives: how [`sweep`] tells a lost server from a used one.
    _owner: File,
}

impl<S: Server> Additional<S> {
    pub(super) fn start(name: &str) -> Result<Additional<S>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let home = Home::of_this_checkout()?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder::new(home.additional().join(format!("{name}-{}-{count}", std::process::id())));
        let owner = {
            let _lock = home.lock()?;
            sweep(&home)?;
            Servers::ensure_installed()?; // containers, or somebody else's servers, cannot be killed by a test
            fs::create_dir_all(folder.path()).with_context(|| format!("creating {}", folder.path().display()))?;
            let owner = File::create(folder.path().join("owner"))?;
            owner.lock().context("locking a file of our own")?;
            owner
        };
        let server = fresh(&folder)?;
        Ok(Additional {
            server,
            folder,
            _owner: owner,
        })
    }

    /// Starts it again where it was: same port, same data.
    pub(super) fn start_again(&mut self) -> Result<()> {
        self.server
            .start(&self.folder)
            .with_context(|| format!("starting the private {} again", S::NAME))
    }
}

impl<S: Server> Drop for Additional<S> {
    fn drop(&mut self) {
        if let Err(error) = stop::<S>(&self.folder) {
            eprintln!("leaving {} to the next sweep: {error:#}", self.folder.path().display());
        }
    }
}

/// Stops additional servers whose owner died before it could. The caller holds the home's lock.
pub(super) fn sweep(home: &Home) -> Result<()> {
    let Ok(folders) = fs::read_dir(home.additional()) else {
        return Ok(());
    };
    for folder in folders {
        let folder = Folder::new(folder.context("listing additional servers")?.path());
        let lost = match File::open(folder.path().join("owner")) {
            Ok(owner) => owner.try_lock().is_ok(),
            Err(_) => true,
        };
        if !lost {
            continue;
        }
        if folder.load::<Cluster>().is_some() {
            stop::<Cluster>(&folder)?;
        } else {
            stop::<Node>(&folder)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_whose_owner_died_is_swept_up_and_a_used_one_stays() {
        let home = Home::of_this_checkout().unwrap();
        let used = Additional::<Cluster>::start("used").unwrap();
        let lost = Additional::<Cluster>::start("lost").unwrap();

        lost._owner.unlock().unwrap(); // what the system does when a process dies
        {
            let _lock = home.lock().unwrap();
            sweep(&home).unwrap();
        }

        assert!(used.server.is_ready());
        assert!(!lost.server.is_ready());
        assert!(!lost.folder.path().exists());
    }
}
