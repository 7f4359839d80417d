//! The messaging limit, as the door sees it: what would not fit now is refused at once. Admission counts again under locks, by the
//! same measure, and what finds no room there waits.

use chrono::{DateTime, Utc};

use super::Window;
use super::window::{MARGIN, Standing};
use crate::category::Category;

/// What is used of a messaging limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Unique recipients in a moving 24 hours.
    pub limit: u32,
    /// How many there are now; more than the limit after it was lowered.
    pub used: u32,
    /// When the next of them stop to count, the first to go first. Not all of them need be here.
    pub frees: Vec<DateTime<Utc>>,
}

/// There is not so much room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit.
    pub limit: u32,
    /// What is used of it.
    pub used: u32,
    /// What was asked for: people who do not count yet.
    pub requested: u32,
    /// When there is room for all of them, if nobody takes it; `None` when that is far, or never.
    pub frees_at: Option<DateTime<Utc>>,
}

impl Room {
    /// How many more people there is room for.
    pub fn left(&self) -> u32 {
        self.limit.saturating_sub(self.used)
    }

    /// Whether so many more fit.
    ///
    /// # Errors
    /// When they do not, with when they would.
    pub fn take(&self, requested: u32) -> Result<(), Exceeded> {
        if requested <= self.left() {
            return Ok(());
        }
        // So many have to go first; nobody can who is not there.
        let first = u64::from(self.used) + u64::from(requested) - u64::from(self.limit);
        let place = usize::try_from(first - 1).unwrap_or(usize::MAX);
        Err(Exceeded {
            limit: self.limit,
            used: self.used,
            requested,
            frees_at: self.frees.get(place).copied().filter(|_| requested <= self.limit),
        })
    }
}

/// Whether a message takes a place: a template outside an open window, to somebody who has none yet.
pub fn takes_a_place(category: Category, window: Window, is_member: bool, now: DateTime<Utc>) -> bool {
    let is_open = matches!(window.standing(now + MARGIN), Standing::Within { .. });
    category != Category::Service && !is_open && !is_member
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap() + TimeDelta::hours(hours)
    }

    #[test]
    fn only_a_template_to_somebody_new_outside_a_window_takes_a_place() {
        let open = Window {
            last_inbound_at: Some(at(-1)),
        };
        let takes = |category, window, is_member| takes_a_place(category, window, is_member, at(0));
        assert!(takes(Category::Marketing, Window::default(), false));
        assert!(!takes(Category::Marketing, Window::default(), true));
        assert!(!takes(Category::Marketing, open, false));
        assert!(!takes(Category::Service, Window::default(), false));
    }

    proptest! {
        /// Against a model that lets members go one by one.
        #[test]
        fn room_comes_free_when_enough_members_went(
            limit in 1_u32..40,
            members in proptest::collection::vec(1_i64..24, 0..60),
            requested in 0_u32..50,
        ) {
            let mut frees: Vec<_> = members.iter().map(|hours| at(*hours)).collect();
            frees.sort_unstable();
            let used = u32::try_from(frees.len()).unwrap();
            let fits = |now: DateTime<Utc>| {
                let left = frees.iter().filter(|end| **end > now).count();
                left + requested as usize <= limit as usize
            };
            let room = Room { limit, used, frees: frees.clone() };
            match room.take(requested) {
                Ok(()) => prop_assert!(requested == 0 || fits(at(0))),
                Err(exceeded) => {
                    prop_assert!(requested > 0 && !fits(at(0)));
                    let first = frees.iter().copied().find(|end| fits(*end));
                    prop_assert_eq!(exceeded.frees_at, first);
                }
            }
        }
    }
}
