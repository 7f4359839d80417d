//! How long an uncertain attempt waits for a webhook: a clock that runs only while Meta's webhooks reach us for its number.
//!
//! **Invariant:** silence is no proof. While no webhook of a number comes, nothing is concluded from none having come for a message:
//! the hold's end moves away as fast as time passes. Only when Meta itself has given up delivering does a hold end without its time
//! having run, and then nothing is sent again.

use chrono::{DateTime, TimeDelta, Utc};

use crate::retry;

/// Between two webhooks of a number, and from the beginning of a hold, so much time may pass before it counts as silence.
pub const GRACE: TimeDelta = TimeDelta::minutes(2);
/// The longest that a hold can last, however little of it has run: Meta tries to deliver a webhook for 36 hours, then drops it.
pub const LONGEST: TimeDelta = TimeDelta::hours(36);

/// While no webhooks come a hold is looked at so often at most: each look writes its row.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

/// A hold as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// When the attempt became uncertain.
    pub began: DateTime<Utc>,
    /// Silences up to then are in the alarm already; `None` when none is.
    pub counted_until: Option<DateTime<Utc>>,
    /// When it is over, if webhooks flow.
    pub alarm: DateTime<Utc>,
    /// The message says `on_uncertain: resend`.
    pub resend: bool,
    /// Not to be sent from then on.
    pub expires_at: DateTime<Utc>,
    /// Attempts so far that count against the retry budget.
    pub failures: u32,
}

/// When webhooks of a number came, as far back as its holds reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The last one; `None` when there never was one.
    pub last: Option<DateTime<Utc>>,
    /// Stretches without any, before the last one.
    pub gaps: Vec<Gap>,
}

/// A stretch between two webhooks of a number that is longer than [`GRACE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The webhook before it.
    pub after: DateTime<Utc>,
    /// The webhook that ended it.
    pub until: DateTime<Utc>,
}

/// What becomes of a hold whose alarm rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It goes on until this new alarm: its clock stood still meanwhile.
    GoesOn(DateTime<Utc>),
    /// No webhook told, and none will: what became of the attempt is not known.
    Unknown,
    /// One more attempt, as the message asks for.
    Resend,
}

impl Heard {
    /// For how long the clock of a hold that began at `began` stood still between `from` and `now`.
    pub fn silence(&self, began: DateTime<Utc>, from: DateTime<Utc>, now: DateTime<Utc>) -> TimeDelta {
        let open = Gap {
            after: self.last.unwrap_or(began),
            until: now,
        };
        let silent = |gap: &Gap| {
            // The attempt itself counts as a sign of life: its webhook may be a little on the way.
            let begins = (gap.after.max(began) + GRACE).max(from);
            (gap.until.min(now) - begins).max(TimeDelta::zero())
        };
        self.gaps.iter().chain([&open]).map(silent).sum()
    }

    /// Whether the clock of a hold that began at `began` stands still now.
    pub fn stands_still(&self, began: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now - self.last.unwrap_or(began).max(began) > GRACE
    }
}

impl Hold {
    /// What becomes of it now that its alarm rang.
    pub fn end(&self, heard: &Heard, now: DateTime<Utc>) -> End {
        let latest = self.began + LONGEST;
        if now >= latest {
            // Its time has not run: that no webhook came means little, too little for another attempt.
            return End::Unknown;
        }
        let from = self.counted_until.unwrap_or(self.began);
        let still = heard.silence(self.began, from, now);
        if still > TimeDelta::zero() {
            let least = match heard.stands_still(self.began, now) {
                true => LOOK_AGAIN,
                false => TimeDelta::zero(),
            };
            return End::GoesOn((now + still.max(least)).min(latest));
        }
        if self.resend && self.expires_at > now && self.failures + 1 < retry::MAX_FAILURES {
            End::Resend
        } else {
            End::Unknown
        }
    }
}

/// Times at which webhooks of one number came, in order, as stretches between which there was no gap: first and last of each.
pub fn stretches(mut times: Vec<DateTime<Utc>>) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
    times.sort_unstable();
    let mut stretches: Vec<(DateTime<Utc>, DateTime<Utc>)> = Vec::new();
    for at in times {
        match stretches.last_mut() {
            Some((_, last)) if at - *last <= GRACE => *last = at,
            _ => stretches.push((at, at)),
        }
    }
    stretches
}

#[cfg(test)]
mod tests;
