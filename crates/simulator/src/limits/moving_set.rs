//! The unique recipients of a moving 24 hours: what Meta's messaging limit counts, per business portfolio.
//!
//! A member stays until one window length after it was *last* added. **Invariant:** work per call is constant on average,
//! whatever the size: each addition is written once and forgotten once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A set whose members leave by themselves.
#[derive(Debug)]
pub(crate) struct MovingSet {
    length: u64,
    last_added: HashMap<Arc<str>, u64>,
    additions: VecDeque<(u64, Arc<str>)>,
    largest: usize,
}

impl MovingSet {
    pub(crate) fn new(length: u64) -> Self {
        Self {
            length,
            last_added: HashMap::new(),
            additions: VecDeque::new(),
            largest: 0,
        }
    }

    /// Changes how long members stay; members present are judged by the new length.
    pub(crate) fn set_length(&mut self, length: u64) {
        self.length = length;
    }

    /// Lets go of members whose time is over. `now` must not go back between calls.
    pub(crate) fn expire(&mut self, now: u64) {
        while self
            .additions
            .front()
            .is_some_and(|(added, _)| added.saturating_add(self.length) <= now)
        {
            let (added, member) = self
                .additions
                .pop_front()
                .expect("the loop condition saw a first addition");
            if self.last_added.get(&member) == Some(&added) {
                self.last_added.remove(&member);
            }
        }
    }

    pub(crate) fn contains(&self, member: &str) -> bool {
        self.last_added.contains_key(member)
    }

    pub(crate) fn len(&self) -> usize {
        self.last_added.len()
    }

    /// The largest size the set ever had.
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }

    /// Adds a member, or starts its time again.
    pub(crate) fn insert(&mut self, member: &Arc<str>, now: u64) {
        self.expire(now);
        self.last_added.insert(Arc::clone(member), now);
        self.additions.push_back((now, Arc::clone(member)));
        self.largest = self.largest.max(self.len());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_member_added_again_stays_for_a_full_window_more() {
        let ana: Arc<str> = "ana".into();
        let mut set = MovingSet::new(100);
        set.insert(&ana, 0);
        set.insert(&ana, 90);

        set.expire(100);
        assert!(set.contains("ana"));
        set.expire(190);
        assert!(!set.contains("ana"));
        assert_eq!(set.largest(), 1);
    }

    proptest! {
        #[test]
        fn the_set_holds_whom_brute_force_finds(steps in prop::collection::vec((0u64..40, 0u8..8), 0..150)) {
            let mut set = MovingSet::new(100);
            let mut history: Vec<(u64, u8)> = Vec::new();
            let mut now = 0;
            let mut largest = 0;
            for (step, member) in steps {
                now += step;
                set.insert(&member.to_string().into(), now);
                history.push((now, member));
                let expected: HashSet<u8> =
                    history.iter().filter(|(added, _)| added + 100 > now).map(|(_, member)| *member).collect();
                largest = largest.max(expected.len());

                prop_assert_eq!(set.len(), expected.len());
                for candidate in 0..8u8 {
                    prop_assert_eq!(set.contains(&candidate.to_string()), expected.contains(&candidate));
                }
            }
            prop_assert_eq!(set.largest(), largest);
        }
    }
}
