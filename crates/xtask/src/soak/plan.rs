//! Who is killed when, from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::fleet::ROLES;

/// How long the place of a killed process stays empty, at most.
const LONGEST_ABSENCE: Duration = Duration::from_millis(1500);

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Kill {
    /// Since the begin.
    pub(super) at: Duration,
    /// Whose place in the fleet; when it is empty just then, the next one's that is not.
    pub(super) place: usize,
    /// How long it stays empty.
    pub(super) absence: Duration,
}

/// So many kills, any moment as likely as any other.
pub(super) fn of(seed: u64, kills: u32, length: Duration) -> Vec<Kill> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut moments: Vec<Duration> = (0..kills).map(|_| rng.random_range(Duration::ZERO..length)).collect();
    moments.sort_unstable();
    let mut kill = |at| Kill {
        at,
        place: rng.random_range(0..ROLES.len()),
        absence: rng.random_range(Duration::ZERO..LONGEST_ABSENCE),
    };
    moments.into_iter().map(&mut kill).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_kills_and_another_others() {
        let hour = Duration::from_secs(3600);

        let one = of(7, 1000, hour);

        assert_eq!(one, of(7, 1000, hour));
        assert_ne!(one, of(8, 1000, hour));
        assert_eq!(one.len(), 1000);
        assert!(one.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!((0..ROLES.len()).all(|place| one.iter().any(|kill| kill.place == place)));
    }
}
