//! Admission against independent models: thousands of random histories, run beside each other in one database, many to a statement.
//!
//! A case is a *lane*, an organization with its own scope, two sender numbers, people and rows; or, where a rule is about a pair, one
//! person on one number of a lane. Cases share nothing but the clock, so one call of admission moves many of them. What comes out is judged by rules that are written down once more
//! here, from the promise and not from the SQL. `SEED=n` runs other histories; a failure names the seed.

mod history;
mod lanes;
mod ledger;
mod pair;
mod tier;
mod window;

/// Lanes in one database at once, times rounds: cases of each property.
const CASES: usize = 2_000;

/// The seed of a run, told so that it can be repeated.
fn seed(property: &str) -> u64 {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_124);
    eprintln!("{property}: {CASES} cases from SEED={seed}");
    seed
}
