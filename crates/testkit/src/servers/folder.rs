//! The folder of one private server: what is known about it, its data, its log.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::account::Account;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Folder {
        Folder { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The server's own folder inside; only its account reads it.
    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Throws away what was there and makes an empty data folder that belongs to `account`.
    pub(super) fn create(&self, account: &Account) -> Result<()> {
        if self.data().exists() {
            fs::remove_dir_all(self.data()).with_context(|| format!("removing {}", self.data().display()))?;
        }
        fs::create_dir_all(self.data()).with_context(|| format!("creating {}", self.data().display()))?;
        account.take_over(&self.data())
    }

    /// Removes the folder with everything in it.
    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Remembers the server for other processes; readable by this user only, for it may hold a password.
    pub(super) fn save(&self, server: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(server).context("writing down the server's address")?;
        let draft = self.path.join("server.json.new");
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        // Replaced in one step: `status` reads without the lock.
        fs::rename(&draft, self.path.join("server.json")).context("writing down the server's address")
    }

    /// What was saved; `None` when nothing, or nothing that this version understands.
    pub(super) fn load<S: DeserializeOwned>(&self) -> Option<S> {
        let text = fs::read_to_string(self.path.join("server.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Where the output of the server's processes goes.
    pub(super) fn log_path(&self) -> PathBuf {
        self.path.join("log")
    }

    /// The file that takes it.
    pub(super) fn log(&self) -> Result<File> {
        let path = self.log_path();
        File::options()
            .create(true)
            .append(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))
    }

    /// The last lines of the log, for an error message.
    pub(super) fn end_of_log(&self) -> String {
        let path = self.path.join("log");
        let text = fs::read(&path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!(
            "{} ends with:\n{}",
            path.display(),
            lines[lines.len().saturating_sub(20)..].join("\n")
        )
    }
}
