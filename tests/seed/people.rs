//! People who are nobody else's in this test program.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::seed;

/// So many people.
pub(crate) fn people(count: usize) -> Vec<String> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let first = NEXT.fetch_add(count, Ordering::Relaxed);
    (first..first + count).map(seed::recipient).collect()
}

/// One person.
pub(crate) fn person() -> String {
    people(1).remove(0)
}
