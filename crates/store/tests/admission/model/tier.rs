//! The messaging limit: never more people in any moving 24 hours, and no fewer than there is room for.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

use super::history::{Judge, histories};
use super::lanes::{Ground, Lane};

/// Meta's day.
const DAY: TimeDelta = TimeDelta::hours(24);

/// Who was written to, as Meta sees it: by what was sent and not refused, whatever our own set says.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) most: Option<i64>,
    /// The clock only goes forward, so that nobody may be refused needlessly either. Behind a clock that went back, a refused claim may
    /// seem older than the membership that it began, and then keeps its place for the day.
    pub(super) strict: bool,
    sent: Vec<Sent>,
    /// Every claim that counted, also of what was refused later: who and when.
    claimed: Vec<(usize, DateTime<Utc>)>,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    row: usize,
    person: usize,
    /// The slot, or the delivery once that is known.
    at: DateTime<Utc>,
    slot: DateTime<Utc>,
}

/// What admission said to one row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Admitted {
    pub(super) row: usize,
    pub(super) person: usize,
    /// Counts towards the limit.
    pub(super) counted: bool,
    /// When it goes, if it does.
    pub(super) slot: Option<DateTime<Utc>>,
    pub(super) by_tier: bool,
}

impl Limit {
    pub(super) fn new(most: Option<i64>, strict: bool) -> Self {
        Self {
            most,
            strict,
            sent: Vec::new(),
            claimed: Vec::new(),
        }
    }

    /// Everybody written to in the day that ends now.
    fn people(&self, now: DateTime<Utc>) -> BTreeSet<usize> {
        self.sent
            .iter()
            .filter(|sent| sent.at > now - DAY)
            .map(|sent| sent.person)
            .collect()
    }

    /// Takes a batch over, and with `judged` holds it against the limit.
    pub(super) fn admitted(&mut self, batch: &[Admitted], now: DateTime<Utc>, judged: Option<&str>) {
        let before = self.people(now);
        for one in batch.iter().filter(|one| one.counted) {
            let sent = one.slot.map(|slot| Sent {
                row: one.row,
                person: one.person,
                at: slot,
                slot,
            });
            self.sent.extend(sent);
            self.claimed.extend(sent.map(|sent| (sent.person, sent.slot)));
        }
        let Some((at, most)) = judged.zip(self.most) else {
            return;
        };
        let after = self.people(now);
        let newcomers: Vec<_> = after.difference(&before).collect();
        assert!(
            newcomers.is_empty() || i64::try_from(after.len()).unwrap() <= most,
            "{at}: {newcomers:?} joined {before:?} under a limit of {most}"
        );
        let needless = batch.iter().find(|one| {
            one.by_tier && self.strict && (!one.counted || i64::try_from(after.len()).unwrap() < self.room(now))
        });
        assert!(
            needless.is_none(),
            "{at}: {needless:?} was refused under a limit of {most} with {after:?}"
        );
    }

    /// How many people may be there before somebody is refused: all, less those whom our own set keeps longer than Meta does. That is
    /// for a minute beyond the day; and where a person's last claim was refused, as long as that claim would have counted.
    fn room(&self, now: DateTime<Utc>) -> i64 {
        let begin = now - DAY - TimeDelta::seconds(130);
        let mut lately: BTreeSet<usize> = self
            .sent
            .iter()
            .filter(|sent| sent.at > begin)
            .map(|sent| sent.person)
            .collect();
        let held = |person: &usize| self.sent.iter().any(|sent| sent.person == *person);
        lately.extend(
            self.claimed
                .iter()
                .filter(|(_, slot)| *slot > begin)
                .map(|(person, _)| *person)
                .filter(held),
        );
        let lingering = lately.difference(&self.people(now)).count();
        self.most.unwrap_or(i64::MAX) - i64::try_from(lingering).unwrap()
    }

    pub(super) fn delivered(&mut self, person: usize, row: usize, at: DateTime<Utc>) {
        for sent in self
            .sent
            .iter_mut()
            .filter(|sent| (sent.person, sent.row) == (person, row))
        {
            sent.at = sent.at.max(at);
        }
    }

    /// That attempt never was.
    pub(super) fn refused(&mut self, person: usize, row: usize, slot: DateTime<Utc>) {
        self.sent
            .retain(|sent| (sent.person, sent.row, sent.slot) != (person, row, slot));
    }
}

/// Of every lane: the count that is kept, and the set.
pub(super) async fn used_equals_members<'a>(
    ground: &Ground,
    cases: impl Iterator<Item = (&'a Lane, &'a Limit)>,
    at: &str,
) {
    let cases: Vec<_> = cases.collect();
    let (first, last) = (cases[0].0.scope, cases[cases.len() - 1].0.scope);
    let rows = ground
        .rows(&format!(
            "SELECT s.id, s.members AS used, count(e.recipient) AS members,
                    count(e.recipient) FILTER (WHERE e.holders < 1) AS hollow
             FROM limit_scope s LEFT JOIN limit_member e ON e.scope_id = s.id
             WHERE s.id BETWEEN {first} AND {last} GROUP BY s.id ORDER BY s.id"
        ))
        .await;
    assert_eq!(rows.len(), cases.len());
    for (row, (_, limit)) in rows.iter().zip(cases) {
        assert_eq!(row["used"], row["members"], "{at}: the count and the set went apart");
        assert_eq!(row["hollow"], 0, "{at}: somebody is counted for nothing");
        // Everybody whom Meta counts is in our set.
        let counted = if limit.most.is_some() {
            limit.people(ground.now).len()
        } else {
            0
        };
        assert!(
            row["members"].as_u64().unwrap() >= counted as u64,
            "{at}: {row} for {:?}",
            limit.people(ground.now)
        );
    }
}

#[tokio::test]
async fn the_tier_is_never_exceeded_in_any_moving_24_hours() {
    histories(Judge::Tier, super::seed("tier")).await;
}

#[tokio::test]
async fn used_always_equals_the_members() {
    histories(Judge::Members, super::seed("members")).await;
}
