//! The folder that holds everything about this checkout's private servers.
//!
//! **Invariant:** the choice depends on nothing but the checkout and the user, so that every process makes the same.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use nix::unistd::geteuid;

use super::folder::Folder;
use crate::checkout;

/// `target/servers`. For root, whose servers run as other users, a folder below the system's temporary folder when
/// those users could not reach `target`; nothing is lost by that: the data is thrown away anyway.
#[derive(Debug, Clone)]
pub(super) struct Home {
    path: PathBuf,
}

impl Home {
    /// Creates the folder when missing.
    pub(super) fn of_this_checkout() -> Result<Home> {
        let target = checkout::target();
        let tag = checkout::tag();
        // A target folder shared by several checkouts must not make them share servers.
        let name = if target.starts_with(checkout::root()) {
            "servers".into()
        } else {
            format!("servers-{tag}")
        };
        fs::create_dir_all(&target).with_context(|| format!("creating {}", target.display()))?;
        let path = if !geteuid().is_root() || reachable_by_all(&target) {
            target.join(name)
        } else {
            let places = [env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
            let place = places
                .iter()
                .find(|place| reachable_by_all(place))
                .unwrap_or(&places[0]);
            place.join(format!("turnpike-servers-{tag}"))
        };
        create(&path)?;
        Ok(Home { path })
    }

    /// Waits for the lock under which servers are started and stopped. Released when the file is dropped.
    pub(super) fn lock(&self) -> Result<File> {
        let path = self.path.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("opening {}: does it belong to another user?", path.display()))?;
        file.lock().with_context(|| format!("locking {}", path.display()))?;
        Ok(file)
    }

    pub(super) fn postgres(&self) -> Folder {
        Folder::new(self.path.join("postgres"))
    }

    pub(super) fn rabbitmq(&self) -> Folder {
        Folder::new(self.path.join("rabbitmq"))
    }

    /// Holds one folder per additional node of a running test.
    pub(super) fn additional(&self) -> PathBuf {
        self.path.join("additional")
    }

    /// A file that exists while containers started by this checkout may run.
    pub(super) fn docker_ports(&self) -> PathBuf {
        self.path.join("docker-ports.yaml")
    }
}

/// Creates `path`, or makes sure that an existing one is ours: a name below `/tmp` can be taken by anybody.
fn create(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o755).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("creating {}", path.display()));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).with_context(|| format!("looking at {}", path.display()))?;
    ensure!(
        found.is_dir() && found.uid() == geteuid().as_raw(),
        "{} belongs to another user: stop the servers as that user, or remove it",
        path.display()
    );
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context("opening the servers' folder to their users")
}

/// Whether every user may pass through `path` and all folders above it.
fn reachable_by_all(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors()
        .all(|folder| folder.metadata().is_ok_and(|found| found.mode() & 0o001 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_folder_hides_everything_below_it() {
        let outer = env::temp_dir().join(format!("turnpike-home-test-{}", std::process::id()));
        let inner = outer.join("target");
        fs::create_dir_all(&inner).unwrap();

        fs::set_permissions(&outer, fs::Permissions::from_mode(0o755)).unwrap();
        let open = reachable_by_all(&inner);
        fs::set_permissions(&outer, fs::Permissions::from_mode(0o700)).unwrap();
        let closed = reachable_by_all(&inner);

        fs::remove_dir_all(&outer).unwrap();
        assert_eq!(open, reachable_by_all(&env::temp_dir()));
        assert!(!closed);
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let link = env::temp_dir().join(format!("turnpike-home-link-{}", std::process::id()));
        std::os::unix::fs::symlink(env::temp_dir(), &link).unwrap();

        let refused = create(&link);

        fs::remove_file(&link).unwrap();
        assert!(refused.unwrap_err().to_string().contains("belongs to another user"));
    }
}
