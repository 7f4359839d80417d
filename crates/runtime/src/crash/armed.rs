//! The point that this process is to die at.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{CrashPoint, VARIABLE};

/// Long enough for bytes that were written to leave the process.
pub(super) const A_MOMENT: Duration = Duration::from_millis(5);
/// How long something may be under way before it is cut off: never begun, half done, done and not heard of.
const WHILES: [u64; 4] = [0, 1, 3, 8];

struct Armed {
    point: CrashPoint,
    /// How often it is still to be passed, this time included.
    left: AtomicU64,
}

static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).ok()?;
    let Some((point, left)) = read(&text) else {
        eprintln!("{VARIABLE} is {text:?}; give a crash point and perhaps which time, such as W4 or W4:3");
        std::process::exit(2);
    };
    Some(Armed {
        point,
        left: AtomicU64::new(left),
    })
});

pub(super) fn reached(point: CrashPoint) -> bool {
    let Some(armed) = &*ARMED else { return false };
    // Counts down once; below zero it wraps to what nobody ever reaches.
    armed.point == point && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
}

/// Another one for each process.
pub(super) fn a_while() -> Duration {
    Duration::from_millis(WHILES[std::process::id() as usize % WHILES.len()])
}

fn read(text: &str) -> Option<(CrashPoint, u64)> {
    let (name, left) = match text.split_once(':') {
        Some((name, left)) => (name, left.parse().ok().filter(|left| *left > 0)?),
        None => (text, 1),
    };
    let named = |point: &&CrashPoint| format!("{point:?}") == name;
    Some((*CrashPoint::ALL.iter().find(named)?, left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_and_its_turn_are_read() {
        assert_eq!(read("W10"), Some((CrashPoint::W10, 1)));
        assert_eq!(read("I5:7"), Some((CrashPoint::I5, 7)));
        for wrong in ["", "W", "W4:", "W4:0", "W4:x", "w4", "W13"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
