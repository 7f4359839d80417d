//! Turns: timing-critical tests run alone, all others side by side, over threads and test programs alike.
//!
//! Two locked files make a turnstile: everybody passes `gate` and then holds `room`. Who waits for `room` alone keeps
//! `gate` meanwhile, so a stream of shared turns cannot starve it.

use std::fs::{self, File};
use std::path::Path;

use crate::checkout;

/// A turn lasts until it is dropped.
#[derive(Debug)]
#[must_use = "the turn is over when this is dropped"]
pub struct Turn {
    _gate: Option<File>,
    _room: File,
}

/// Waits until no other turn is taken, then keeps everybody else out: for tests that measure time or rates.
///
/// Blocks the thread. Never take a second turn in the same test: it would wait for the first.
pub fn exclusive() -> Turn {
    exclusive_in(&checkout::target())
}

/// Waits until no exclusive turn is taken, then runs beside other shared turns: for every other system test.
///
/// Blocks the thread. Never take a second turn in the same test.
pub fn shared() -> Turn {
    shared_in(&checkout::target())
}

fn exclusive_in(folder: &Path) -> Turn {
    let gate = open(folder, "turn-gate.lock");
    gate.lock().expect("a local file can be locked");
    let room = open(folder, "turn-room.lock");
    room.lock().expect("a local file can be locked");
    Turn {
        _gate: Some(gate),
        _room: room,
    }
}

fn shared_in(folder: &Path) -> Turn {
    let gate = open(folder, "turn-gate.lock");
    gate.lock_shared().expect("a local file can be locked");
    let room = open(folder, "turn-room.lock");
    room.lock_shared().expect("a local file can be locked");
    Turn {
        _gate: None,
        _room: room,
    }
}

fn open(folder: &Path, name: &str) -> File {
    let path = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| File::options().create(true).append(true).open(&path))
        .unwrap_or_else(|error| panic!("opening the lock file {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn an_exclusive_turn_is_alone_and_shared_turns_are_not_starved() {
        let folder = checkout::target().join(format!("turn-test-{}", std::process::id()));
        let inside = AtomicI32::new(0);

        thread::scope(|scope| {
            for number in 0..16 {
                let (folder, inside) = (&folder, &inside);
                scope.spawn(move || {
                    for _ in 0..50 {
                        if number % 4 == 0 {
                            let _turn = exclusive_in(folder);
                            assert_eq!(inside.fetch_add(1000, Ordering::SeqCst), 0, "somebody else was inside");
                            thread::yield_now();
                            assert_eq!(inside.fetch_sub(1000, Ordering::SeqCst), 1000, "somebody came in");
                        } else {
                            let _turn = shared_in(folder);
                            assert!(
                                inside.fetch_add(1, Ordering::SeqCst) < 1000,
                                "an exclusive turn was taken"
                            );
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });

        assert_eq!(inside.load(Ordering::SeqCst), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn shared_turns_run_side_by_side() {
        let folder = checkout::target().join(format!("turn-test-shared-{}", std::process::id()));

        let one = shared_in(&folder);
        let two = shared_in(&folder);

        drop((one, two));
        fs::remove_dir_all(folder).unwrap();
    }
}
