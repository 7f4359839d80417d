//! `cargo xtask mutants`: test the tests.

mod list;
mod tree;
mod trial;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::Args;
use testkit::checkout;
use testkit::servers::{self, Servers};

use self::list::Mutant;
use self::tree::Tree;
use self::trial::{Ran, Test, Verdict};

/// Break the code in one place at a time, and see that the named test fails
///
/// Reads `tests/mutants/*.toml`. Each mutant is applied to a copy of the sources (in `target/mutants`, kept between runs, so that each
/// costs one incremental build), and its test is run there; without the mutants that test has to pass, or its failures would prove
/// nothing. Ends with a failure when a mutant survives, does not compile, or no longer fits the code.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Options {
    /// Only mutants whose name contains this; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Only those of this list: the name of a file in `tests/mutants`, without its end
    #[arg(long, value_name = "LIST")]
    of: Option<String>,

    /// Print the mutants and the tests that kill them, and run nothing
    #[arg(long)]
    list: bool,

    /// How long building, and then the test, may take; a test that hangs kills no mutant
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    limit: u64,
}

/// One line of the table.
struct Line<'a> {
    mutant: &'a Mutant,
    verdict: Verdict,
    took: Duration,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mutants = chosen(options)?;
    if options.list {
        for mutant in &mutants {
            println!(
                "{}: {}\n    {}\n    killed by {}",
                mutant.name,
                mutant.why,
                mutant.file,
                mutant.test()
            );
        }
        return Ok(ExitCode::SUCCESS);
    }
    let servers = Servers::ensure()?;
    let lines = try_all(&mutants, &servers, Duration::from_secs(options.limit));
    if servers.started {
        servers::stop()?;
    }
    let lines = lines?;
    println!("\n{}", table(&lines));
    let killed = lines.iter().filter(|line| line.verdict == Verdict::Killed).count();
    println!("{killed} of {} mutants killed", lines.len());
    Ok(if killed == lines.len() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The mutants to try, each known to fit the code.
fn chosen(options: &Options) -> Result<Vec<Mutant>> {
    let root = checkout::root();
    let mut mutants = list::read(&root, options.of.as_deref())?;
    if !options.only.is_empty() {
        mutants.retain(|mutant| options.only.iter().any(|part| mutant.name.contains(part.as_str())));
        ensure!(
            !mutants.is_empty(),
            "no mutant is called {}: see `--list`",
            options.only.join(" or ")
        );
    }
    let misfits: Vec<String> = mutants
        .iter()
        .filter_map(|mutant| list::misfit(&root, mutant))
        .collect();
    if !misfits.is_empty() {
        bail!("these no longer fit the code:\n  {}", misfits.join("\n  "));
    }
    Ok(mutants)
}

fn try_all<'a>(mutants: &'a [Mutant], servers: &Servers, limit: Duration) -> Result<Vec<Line<'a>>> {
    let tree = Tree::of_this_checkout()?;
    let mut tests: Vec<Test> = mutants.iter().map(Mutant::test).collect();
    tests.sort();
    tests.dedup();
    for test in &tests {
        println!("== without mutants: {test}");
        match test.run(&tree, servers, limit)? {
            Ran::Passed(1..) => {}
            ran => bail!("`{test}` has to pass before it can kill anything, but {ran}"),
        }
    }
    let mut lines = Vec::new();
    for mutant in mutants {
        println!("== {}: {}", mutant.name, mutant.test());
        let begun = Instant::now();
        let ran = {
            let _mutated = tree.mutate(mutant)?;
            mutant.test().run(&tree, servers, limit)?
        };
        let verdict = Verdict::of(&ran);
        println!("   {verdict}: {ran}");
        lines.push(Line {
            mutant,
            verdict,
            took: begun.elapsed(),
        });
    }
    Ok(lines)
}

/// As Markdown, to be kept beside the list.
fn table(lines: &[Line<'_>]) -> String {
    let mut table =
        String::from("| mutant | what is broken | test | verdict | s |\n| --- | --- | --- | --- | ---: |\n");
    for Line { mutant, verdict, took } in lines {
        table += &format!(
            "| {} | {} | `{}` | {verdict} | {:.0} |\n",
            mutant.name,
            mutant.why.replace('|', "\\|"),
            mutant.test(),
            took.as_secs_f64()
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_fits_the_code_and_names_a_test_that_is_there() {
        let root = checkout::root();
        let mutants = list::read(&root, None).unwrap();

        let misfits: Vec<String> = mutants
            .iter()
            .filter_map(|mutant| list::misfit(&root, mutant))
            .collect();

        assert!(misfits.is_empty(), "\n  {}\n", misfits.join("\n  "));
    }

    #[test]
    fn the_table_says_who_survived() {
        let mutant = list::example();
        let line = |verdict| Line {
            mutant: &mutant,
            verdict,
            took: Duration::from_secs(7),
        };

        let table = table(&[line(Verdict::Killed), line(Verdict::Survived)]);

        assert!(table.ends_with("| survived | 7 |\n"), "{table}");
        assert_eq!(table.lines().count(), 4);
    }
}
