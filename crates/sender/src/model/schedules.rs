//! Thousands of schedules, and mistakes made on purpose.

use super::world::World;

/// Schedules of every run of the tests; some ten seconds in a debug build.
const SEEDS: u64 = 2_000;
/// Replays one schedule and tells it step by step.
const SEED: &str = "TURNPIKE_MODEL_SEED";

/// What somebody could get wrong. Each must be found, or the checker is blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    /// A timeout is taken for a refusal.
    UnknownIsTriedAgain,
    /// A silent attempt is taken for one that was not made.
    LeaseGoesBackToTheQueue,
    /// A POST begins before the journal says so.
    PostNotNoted,
    /// A POST leaves before its claim is committed.
    PostBeforeTheCommit,
    /// An admission whose commit is in doubt is posted.
    DoubtIsTakenForSuccess,
}

fn replay(seed: u64) -> String {
    format!("{SEED}={seed} cargo test -p sender --lib model::schedules::no_schedule_breaks_a_promise -- --nocapture")
}

#[test]
fn no_schedule_breaks_a_promise() {
    let chosen = std::env::var(SEED)
        .ok()
        .map(|seed| seed.parse::<u64>().expect("a number"));
    let seeds = chosen.map_or(0..SEEDS, |seed| seed..seed + 1);
    let (mut posts, mut unknown) = (0, 0);
    for seed in seeds {
        match World::new(seed, None).run() {
            Ok(world) => {
                posts += world.meta.arrivals.len();
                unknown += world
                    .ledger
                    .rows
                    .values()
                    .filter(|row| row.state == domain::State::Unknown)
                    .count();
                if chosen.is_some() {
                    println!("{}", world.told.join("\n"));
                }
            }
            Err(broken) => {
                let (why, world) = *broken;
                let story = world.told.join("\n");
                panic!("{why}\nreplay it: {}\n{story}", replay(seed));
            }
        }
    }
    if chosen.is_none() {
        // Or the schedules would show nothing.
        assert!(posts > 10 * SEEDS as usize / 4, "{posts} POSTs");
        assert!(unknown > 50, "{unknown} outcomes that nobody could learn");
    }
}

#[test]
fn every_mistake_is_found() {
    for mistake in [
        Mistake::UnknownIsTriedAgain,
        Mistake::LeaseGoesBackToTheQueue,
        Mistake::PostNotNoted,
        Mistake::PostBeforeTheCommit,
        Mistake::DoubtIsTakenForSuccess,
    ] {
        let found = (0..SEEDS).find_map(|seed| World::new(seed, Some(mistake)).run().err());
        let broken = found.unwrap_or_else(|| panic!("{mistake:?} breaks nothing in {SEEDS} schedules"));
        let (why, _) = *broken;
        assert!(
            why.starts_with("I3") || why.starts_with("I4") || why.starts_with("I5"),
            "{mistake:?}: {why}"
        );
    }
}

#[test]
fn a_schedule_is_the_same_every_time() {
    let story = |seed| {
        World::new(seed, None)
            .run()
            .map_or_else(|broken| broken.1.told, |world| world.told)
    };

    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}
