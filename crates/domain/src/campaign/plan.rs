//! The plan: what of a campaign will go when, as far as it can be known. Pure, and made anew whenever somebody asks: tier, pace and
//! quality may have changed meanwhile.
//!
//! The same limits that the pipeline keeps are played through: the pace of each number, the messaging limit as an exact moving 24 hours
//! with what is in it already and what the campaign itself puts there, its reserve, its ramp, its start and its end.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};

use super::Ramp;

/// How long a recipient takes a place of a messaging limit; as in `admit` (migrations/V0003).
pub const MEMBERSHIP: TimeDelta = TimeDelta::seconds(24 * 3_600 + 60);
/// How far ahead a plan looks; what is not over by then is left over.
pub const HORIZON: TimeDelta = TimeDelta::days(400);
/// What is decided at once: fine enough for a plan by the hour.
const STEP: TimeDelta = TimeDelta::minutes(1);

/// What a plan is made from.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// When it is made.
    pub now: DateTime<Utc>,
    /// What is still to go.
    pub parts: Vec<Part>,
    /// Messages per second of each number, as far as it is there for the campaign.
    pub paces: Vec<f64>,
    /// The messaging limits.
    pub scopes: Vec<Scope>,
    /// How it warms up, and how much of that is behind it.
    pub ramp: Option<(Ramp, TimeDelta)>,
    /// How many went already, which the ramp counts.
    pub gone: u64,
    /// Nothing goes from then on.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The rest of a campaign on one number at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// How many.
    pub rest: u64,
    /// Not before then.
    pub starts_at: DateTime<Utc>,
    /// From which number, by its place in [`Outlook::paces`].
    pub number: usize,
    /// Whose messaging limit it draws on, by its place in [`Outlook::scopes`].
    pub scope: usize,
}

/// A messaging limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Scope {
    /// How many more may join now, the reserve left out; `None` without a limit.
    pub room: Option<u64>,
    /// When places come free, soonest first, and how many.
    pub frees: Vec<(DateTime<Utc>, u64)>,
}

/// What will go when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// By the hour (UTC) that they begin, the hours in which something goes.
    pub hours: Vec<(DateTime<Utc>, u64)>,
    /// When the last one goes; `None` when nothing will go.
    pub ends_at: Option<DateTime<Utc>>,
    /// What cannot go before it expires, or within the horizon.
    pub left_over: u64,
    /// Some of it waits for the messaging limit.
    pub waits_for_tier: bool,
}

/// Makes the plan.
pub fn plan(outlook: &Outlook) -> Plan {
    let mut run = Run::new(outlook);
    let end = outlook
        .expires_at
        .map_or(outlook.now + HORIZON, |at| at.min(outlook.now + HORIZON));
    let mut t = outlook.now;
    while t < end && run.rest() > 0 {
        let until = (t + STEP).min(end);
        run.step(t, until);
        t = if run.went {
            until
        } else {
            run.next(until).min(end).max(until)
        };
    }
    Plan {
        left_over: run.rest(),
        hours: run.hours.into_iter().collect(),
        ends_at: run.last,
        waits_for_tier: run.waited,
    }
}

/// A limit while it is played through.
struct Counted {
    room: Option<u64>,
    frees: VecDeque<(DateTime<Utc>, u64)>,
    /// What the campaign itself puts there, which is later than anything there was before, or as late.
    own: VecDeque<(DateTime<Utc>, u64)>,
}

struct Run<'a> {
    outlook: &'a Outlook,
    rests: Vec<u64>,
    /// Fractions of messages that a minute's pace left over.
    credit: Vec<f64>,
    scopes: Vec<Counted>,
    gone: u64,
    hours: BTreeMap<DateTime<Utc>, u64>,
    last: Option<DateTime<Utc>>,
    /// Something went in the last step.
    went: bool,
    waited: bool,
}

impl<'a> Run<'a> {
    fn new(outlook: &'a Outlook) -> Self {
        let counted = |scope: &Scope| Counted {
            room: scope.room,
            frees: scope.frees.iter().copied().collect(),
            own: VecDeque::new(),
        };
        Self {
            outlook,
            rests: outlook.parts.iter().map(|part| part.rest).collect(),
            credit: vec![0.0; outlook.paces.len()],
            scopes: outlook.scopes.iter().map(counted).collect(),
            gone: outlook.gone,
            hours: BTreeMap::new(),
            last: None,
            went: false,
            waited: false,
        }
    }

    fn rest(&self) -> u64 {
        self.rests.iter().sum()
    }

    fn step(&mut self, from: DateTime<Utc>, until: DateTime<Utc>) {
        self.went = false;
        self.scopes.iter_mut().for_each(|scope| scope.free(from));
        let whole = (until - from).as_seconds_f64();
        for (credit, pace) in self.credit.iter_mut().zip(&self.outlook.paces) {
            // What a minute leaves of one message, and no more: time that was not used is gone.
            *credit = credit.min(1.0) + whole * pace;
        }
        for (place, part) in self.outlook.parts.iter().enumerate() {
            let begin = part.starts_at.max(from);
            if begin >= until || self.rests[place] == 0 {
                continue;
            }
            let (pace, credit) = (self.outlook.paces[part.number], self.credit[part.number]);
            let fits = credit.min((until - begin).as_seconds_f64() * pace + 1.0);
            let room = self.scopes[part.scope].room.unwrap_or(u64::MAX);
            let wanted = self.rests[place].min(fits as u64).min(self.ramp_allows(until));
            let goes = wanted.min(room);
            self.waited |= goes < wanted;
            if goes == 0 {
                self.went |= fits < 1.0 || (wanted == 0 && self.outlook.ramp.is_some());
                continue;
            }
            self.went = true;
            // Behind what the number sent in this minute for other parts.
            let sent = (whole * pace - (credit - goes as f64)).max(0.0);
            let at = (from + seconds(sent / pace)).max(begin).min(until);
            self.credit[part.number] -= goes as f64;
            self.rests[place] -= goes;
            self.gone += goes;
            self.scopes[part.scope].take(at, goes);
            let hour = begin.duration_trunc(TimeDelta::hours(1)).unwrap_or(begin);
            *self.hours.entry(hour).or_default() += goes;
            self.last = self.last.max(Some(at));
        }
    }

    fn ramp_allows(&self, at: DateTime<Utc>) -> u64 {
        match &self.outlook.ramp {
            None => u64::MAX,
            Some((ramp, behind)) => ramp
                .allowed(*behind + (at - self.outlook.now))
                .saturating_sub(self.gone),
        }
    }

    /// When something changes next, as nothing went just now.
    fn next(&self, after: DateTime<Utc>) -> DateTime<Utc> {
        let starts = self.outlook.parts.iter().zip(&self.rests);
        let starts = starts.filter(|(part, rest)| **rest > 0 && part.starts_at > after);
        let starts = starts.map(|(part, _)| part.starts_at);
        let frees = self
            .scopes
            .iter()
            .flat_map(|scope| [scope.frees.front(), scope.own.front()]);
        let frees = frees.flatten().map(|(at, _)| *at);
        starts.chain(frees).min().unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Counted {
    fn free(&mut self, now: DateTime<Utc>) {
        let Some(room) = &mut self.room else { return };
        for queue in [&mut self.frees, &mut self.own] {
            while let Some((_, places)) = queue.front().filter(|(at, _)| *at <= now).copied() {
                *room += places;
                queue.pop_front();
            }
        }
    }

    fn take(&mut self, at: DateTime<Utc>, places: u64) {
        if let Some(room) = &mut self.room {
            *room -= places;
            self.own.push_back((at + MEMBERSHIP, places));
        }
    }
}

fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1_000.0).min(1e15) as i64)
}

#[cfg(test)]
mod tests;
