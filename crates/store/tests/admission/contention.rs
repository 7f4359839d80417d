//! Many admissions at once: eight connections, random batches, three scopes, four numbers. What they gave out is judged afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Category, MessageId, NumberId, State, pace};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use store::Store;
use store::admission::{AdmitVerdict, Pacing};
use store::outcomes::Recorded;
use testkit::database;
use testkit::seed::{self, Choice, Tenant};
use uuid::Uuid;

use crate::bench::{insert, members};

const CONNECTIONS: usize = 8;
/// Of each tenant: messages per second of its number, and the messaging limit of its scope. The last has none, so that nothing but the
/// number's own lock keeps its pace.
const TENANTS: [(u32, &str, Option<i64>); 3] = [
    (200, "40", Some(40)),
    (60, "25", Some(25)),
    (120, "TIER_UNLIMITED", None),
];
const PACING: Pacing = Pacing {
    horizon: Duration::from_millis(200),
    lead: Duration::from_millis(5),
};
/// Of each number, where the pace is not what is looked at.
const THROUGHPUT: u32 = 1_000;
/// Long enough for the slowest number to give out some hundred slots.
const LENGTH: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy)]
struct Row {
    id: MessageId,
    number: NumberId,
    scope: i64,
    recipient: usize,
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    row: Row,
    attempt: i32,
    slot: DateTime<Utc>,
    refused: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_connections_keep_every_limit_without_a_deadlock() {
    let database = database::fresh().await;
    let store = database::store(&database.url, CONNECTIONS);
    let mut numbers = Vec::new();
    for (place, (throughput, tier, _)) in (0..).zip(TENANTS) {
        let choice = Choice {
            place,
            tier,
            throughput,
        };
        numbers.push((seed::tenant(&database.store, &choice).await, throughput));
    }
    let second = second_number(&database.store, &numbers[0].0, 20).await;
    numbers.push((second, 20));
    let tenants: Vec<Tenant> = numbers.iter().map(|(tenant, _)| tenant.clone()).collect();
    let rows = Arc::new(rows(&database.store, &tenants).await);

    let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let workers = (0..CONNECTIONS).map(|seed| {
        let (store, rows, sent) = (store.clone(), Arc::clone(&rows), Arc::clone(&sent));
        tokio::spawn(async move { work(&store, &rows, &sent, seed as u64).await })
    });
    for worker in futures_util::future::join_all(workers).await {
        worker.expect("no admission failed");
    }

    let sent = sent.lock().unwrap().clone();
    let claims: BTreeSet<_> = sent.iter().map(|sent| (sent.row.id, sent.attempt)).collect();
    assert_eq!(claims.len(), sent.len(), "an attempt was given out twice");
    for (tenant, throughput) in &numbers {
        let given = keeps_pace(&sent, tenant.number, *throughput);
        assert!(given > 0, "number {} was never served", tenant.number);
    }
    for (tenant, (.., limit)) in tenants.iter().zip(TENANTS) {
        let Some(limit) = limit else { continue };
        let kept = sent
            .iter()
            .filter(|sent| sent.row.scope == tenant.scope.0 && !sent.refused);
        let people: BTreeSet<usize> = kept.map(|sent| sent.row.recipient).collect();
        assert_eq!(
            people.len() as i64,
            limit,
            "the messaging limit is reached and not passed"
        );
        assert_eq!(members(&store, tenant.scope.0).await, limit);
    }
}

/// Ten thousand rows of two scopes and five numbers, until nothing is left to admit; every limit is reached, and none is passed.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_admissions_on_two_scopes_and_five_numbers_break_no_limit() {
    const ROWS: usize = 10_000;
    const SCOPES: [(&str, i64, usize); 2] = [("1500", 1_500, 3), ("1000", 1_000, 2)];
    let database = database::fresh().await;
    let store = database::store(&database.url, CONNECTIONS);
    let mut numbers: Vec<Tenant> = Vec::new();
    for (place, (tier, _, count)) in (0..).zip(SCOPES) {
        let choice = Choice {
            place,
            tier,
            throughput: THROUGHPUT,
        };
        let first = seed::tenant(&database.store, &choice).await;
        for _ in 1..count {
            numbers.push(second_number(&database.store, &first, THROUGHPUT).await);
        }
        numbers.push(first);
    }
    let mut random = StdRng::seed_from_u64(1);
    let now = database.store.clock().await.unwrap().at();
    let mut rows = Vec::new();
    for n in 0..ROWS {
        let tenant = &numbers[n % numbers.len()];
        let recipient = random.random_range(0..3_000);
        rows.push(Row {
            id: insert(&database.store, tenant, now, recipient, Category::Marketing).await,
            number: tenant.number,
            scope: tenant.scope.0,
            recipient,
        });
    }
    let rows = Arc::new(rows);

    let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
    let workers = (0..CONNECTIONS).map(|seed| {
        let (store, rows, sent) = (store.clone(), Arc::clone(&rows), Arc::clone(&sent));
        tokio::spawn(async move {
            let by_id: BTreeMap<MessageId, Row> = rows.iter().map(|row| (row.id, *row)).collect();
            let mut random = StdRng::seed_from_u64(seed as u64);
            loop {
                // Whoever else takes some of them at the same moment.
                requeue(&store).await;
                let queued = store
                    .raw("SELECT id FROM message WHERE state = 20 ORDER BY random() LIMIT 60")
                    .await
                    .expect("looking for rows");
                let id = |row: &Value| row["id"].as_str().unwrap().parse().map(MessageId).unwrap();
                let batch: Vec<MessageId> = queued.iter().map(id).collect();
                if batch.is_empty() {
                    return;
                }
                admit_and_refuse_some(&store, &batch, &by_id, &sent, &mut random).await;
            }
        })
    });
    for worker in futures_util::future::join_all(workers).await {
        worker.expect("no admission failed");
    }

    let sent = sent.lock().unwrap().clone();
    let claims: BTreeSet<_> = sent.iter().map(|sent| (sent.row.id, sent.attempt)).collect();
    assert_eq!(claims.len(), sent.len(), "an attempt was given out twice");
    for tenant in &numbers {
        assert!(keeps_pace(&sent, tenant.number, THROUGHPUT) > 0);
    }
    for (scope, limit) in [(numbers[0].scope.0, SCOPES[0].1), (numbers[4].scope.0, SCOPES[1].1)] {
        let kept = sent.iter().filter(|sent| sent.row.scope == scope && !sent.refused);
        let people: BTreeSet<usize> = kept.map(|sent| sent.row.recipient).collect();
        assert_eq!(people.len() as i64, limit, "reached and not passed");
        assert_eq!(members(&store, scope).await, limit);
    }
    let left = store
        .raw("SELECT count(*) AS n FROM message WHERE state NOT IN (10, 30, 60)")
        .await
        .unwrap();
    assert_eq!(left[0]["n"], 0, "every row was admitted, refused, or told to wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admission_that_waited_for_its_number_reads_the_clock_afterwards() {
    let database = database::fresh().await;
    let store = database::store(&database.url, 3);
    let tenant = seed::tenant(&store, &Choice::default()).await;
    let before = store.clock().await.unwrap().at();
    let id = insert(&store, &tenant, before, 1, Category::Utility).await;
    let phones = store.raw("SELECT phone FROM sender_number").await.unwrap();
    let phone = phones[0]["phone"].as_str().unwrap();

    let mut applier = store.applier().await.unwrap();
    let holding = applier.begin().await.unwrap();
    holding.lock_gates(&[phone]).await.unwrap();
    let asking = tokio::spawn({
        let store = store.clone();
        async move { store.admit(Uuid::new_v4(), &[id], PACING).await }
    });
    let waiting =
        "SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    testkit::until(Duration::from_secs(60), "an admission that waits", async || {
        let found = store.raw(waiting).await.ok()?;
        (!found.is_empty()).then_some(())
    })
    .await;
    // Longer than the lead, or a slot counted from before the wait would still lie ahead.
    let seen = store.clock().await.unwrap().at();
    let released = testkit::until(Duration::from_secs(60), "a wait longer than the lead", async || {
        let now = store.clock().await.ok()?.at();
        (now > seen + PACING.lead).then_some(now)
    })
    .await;
    holding.commit().await.unwrap();

    let admission = asking.await.unwrap().unwrap();
    let AdmitVerdict::Send { slot, .. } = admission.rows[0].verdict else {
        panic!("{:?}", admission.rows);
    };
    assert!(
        slot > released,
        "a slot at {slot}, when the number was free at {released}"
    );
}

/// Admits random batches, duplicates included, and refuses some of what it got.
async fn work(store: &Store, rows: &[Row], sent: &Mutex<Vec<Sent>>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let by_id: BTreeMap<MessageId, Row> = rows.iter().map(|row| (row.id, *row)).collect();
    let end = Instant::now() + LENGTH;
    while Instant::now() < end {
        let size = random.random_range(1..60);
        // Half of the batches are mixed, half of one number, as jobs are.
        let number = rows.choose(&mut random).expect("there are rows").number;
        let mixed = random.random_bool(0.5);
        let these: Vec<&Row> = rows.iter().filter(|row| mixed || row.number == number).collect();
        let batch: Vec<MessageId> = (0..size)
            .map(|_| these.choose(&mut random).expect("the number has rows").id)
            .collect();
        admit_and_refuse_some(store, &batch, &by_id, sent, &mut random).await;
        requeue(store).await;
    }
}

/// Admits a batch, and tells of a fifth of what went that Meta refused it.
async fn admit_and_refuse_some(
    store: &Store,
    batch: &[MessageId],
    by_id: &BTreeMap<MessageId, Row>,
    sent: &Mutex<Vec<Sent>>,
    random: &mut StdRng,
) {
    let admission = store.admit(Uuid::new_v4(), batch, PACING).await.expect("admitting");
    let mut refusals = Vec::new();
    for admitted in &admission.rows {
        let AdmitVerdict::Send { slot, attempt } = admitted.verdict else {
            continue;
        };
        let refused = random.random_bool(0.2);
        if refused {
            refusals.push(Recorded {
                state: State::Failed,
                wake_at: None,
                ..Recorded::given_back(admitted.id, attempt, slot)
            });
        }
        sent.lock().unwrap().push(Sent {
            row: by_id[&admitted.id],
            attempt,
            slot,
            refused,
        });
    }
    let moved = store.record_outcomes(&refusals).await.expect("recording refusals");
    assert_eq!(
        moved.len(),
        refusals.len(),
        "a claim of ours was moved by somebody else"
    );
}

/// What had to wait for room (tier) or for a person (pair) may be asked for again, once it is time.
async fn requeue(store: &Store) {
    let due = "UPDATE message SET state = 20 WHERE id IN
                   (SELECT id FROM message WHERE state = 10 AND wake_at <= clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED)";
    store.raw(due).await.expect("requeueing");
}

/// Checks the slots of a number: the pace between them, and with the longest delay that a sender may add, never more than the
/// throughput in any second. Returns how many there were.
fn keeps_pace(sent: &[Sent], number: NumberId, throughput: u32) -> usize {
    let mut slots: Vec<_> = sent
        .iter()
        .filter(|sent| sent.row.number == number)
        .map(|sent| sent.slot)
        .collect();
    slots.sort_unstable();
    // PostgreSQL keeps time in microseconds, so each of two slots may be rounded by half of one.
    let apart = TimeDelta::microseconds((1e6 / pace::slots_per_second(throughput)).floor() as i64 - 1);
    for pair in slots.windows(2) {
        assert!(
            pair[1] - pair[0] >= apart,
            "number {number}: slots {} apart",
            pair[1] - pair[0]
        );
    }
    slots.len()
}

/// Another number of the same tenant, and so of the same scope.
pub(crate) async fn second_number(store: &Store, tenant: &Tenant, throughput: u32) -> Tenant {
    let pace = pace::slots_per_second(throughput);
    let sql = format!(
        "WITH number AS (
             INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id, throughput)
             SELECT '2999' || taken, '+1555999999' || taken, organization_id, waba_id, scope_id, {throughput}
             FROM sender_number, (SELECT count(*) AS taken FROM sender_number) n WHERE id = {}
             RETURNING id
         ) INSERT INTO number_gate (number_id, slots_per_second) SELECT id, {pace} FROM number",
        tenant.number
    );
    store.raw(&sql).await.unwrap();
    let row = store.raw("SELECT max(id) AS id FROM sender_number").await.unwrap();
    Tenant {
        number: NumberId(row[0]["id"].as_i64().unwrap()),
        ..tenant.clone()
    }
}

async fn rows(store: &Store, tenants: &[Tenant]) -> Vec<Row> {
    let now = store.clock().await.unwrap().at();
    let mut rows = Vec::new();
    for n in 0..1200 {
        let tenant = &tenants[n % tenants.len()];
        // Many people, some of them several times and by both numbers of a scope.
        let recipient = n % 170;
        rows.push(Row {
            id: insert(store, tenant, now, recipient, Category::Marketing).await,
            number: tenant.number,
            scope: tenant.scope.0,
            recipient,
        });
    }
    rows
}
