//! Which deliveries of a channel are still unsettled, so that one frame can acknowledge many.
//!
//! An acknowledgement with `multiple` settles *every* unsettled delivery up to its tag. It is right exactly when all of
//! those are in the batch: [`covered`] finds how far that reaches, and the rest is acknowledged one by one.
//!
//! **Invariant:** a delivery stays noted until its own frame is written, so a `multiple` never covers one that is being
//! requeued at the same time. Settling on one channel happens in turns, so that a batch finds the one before it gone.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The unsettled deliveries of one channel.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    unsettled: Mutex<BTreeSet<u64>>,
    turn: tokio::sync::Mutex<()>,
}

impl Settling {
    /// Notes a delivery that is handed out. Tags are handed out in rising order.
    pub(crate) fn begin(&self, tag: u64) {
        self.unsettled().insert(tag);
    }

    /// Notes that the broker was told about these.
    pub(crate) fn end(&self, tags: &[u64]) {
        let mut unsettled = self.unsettled();
        for tag in tags {
            unsettled.remove(tag);
        }
    }

    /// Waits until nobody else settles on this channel.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// How many of `tags`, which must be sorted, one `multiple` can settle.
    pub(crate) fn covered(&self, tags: &[u64]) -> usize {
        covered(&self.unsettled(), tags)
    }

    fn unsettled(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of the sorted `tags` come before the first unsettled delivery that is not among them.
fn covered(unsettled: &BTreeSet<u64>, tags: &[u64]) -> usize {
    unsettled
        .iter()
        .zip(tags)
        .take_while(|(unsettled, tag)| unsettled == tag)
        .count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_batch_of_the_oldest_is_covered_up_to_the_first_gap() {
        let unsettled = BTreeSet::from([3, 4, 5, 8]);

        assert_eq!(covered(&unsettled, &[3, 4, 5, 8]), 4);
        assert_eq!(covered(&unsettled, &[3, 4]), 2);
        assert_eq!(covered(&unsettled, &[3, 5, 8]), 1);
        assert_eq!(covered(&unsettled, &[4, 5]), 0);
        assert_eq!(covered(&unsettled, &[]), 0);
    }

    proptest! {
        #[test]
        fn a_multiple_never_settles_what_is_not_in_the_batch(
            unsettled in prop::collection::btree_set(0_u64..40, 0..40),
            chosen in prop::collection::vec(any::<bool>(), 40),
        ) {
            let tags: Vec<u64> = unsettled.iter().copied().filter(|tag| chosen[usize::try_from(*tag).unwrap()]).collect();

            let count = covered(&unsettled, &tags);

            let settled: Vec<u64> = match count {
                0 => Vec::new(),
                _ => unsettled.iter().copied().filter(|tag| *tag <= tags[count - 1]).collect(),
            };
            prop_assert_eq!(&settled, &tags[..count].to_vec());
            let missed = unsettled.iter().nth(count);
            prop_assert!(missed.is_none() || missed != tags.get(count), "one more could be covered");
        }
    }
}
