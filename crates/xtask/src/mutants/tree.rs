//! A copy of the sources that may be broken, with a target folder of its own.
//!
//! **Invariant:** what is built there was built from what stands there now: files are written only when they differ, and whatever is
//! written gets a new time, so cargo sees every change and nothing else.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use testkit::checkout;

use super::list::Mutant;

/// Folders that are no sources.
const SKIPPED: [&str; 4] = [".git", "target", "node_modules", ".venv"];

/// The copy.
#[derive(Debug)]
pub(super) struct Tree {
    origin: PathBuf,
    root: PathBuf,
    target: PathBuf,
}

/// A mutant that is in force, until this is dropped.
#[derive(Debug)]
pub(super) struct Mutated {
    file: PathBuf,
    original: String,
}

impl Tree {
    /// The copy of this checkout, brought up to date.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(super) fn of_this_checkout() -> Result<Self> {
        let folder = checkout::target().join("mutants");
        let tree = Self {
            origin: checkout::root(),
            root: folder.join("sources"),
            target: folder.join("target"),
        };
        tree.warm_up()?;
        copy(&tree.origin, &tree.root)?;
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Breaks the copy.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(super) fn mutate(&self, mutant: &Mutant) -> Result<Mutated> {
        let file = self.root.join(&mutant.file);
        let original = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let mutated = original.replacen(&mutant.find, &mutant.replace, 1);
        fs::write(&file, mutated).with_context(|| format!("writing {}", file.display()))?;
        Ok(Mutated { file, original })
    }

    /// What the checkout has built of others' crates is taken over the first time, for it takes minutes to build.
    fn warm_up(&self) -> Result<()> {
        let built = checkout::target().join("debug");
        if self.target.exists() || !built.exists() {
            return Ok(());
        }
        let ours = our_crates(&self.origin)?;
        for part in [".fingerprint", "build", "deps"] {
            let (from, to) = (built.join(part), self.target.join("debug").join(part));
            if !from.exists() {
                continue;
            }
            fs::create_dir_all(&to)?;
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                if !is_ours(&entry.file_name(), &ours) {
                    copy_with_times(&entry.path(), &to.join(entry.file_name()))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Mutated {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.file, &self.original) {
            // The next run copies it afresh.
            eprintln!("leaving {} broken: {error}", self.file.display());
        }
    }
}

/// The crates of the workspace as cargo calls their artifacts, before the hash.
fn our_crates(root: &Path) -> Result<HashSet<String>> {
    let mut names = HashSet::from(["system_tests".to_owned(), "it".to_owned(), "chaos".to_owned()]);
    for entry in fs::read_dir(root.join("crates"))? {
        let entry = entry?;
        names.insert(entry.file_name().to_string_lossy().replace('-', "_"));
        let Ok(tests) = fs::read_dir(entry.path().join("tests")) else {
            continue;
        };
        for test in tests {
            let path = test?.path();
            names.extend(path.file_stem().map(|name| name.to_string_lossy().replace('-', "_")));
        }
    }
    Ok(names)
}

/// `libstore-0123456789abcdef.rlib`, `store-0123456789abcdef`: is it one of these crates'?
fn is_ours(artifact: &OsStr, ours: &HashSet<String>) -> bool {
    let artifact = artifact.to_string_lossy().replace('-', "_");
    let Some((name, _)) = artifact.rsplit_once('_') else {
        return false;
    };
    ours.contains(name) || name.strip_prefix("lib").is_some_and(|name| ours.contains(name))
}

fn copy_with_times(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_with_times(&entry.path(), &to.join(entry.file_name()))?;
        }
        return Ok(());
    }
    let copied = fs::copy(from, to).with_context(|| format!("copying {}", from.display()))?;
    debug_assert_eq!(copied, fs::metadata(to)?.len());
    let modified = fs::metadata(from)?.modified()?;
    fs::File::options().write(true).open(to)?.set_modified(modified)?;
    Ok(())
}

/// Makes `to` the same as `from`, touching only what differs.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    let mut names = HashSet::new();
    for entry in fs::read_dir(from).with_context(|| format!("looking into {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| *skipped == name) {
            continue;
        }
        let (source, copied) = (entry.path(), to.join(&name));
        names.insert(name);
        if entry.file_type()?.is_dir() {
            copy(&source, &copied)?;
            continue;
        }
        let content = fs::read(&source).with_context(|| format!("reading {}", source.display()))?;
        if fs::read(&copied).ok().as_ref() != Some(&content) {
            fs::write(&copied, content).with_context(|| format!("writing {}", copied.display()))?;
        }
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        let gone = if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        match gone {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", entry.path().display()));
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is gone with this value.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("turnpike-xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_copy_follows_its_origin_and_leaves_alone_what_is_the_same() {
        let scratch = Scratch::new("copy");
        let (from, to) = (scratch.0.join("from"), scratch.0.join("to"));
        fs::create_dir_all(from.join("target")).unwrap();
        fs::create_dir_all(from.join("src")).unwrap();
        for (name, text) in [
            ("same", "1"),
            ("src/changed", "1"),
            ("gone", "1"),
            ("target/built", "1"),
        ] {
            fs::write(from.join(name), text).unwrap();
        }
        copy(&from, &to).unwrap();
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        for name in ["same", "src/changed"] {
            let file = fs::File::options().write(true).open(to.join(name)).unwrap();
            file.set_modified(long_ago).unwrap();
        }

        fs::write(from.join("src/changed"), "2").unwrap();
        fs::remove_file(from.join("gone")).unwrap();
        copy(&from, &to).unwrap();

        let modified = |name: &str| fs::metadata(to.join(name)).unwrap().modified().unwrap();
        assert_eq!(modified("same"), long_ago);
        assert!(modified("src/changed") > long_ago);
        assert_eq!(fs::read_to_string(to.join("src/changed")).unwrap(), "2");
        assert!(!to.join("gone").exists() && !to.join("target").exists());
    }

    #[test]
    fn a_mutant_is_in_force_until_it_is_dropped() {
        let scratch = Scratch::new("mutate");
        let mutant = super::super::list::example();
        let tree = Tree {
            origin: scratch.0.clone(),
            root: scratch.0.clone(),
            target: scratch.0.join("target"),
        };
        let file = scratch.0.join(&mutant.file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let sane = format!("before {} after", mutant.find);
        fs::write(&file, &sane).unwrap();

        let mutated = tree.mutate(&mutant).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before  after");
        drop(mutated);

        assert_eq!(fs::read_to_string(&file).unwrap(), sane);
    }

    #[test]
    fn artifacts_of_others_are_told_from_ours() {
        let ours = HashSet::from(["store".to_owned(), "it".to_owned()]);
        let is_ours = |name: &str| is_ours(OsStr::new(name), &ours);

        assert!(is_ours("libstore-0123456789abcdef.rlib"));
        assert!(is_ours("store-0123456789abcdef"));
        assert!(is_ours("it-0123456789abcdef.d"));
        assert!(!is_ours("libtokio_postgres-0123456789abcdef.rlib"));
        assert!(!is_ours("itoa-0123456789abcdef.d"));
    }
}
