//! How many of a campaign's recipients may become messages now. The one place where a campaign is held back: by the room ahead of its
//! flow's cursor, by its ramp, and by what the messaging limit leaves when the reserve for others is set aside.

use chrono::{DateTime, TimeDelta, Utc};

use super::Ramp;

/// How soon to look again where nothing says when.
const SOON: TimeDelta = TimeDelta::seconds(1);

/// Where a part of a campaign stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// Now.
    pub now: DateTime<Utc>,
    /// Its templates may be sent. While one may not, nothing is filled: what is paused comes back, and rows that were refused would not.
    pub templates_open: bool,
    /// Recipients that are no messages yet.
    pub rest: u32,
    /// Messages that may still wait for the flow's cursor.
    pub room: u32,
    /// How it warms up, since when that counts, and how many of the campaign went already.
    pub ramp: Option<(Ramp, TimeDelta, u64)>,
    /// The messaging limit, where there is one.
    pub tier: Option<Tier>,
}

/// A messaging limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Places in a moving 24 hours.
    pub limit: u64,
    /// Of these, for others.
    pub reserve: u64,
    /// Taken, or as good as taken.
    pub taken: u64,
    /// When the next one comes free.
    pub frees_at: Option<DateTime<Utc>>,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    /// So many may go, at least one.
    Rows(u32),
    /// None; look again then.
    LookAt(DateTime<Utc>),
}

/// Decides.
pub fn allowance(standing: &Standing) -> Allowance {
    let now = standing.now;
    if !standing.templates_open {
        return Allowance::LookAt(now + SOON);
    }
    let mut allowed = u64::from(standing.rest.min(standing.room));
    if let Some((ramp, elapsed, gone)) = &standing.ramp {
        allowed = allowed.min(ramp.allowed(*elapsed).saturating_sub(*gone));
    }
    let mut look_at = now + SOON;
    if let Some(tier) = standing.tier {
        let left = tier.limit.saturating_sub(tier.reserve).saturating_sub(tier.taken);
        allowed = allowed.min(left);
        if left == 0 {
            // A raised limit or a refusal may make room before, so it is looked at every minute at least.
            let frees_at = tier.frees_at.unwrap_or(look_at);
            look_at = frees_at.clamp(look_at, now + TimeDelta::minutes(1));
        }
    }
    match u32::try_from(allowed).unwrap_or(u32::MAX) {
        0 => Allowance::LookAt(look_at),
        rows => Allowance::Rows(rows),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_750_000_000, 0).unwrap()
    }

    fn standing() -> Standing {
        Standing {
            now: now(),
            templates_open: true,
            rest: 1_000,
            room: 400,
            ramp: None,
            tier: None,
        }
    }

    #[test]
    fn the_narrowest_gate_decides() {
        let ramp = Ramp {
            first_hour: 120,
            factor: 1.0,
        };
        let tier = Tier {
            limit: 250,
            reserve: 25,
            taken: 100,
            frees_at: None,
        };

        assert_eq!(allowance(&standing()), Allowance::Rows(400));
        let limited = Standing {
            tier: Some(tier),
            ..standing()
        };
        assert_eq!(allowance(&limited), Allowance::Rows(125));
        let warming = Standing {
            ramp: Some((ramp, TimeDelta::minutes(30), 21)),
            ..limited
        };
        assert_eq!(allowance(&warming), Allowance::Rows(40));
        let closed = Standing {
            templates_open: false,
            ..standing()
        };
        assert_eq!(allowance(&closed), Allowance::LookAt(now() + SOON));
    }

    #[test]
    fn a_full_limit_is_looked_at_when_a_place_comes_free_and_every_minute() {
        let look = |frees_in: i64| {
            let frees_at = Some(now() + TimeDelta::seconds(frees_in));
            let tier = Tier {
                limit: 250,
                reserve: 0,
                taken: 250,
                frees_at,
            };
            allowance(&Standing {
                tier: Some(tier),
                ..standing()
            })
        };

        assert_eq!(look(20), Allowance::LookAt(now() + TimeDelta::seconds(20)));
        assert_eq!(look(0), Allowance::LookAt(now() + TimeDelta::seconds(1)));
        assert_eq!(look(9_000), Allowance::LookAt(now() + TimeDelta::seconds(60)));
    }

    proptest! {
        /// Never into the reserve, whatever the others did.
        #[test]
        fn the_reserve_stays_untouched(limit in 0_u64..1_000, reserve in 0_u64..1_200, taken in 0_u64..1_200, room in 0_u32..2_000) {
            let tier = Tier { limit, reserve, taken, frees_at: None };
            if let Allowance::Rows(rows) = allowance(&Standing { tier: Some(tier), room, ..standing() }) {
                prop_assert!(taken + u64::from(rows) + reserve <= limit && rows <= room);
            }
        }
    }
}
