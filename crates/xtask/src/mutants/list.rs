//! The lists in `tests/mutants/`, and whether they fit the code.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::trial::Test;

/// A place where the code is broken, and the test that notices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mutant {
    /// A few words, unique over all lists.
    pub(super) name: String,
    /// Which file is broken, from the root.
    pub(super) file: String,
    /// A piece of that file which occurs there once.
    pub(super) find: String,
    /// What stands there instead.
    pub(super) replace: String,
    /// Whose test.
    pub(super) package: String,
    /// What comes after `cargo test -p PACKAGE`: the target, then the whole name of one test, such as `--lib retry::tests::it_grows`.
    pub(super) test: String,
    /// What would go wrong.
    pub(super) why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    mutant: Vec<Mutant>,
}

impl Mutant {
    pub(super) fn test(&self) -> Test {
        Test {
            package: self.package.clone(),
            arguments: self.test.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

/// All lists, in the order of their files' names, or just one.
pub(super) fn read(root: &Path, only: Option<&str>) -> Result<Vec<Mutant>> {
    let folder = root.join("tests/mutants");
    let entries = fs::read_dir(&folder).with_context(|| format!("looking into {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    let is_wanted = |file: &Path| only.is_none_or(|name| file.file_stem().is_some_and(|stem| stem == name));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml") && is_wanted(file));
    ensure!(
        !files.is_empty(),
        "{} has no list {}",
        folder.display(),
        only.unwrap_or_default()
    );
    files.sort();
    let mut mutants = Vec::new();
    for file in files {
        let name = file.display();
        let text = fs::read_to_string(&file).with_context(|| format!("reading {name}"))?;
        let list: List = toml::from_str(&text).with_context(|| format!("reading {name}"))?;
        mutants.extend(list.mutant);
    }
    let mut names = HashSet::new();
    for mutant in &mutants {
        ensure!(names.insert(&mutant.name), "two mutants are called `{}`", mutant.name);
    }
    Ok(mutants)
}

/// Why a mutant does not fit the code, if it does not.
pub(super) fn misfit(root: &Path, mutant: &Mutant) -> Option<String> {
    let wrong = |what: String| Some(format!("{}: {what}", mutant.name));
    let Ok(text) = fs::read_to_string(root.join(&mutant.file)) else {
        return wrong(format!("{} cannot be read", mutant.file));
    };
    match text.matches(&mutant.find).count() {
        1 => {}
        times => return wrong(format!("`find` occurs {times} times in {}, not once", mutant.file)),
    }
    if let Some(later) = replaced_later(root, mutant, &text) {
        return wrong(format!(
            "{} replaces that function of {}, so nothing would be broken",
            later.display(),
            mutant.file
        ));
    }
    if mutant.find == mutant.replace {
        return wrong("`replace` changes nothing".to_owned());
    }
    let Some(folder) = package(root, &mutant.package) else {
        return wrong(format!("there is no package {}", mutant.package));
    };
    let Some(name) = mutant.test().name() else {
        return wrong(format!("`{}` does not end in the name of a test", mutant.test));
    };
    if !has_function(&folder, &name) {
        return wrong(format!("{} has no test `{name}`", mutant.package));
    }
    None
}

/// The later migration that replaces the function in which an earlier one would be broken.
fn replaced_later(root: &Path, mutant: &Mutant, text: &str) -> Option<PathBuf> {
    let file = Path::new(&mutant.file);
    let folder = root.join(file.parent().filter(|folder| folder.ends_with("migrations"))?);
    let (_, begun) = text[..text.find(&mutant.find)?].rsplit_once(" FUNCTION ")?;
    let again = format!("CREATE OR REPLACE FUNCTION {}(", begun.split_once('(')?.0);
    let later = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let later = later.filter(|path| path.file_name() > file.file_name());
    later
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains(&again)))
        .max()
}

/// The folder of one of our packages.
fn package(root: &Path, name: &str) -> Option<PathBuf> {
    let crates = fs::read_dir(root.join("crates")).ok()?;
    let folders = crates
        .filter_map(|entry| Some(entry.ok()?.path()))
        .chain([root.join("tests")]);
    let line = format!("name = \"{name}\"");
    folders.into_iter().find(|folder| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.lines().any(|given| given == line)
    })
}

/// Whether a source file below `folder` has a function of this name.
fn has_function(folder: &Path, name: &str) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.filter_map(Result::ok).any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return path.file_name().is_some_and(|name| name != "target") && has_function(&path, name);
        }
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        is_source && fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {name}(")))
    })
}

/// One that fits.
#[cfg(test)]
pub(super) fn example() -> Mutant {
    Mutant {
        name: "example".to_owned(),
        file: "crates/xtask/src/mutants/list.rs".to_owned(),
        // In two pieces, so that it occurs once.
        find: ["looking ", "into"].concat(),
        replace: String::new(),
        package: "xtask".to_owned(),
        test: "--bin xtask mutants::list::tests::one_that_fits_is_not_complained_of".to_owned(),
        why: "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use testkit::checkout;

    use super::*;

    #[track_caller]
    fn complaint(change: impl FnOnce(&mut Mutant)) -> String {
        let mut mutant = example();
        change(&mut mutant);
        misfit(&checkout::root(), &mutant).expect("it does not fit")
    }

    #[test]
    fn one_that_fits_is_not_complained_of() {
        assert_eq!(misfit(&checkout::root(), &example()), None);
    }

    #[test]
    fn what_no_longer_fits_is_named() {
        let gone = complaint(|mutant| mutant.find = ["no such ", "text"].concat());
        assert!(gone.contains("occurs 0 times"), "{gone}");
        let unclear = complaint(|mutant| mutant.find = "fn ".to_owned());
        assert!(unclear.contains("times in crates/xtask"), "{unclear}");
        let replaced = complaint(|mutant| {
            mutant.file = "migrations/V0003__gates.sql".to_owned();
            mutant.find = "WHEN 'send' THEN d.slot + p_lease".to_owned();
        });
        assert!(replaced.contains("nothing would be broken"), "{replaced}");
        let file = complaint(|mutant| mutant.file = "crates/none.rs".to_owned());
        assert!(file.contains("cannot be read"), "{file}");
        let package = complaint(|mutant| mutant.package = "none".to_owned());
        assert!(package.contains("no package none"), "{package}");
        let test = complaint(|mutant| mutant.test = ["--bin xtask mutants::", "no_such_test"].concat());
        assert!(test.contains("no test `no_such_test`"), "{test}");
        let empty = complaint(|mutant| mutant.test = "--lib".to_owned());
        assert!(empty.contains("does not end in the name of a test"), "{empty}");
        let same = complaint(|mutant| mutant.replace = mutant.find.clone());
        assert!(same.contains("changes nothing"), "{same}");
    }
}
