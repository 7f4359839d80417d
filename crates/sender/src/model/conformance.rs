//! The same random operations on the ledger in memory and on PostgreSQL: every answer and every row must be equal, or what the model
//! shows would be about something else than the pipeline.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Category, Delivery, Lane, MessageId, Reason, State, pace};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use store::Store;
use store::admission::{AdmitVerdict, Pacing, Settlement};
use store::outcomes::{Numbers, Recorded};
use store::receipts::{Event, Proof};
use store::repair::Bounds;
use store::resolve::{Resolution, Resolved};
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use uuid::Uuid;

use super::memory::{Insert, Memory, Row};
use crate::gate::pacing;

const ROWS: usize = 12;
const STEPS: usize = 150;
const SEEDS: u64 = 14;
const THROUGHPUT: u32 = 80;
const BOUNDS: Bounds = Bounds {
    per_number: 500,
    all: 500,
};

/// PostgreSQL, with a clock that stands still.
struct Postgres {
    _database: TestDatabase,
    /// One connection, whose clock can be set.
    store: Store,
    tenant: Tenant,
}

/// Every message.
type Rows = BTreeMap<MessageId, Row>;

impl Postgres {
    async fn new() -> Self {
        let database = database::fresh().await;
        let choice = Choice {
            throughput: THROUGHPUT,
            ..Choice::default()
        };
        let tenant = seed::tenant(&database.store, &choice).await;
        let store = database::store(&database.url, 1);
        Self {
            _database: database,
            store,
            tenant,
        }
    }

    async fn run(&self, sql: &str) {
        self.store.raw(sql).await.unwrap();
    }

    async fn set_clock(&self, now: DateTime<Utc>) {
        self.run(&format!("SET turnpike.now = '{}'", now.to_rfc3339())).await;
    }

    /// Everything of an earlier sequence is gone.
    async fn clear(&self) {
        self.run(include_str!("../../tests/sql/model_clear.sql")).await;
    }

    async fn insert(&self, new: &Insert, row: &Row) {
        let tenant = &self.tenant;
        let sql = include_str!("../../tests/sql/model_insert.sql")
            .replace("{id}", &new.id.to_string())
            .replace("{organization}", &tenant.organization.to_string())
            .replace("{number}", &tenant.number.to_string())
            .replace("{scope}", &tenant.scope.to_string())
            .replace("{recipient}", &seed::recipient(new.recipient))
            .replace("{category}", &new.category.code().to_string())
            .replace("{expires_at}", &new.expires_at.to_rfc3339())
            .replace("{resend}", &new.resend.to_string())
            .replace("{state}", &row.state.code().to_string())
            .replace("{wake_at}", &row.wake_at.unwrap().to_rfc3339())
            .replace("{now}", &row.changed_at.to_rfc3339());
        self.run(&sql).await;
    }

    /// As a webhook does it.
    async fn prove(&self, id: MessageId, delivery: Delivery, wamid: &str, now: DateTime<Utc>) -> bool {
        let mut applier = self.store.applier().await.unwrap();
        let tx = applier.begin().await.unwrap();
        tx.lock_messages(&[id.0]).await.unwrap();
        let event = Event {
            id: id.0,
            status: format!("{delivery:?}").to_lowercase(),
            at: now,
            attempt: 1,
            received_at: now,
            errors: None,
            pricing: None,
        };
        tx.keep_events(&[event]).await.unwrap();
        let proof = Proof {
            id: id.0,
            delivery: delivery.code(),
            wamid: wamid.to_owned(),
        };
        let changed = tx.prove_accepted(&[proof], Delivery::Failed.code()).await.unwrap();
        tx.commit().await.unwrap();
        changed == 1
    }

    async fn wrote(&self, person: usize, now: DateTime<Utc>) {
        let mut applier = self.store.applier().await.unwrap();
        let tx = applier.begin().await.unwrap();
        let recipient = seed::recipient(person);
        tx.open_windows(&[(self.tenant.number.0, &recipient, now)])
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn hear(&self, now: DateTime<Utc>) {
        let mut applier = self.store.applier().await.unwrap();
        let tx = applier.begin().await.unwrap();
        tx.hear(&[(self.tenant.number.0, now, now)]).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn end_holds(&self) -> Vec<(MessageId, State)> {
        let Some(due) = self.store.due_holds(BOUNDS).await.unwrap() else {
            return Vec::new();
        };
        let heard = due.heard.get(&self.tenant.number).cloned().unwrap_or_default();
        let ends: Vec<_> = due
            .holds
            .iter()
            .map(|hold| (*hold, hold.hold.end(&heard, due.now)))
            .collect();
        let ended = self.store.settle_holds(&ends, due.now).await.unwrap();
        let with = |ids: Vec<MessageId>, state| ids.into_iter().map(move |id| (id, state));
        let mut all: Vec<_> = with(ended.unknown, State::Unknown)
            .chain(with(ended.resent, State::Parked))
            .chain(with(ended.going_on, State::Uncertain))
            .collect();
        all.sort();
        all
    }

    async fn rows(&self, like: &Rows) -> Rows {
        let rows = self
            .store
            .raw(include_str!("../../tests/sql/model_rows.sql"))
            .await
            .unwrap();
        rows.iter().map(|row| read(row, like)).collect()
    }
}

fn read(row: &Value, like: &Rows) -> (MessageId, Row) {
    let id = MessageId(row["id"].as_str().unwrap().parse().unwrap());
    let time = |name: &str| row[name].as_str().map(|text| text.parse::<DateTime<Utc>>().unwrap());
    let number = |name: &str| row[name].as_i64().unwrap();
    let code = |name: &str| i16::try_from(number(name)).unwrap();
    let text = |name: &str| row[name].as_str().map(str::to_owned);
    let known = &like[&id];
    let read = Row {
        recipient: known.recipient,
        category: Category::from_code(code("category")).unwrap(),
        expires_at: time("expires_at").unwrap(),
        resend: row["resend"].as_bool().unwrap(),
        state: State::from_code(code("state")).unwrap(),
        wake_at: time("wake_at"),
        attempt: i32::try_from(number("attempt")).unwrap(),
        failures: i32::try_from(number("failures")).unwrap(),
        rings: i32::try_from(number("rings")).unwrap(),
        crashes: code("crashes"),
        claim: row["claim"].as_str().map(|text| text.parse().unwrap()),
        claimed_at: time("claimed_at"),
        reason: text("reason"),
        delivery: Delivery::from_code(code("delivery")).unwrap(),
        wamid: text("wamid"),
        changed_at: time("changed_at").unwrap(),
        held_until: time("held_until"),
    };
    (id, read)
}

/// Both ledgers, and what a random caller knows of them.
struct Pair {
    memory: Memory,
    postgres: Postgres,
    random: StdRng,
    ids: Vec<MessageId>,
    /// Claims that were made, those of rows that moved on too.
    claims: Vec<(MessageId, Uuid, i32)>,
}

impl Pair {
    fn id(&mut self) -> MessageId {
        *self.ids.choose(&mut self.random).unwrap()
    }

    /// One of those in this state, if there is one, and as often any: few are in it at a time, and they are what is to be struck.
    fn likely(&mut self, state: State) -> MessageId {
        let rows = self.memory.rows.iter();
        let such: Vec<_> = rows.filter(|(_, row)| row.state == state).map(|(id, _)| *id).collect();
        match such.choose(&mut self.random) {
            Some(id) if self.random.random_bool(0.5) => *id,
            _ => self.id(),
        }
    }

    /// Time passes, and webhooks of the number come all along, for longer than a hold: what is uncertain by now will be unknown.
    async fn webhooks_flow(&mut self) {
        for _ in 0..10 {
            self.memory.now += TimeDelta::seconds(100);
            self.postgres.set_clock(self.memory.now).await;
            self.memory.hear();
            self.postgres.hear(self.memory.now).await;
        }
    }

    fn some(&mut self, most: usize) -> Vec<MessageId> {
        let count = self.random.random_range(1..=most);
        let mut ids: Vec<MessageId> = self.ids.choose_multiple(&mut self.random, count).copied().collect();
        ids.sort_unstable();
        ids
    }

    /// One operation on both. Says which, and what each answered.
    async fn step(&mut self) -> (String, String, String) {
        let now = self.memory.now;
        let seconds = |random: &mut StdRng, most: i64| TimeDelta::milliseconds(random.random_range(1..most * 1000));
        match self.random.random_range(0..18) {
            0 | 1 => {
                let most = *[1, 30, 200, 2_000, 20_000].choose(&mut self.random).unwrap();
                self.memory.now += seconds(&mut self.random, most);
                self.postgres.set_clock(self.memory.now).await;
                ("time passes".into(), String::new(), String::new())
            }
            2 | 3 => {
                let mut released = self
                    .postgres
                    .store
                    .release(pace::ring_again_after(0), 1_000)
                    .await
                    .unwrap()
                    .released;
                released.sort_by_key(|row| row.id);
                let ids: Vec<_> = released.iter().map(|row| row.id).collect();
                (
                    "release".into(),
                    format!("{:?}", self.memory.release()),
                    format!("{ids:?}"),
                )
            }
            4 => {
                let after: Vec<TimeDelta> = (0..8).map(pace::ring_again_after).collect();
                let mut rung = self
                    .postgres
                    .store
                    .ring_again(&after, &Lane::ALL, BOUNDS)
                    .await
                    .unwrap();
                rung.sort_by_key(|row| row.id);
                let ids: Vec<_> = rung.iter().map(|row| row.id).collect();
                (
                    "ring again".into(),
                    format!("{:?}", self.memory.ring_again()),
                    format!("{ids:?}"),
                )
            }
            5 => {
                let mut expired = self.postgres.store.expire_leases(BOUNDS).await.unwrap();
                expired.sort_unstable();
                (
                    "expire leases".into(),
                    format!("{:?}", self.memory.expire_leases()),
                    format!("{expired:?}"),
                )
            }
            6 => {
                if self.random.random_bool(0.5) {
                    self.webhooks_flow().await;
                }
                let mut ended = self.memory.end_holds();
                ended.sort();
                (
                    "end holds".into(),
                    format!("{ended:?}"),
                    format!("{:?}", self.postgres.end_holds().await),
                )
            }
            7 => {
                self.memory.hear();
                self.postgres.hear(now).await;
                ("hear".into(), String::new(), String::new())
            }
            8..=10 => {
                let (ids, claim) = (self.some(ROWS), Uuid::from_u128(self.random.random()));
                let pacing = if self.random.random_bool(0.2) {
                    Pacing {
                        horizon: Duration::from_millis(30),
                        ..pacing(Lane::Bulk)
                    }
                } else {
                    pacing(Lane::Rt)
                };
                let memory = self.memory.admit(claim, &ids, pacing);
                let rows = self.postgres.store.admit(claim, &ids, pacing).await.unwrap().rows;
                let postgres: Vec<_> = rows.into_iter().map(|row| (row.id, row.verdict)).collect();
                for (id, verdict) in &memory {
                    if let AdmitVerdict::Send { attempt, .. } = verdict {
                        self.claims.push((*id, claim, *attempt));
                    }
                }
                (format!("admit {ids:?}"), format!("{memory:?}"), format!("{postgres:?}"))
            }
            11 | 12 => {
                let outcomes = self.outcomes();
                let memory = self.memory.record(&outcomes);
                let mut postgres = self.postgres.store.record_outcomes(&outcomes).await.unwrap();
                postgres.sort_unstable();
                (
                    format!("record {outcomes:?}"),
                    format!("{memory:?}"),
                    format!("{postgres:?}"),
                )
            }
            13 => {
                let Some((id, claim, _)) = self.claims.choose(&mut self.random).copied() else {
                    return Default::default();
                };
                let standing = self.memory.standing(&[(id, claim)]);
                let (stands, _) = self.postgres.store.standing_claims(&[(id, claim)]).await.unwrap();
                assert_eq!(standing, stands);
                let (memory, postgres) = if self.random.random_bool(0.5) {
                    let postgres = self.postgres.store.give_back_claim(claim, &[id]).await.unwrap();
                    (self.memory.give_back_claim(claim, &[id]), postgres)
                } else {
                    (0, 0)
                };
                (format!("give back {id}"), memory.to_string(), postgres.to_string())
            }
            14 => {
                let (id, settlement) = (self.id(), self.random.random_range(0..3));
                let (state, reason) = [
                    (State::Parked, Reason::SenderPaused),
                    (State::Failed, Reason::OptedOut),
                    (State::Expired, Reason::Expired),
                ][settlement]
                    .clone();
                let until = self.random.random_bool(0.5).then(|| now + TimeDelta::hours(1));
                let settlements = [Settlement {
                    id,
                    state,
                    until,
                    reason,
                }];
                let postgres = self.postgres.store.settle(&settlements).await.unwrap();
                (
                    format!("settle {settlements:?}"),
                    format!("{:?}", self.memory.settle(&settlements)),
                    format!("{postgres:?}"),
                )
            }
            15 => {
                let (id, delivery) = (
                    self.likely(State::Unknown),
                    *Delivery::ALL.choose(&mut self.random).unwrap(),
                );
                let wamid = format!("wamid.{}", self.random.random_range(0..3));
                let postgres = self.postgres.prove(id, delivery, &wamid, now).await;
                (
                    format!("prove {id} {delivery:?}"),
                    self.memory.prove(id, delivery, &wamid).to_string(),
                    postgres.to_string(),
                )
            }
            16 => {
                // A call may be under way while somebody cancels, and not only before.
                let id = self.likely(State::Sending);
                let store = &self.postgres.store;
                if self.random.random_bool(0.5) {
                    let set_aside = store.count_crashes(&[id]).await.unwrap();
                    (
                        format!("crash over {id}"),
                        format!("{:?}", self.memory.count_crashes(&[id])),
                        format!("{set_aside:?}"),
                    )
                } else if self.random.random_bool(0.3) {
                    let canceled = store.cancel(self.postgres.tenant.organization, id, now).await.unwrap();
                    let is_new = self.memory.rows[&id].state != State::Canceled;
                    let postgres = canceled == store::cancel::Cancel::Canceled && is_new;
                    (
                        format!("cancel {id}"),
                        self.memory.cancel(id).to_string(),
                        postgres.to_string(),
                    )
                } else {
                    let all = [Resolution::Accepted, Resolution::Failed, Resolution::Resend];
                    let resolution = *all.choose(&mut self.random).unwrap();
                    let resolved = store
                        .resolve(self.postgres.tenant.organization, id, resolution)
                        .await
                        .unwrap();
                    let postgres = resolved == Resolved::Done;
                    (
                        format!("resolve {id} {resolution:?}"),
                        self.memory.resolve(id, resolution).to_string(),
                        postgres.to_string(),
                    )
                }
            }
            _ => {
                let until = now + seconds(&mut self.random, 60);
                if self.random.random_bool(0.3) {
                    self.memory.hold_number(until);
                    let one = Numbers::One(self.postgres.tenant.number);
                    self.postgres
                        .store
                        .hold_numbers(one, until, "meta_130429")
                        .await
                        .unwrap();
                }
                let person = self.random.random_range(0..ROWS);
                self.memory.inbound.insert(person, now);
                self.postgres.wrote(person, now).await;
                ("a hold, and somebody writes".into(), String::new(), String::new())
            }
        }
    }

    /// Outcomes of claims, some of attempts that are over.
    fn outcomes(&mut self) -> Vec<Recorded> {
        let now = self.memory.now;
        let mut claims: BTreeMap<MessageId, i32> = BTreeMap::new();
        let count = self.random.random_range(1..5);
        let recent: Vec<_> = self.claims.iter().rev().take(ROWS).copied().collect();
        for (id, _, attempt) in recent.choose_multiple(&mut self.random, count) {
            claims.insert(*id, *attempt);
        }
        let mut outcomes = Vec::new();
        for (id, attempt) in claims {
            let given_back = Recorded::given_back(id, attempt, now);
            outcomes.push(match self.random.random_range(0..4) {
                0 => given_back,
                1 => Recorded {
                    state: State::Uncertain,
                    wake_at: Some(now + TimeDelta::minutes(15)),
                    reason: Some(Reason::OutcomeUnknown.to_string()),
                    refused: false,
                    ..given_back
                },
                2 => Recorded {
                    state: State::Accepted,
                    wake_at: None,
                    wamid: Some("wamid.7".to_owned()),
                    refused: false,
                    ..given_back
                },
                _ => Recorded {
                    wake_at: Some(now + TimeDelta::days(3)),
                    reason: Some(Reason::Meta(131_016).to_string()),
                    burns: true,
                    ..given_back
                },
            });
        }
        outcomes
    }
}

#[tokio::test]
async fn memory_and_postgresql_do_the_same() {
    let postgres = Postgres::new().await;
    let start = postgres.store.clock().await.unwrap().at();
    // A round moment, at which the ledger's clock stands still.
    let start = DateTime::from_timestamp(start.timestamp(), 0).unwrap();
    let mut pair = Pair {
        memory: Memory::new(start, THROUGHPUT),
        postgres,
        random: StdRng::seed_from_u64(0),
        ids: Vec::new(),
        claims: Vec::new(),
    };
    for seed in 0..SEEDS {
        pair.random = StdRng::seed_from_u64(seed);
        pair.memory = Memory::new(start, THROUGHPUT);
        (pair.ids, pair.claims) = (Vec::new(), Vec::new());
        pair.postgres.set_clock(start).await;
        pair.postgres.clear().await;
        for recipient in 0..ROWS {
            let new = Insert {
                id: MessageId::new(start),
                recipient,
                // Without a word of theirs a session message may not go, and with it, it may for a day.
                category: *[Category::Utility, Category::Marketing, Category::Service]
                    .choose(&mut pair.random)
                    .unwrap(),
                expires_at: start + TimeDelta::minutes(pair.random.random_range(1..600)),
                resend: pair.random.random_bool(0.5),
                scheduled_at: pair
                    .random
                    .random_bool(0.3)
                    .then(|| start + TimeDelta::seconds(pair.random.random_range(0..300))),
            };
            pair.memory.insert(new);
            let row = pair.memory.rows[&new.id].clone();
            pair.postgres.insert(&new, &row).await;
            pair.ids.push(new.id);
        }
        pair.ids.sort_unstable();
        for step in 0..STEPS {
            let (what, memory, postgres) = pair.step().await;
            let place = format!("seed {seed}, step {step}: {what}");
            assert_eq!(memory, postgres, "{place}");
            let rows = pair.postgres.rows(&pair.memory.rows).await;
            for (id, row) in &pair.memory.rows {
                assert_eq!(Some(row), rows.get(id), "{place}: memory left, PostgreSQL right");
            }
        }
    }
}
