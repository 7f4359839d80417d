//! The user a server runs as.
//!
//! **Invariant:** no server runs as root: both refuse or dislike it, and throw-away data does not need it.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use nix::unistd::{Gid, Uid, User, chown, geteuid};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Account {
    /// The user who runs this program.
    Ourselves,
    /// A user that the server's package brought along.
    Other { uid: Uid, gid: Gid },
}

impl Account {
    /// We ourselves, except for root: then `user`, or `nobody` where the server came without a user of its own.
    pub(super) fn for_server(user: &str) -> Result<Account> {
        if !geteuid().is_root() {
            return Ok(Account::Ourselves);
        }
        for name in [user, "nobody"] {
            if let Some(found) = User::from_name(name).with_context(|| format!("looking up the user {name}"))? {
                return Ok(Account::Other {
                    uid: found.uid,
                    gid: found.gid,
                });
            }
        }
        bail!("servers do not run as root, and there is no user {user} here: create it with `useradd --system {user}`")
    }

    /// A command that will run as this user, away from the terminal's signals, so that it outlives its parent.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.process_group(0);
        if let Account::Other { uid, gid } = self {
            command.uid(uid.as_raw()).gid(gid.as_raw());
        }
        command
    }

    /// Makes a file or folder this user's own.
    pub(super) fn take_over(self, path: &Path) -> Result<()> {
        match self {
            Account::Ourselves => Ok(()),
            Account::Other { uid, gid } => {
                chown(path, Some(uid), Some(gid)).with_context(|| format!("giving {} to its server", path.display()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_server_runs_as_root() {
        let account = Account::for_server("a-user-that-nobody-has").unwrap();

        match account {
            Account::Ourselves => assert!(!geteuid().is_root()),
            Account::Other { uid, .. } => assert!(!uid.is_root()),
        }
    }
}
