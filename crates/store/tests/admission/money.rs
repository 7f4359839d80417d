//! Money under contention: eight connections admit, record, prove, repeat themselves and top up at random. The fate of each attempt is
//! fixed before anybody tells it, so what the books must say afterwards is known to the last millionth.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::{Category, MessageId, OrganizationId, State};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use store::Store;
use store::admission::{AdmitVerdict, Pacing};
use store::outcomes::Recorded;
use store::receipts::Proof;
use testkit::database;
use testkit::seed::{self, Choice};
use uuid::Uuid;

use crate::bench::insert;
use crate::books::{audited, books, open};

const CONNECTIONS: usize = 8;
const ROWS: usize = 900;
/// What each tenant begins with; the last one has no balance and its messages cost nothing. Far less than all of their messages cost.
const MONEY: [Option<i64>; 3] = [Some(5_000), Some(500), None];
const PACING: Pacing = Pacing {
    horizon: Duration::from_millis(200),
    lead: Duration::from_millis(5),
};
const LENGTH: Duration = Duration::from_secs(4);

#[derive(Debug, Clone, Copy)]
struct Row {
    id: MessageId,
    organization: OrganizationId,
    price: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Told by the answer, by a webhook or by both.
    Accepted,
    /// Final.
    Failed,
    /// To be tried again.
    Refused,
    /// Nobody ever knows.
    Unknown,
}

/// What really happened, kept apart from the ledger.
#[derive(Debug, Default)]
struct Truth {
    attempts: BTreeMap<(MessageId, i32), (Row, Fate)>,
    topped_up: BTreeMap<i64, i64>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_connections_keep_the_books_to_the_last_millionth() {
    let database = database::fresh().await;
    let store = database::store(&database.url, CONNECTIONS);
    let rows = Arc::new(rows(&database.store).await);
    let truth: Arc<Mutex<Truth>> = Arc::default();
    let workers = (0..CONNECTIONS).map(|seed| {
        let (store, rows, truth) = (store.clone(), Arc::clone(&rows), Arc::clone(&truth));
        tokio::spawn(async move { work(&store, &rows, &truth, seed as u64).await })
    });
    for worker in futures_util::future::join_all(workers).await {
        worker.expect("no statement failed");
    }

    let truth = std::mem::take(&mut *truth.lock().unwrap());
    for (organization, first) in organizations(&rows).into_iter().zip(MONEY) {
        let of = |fate: &[Fate]| -> i64 {
            let attempts = truth.attempts.values();
            let these = attempts.filter(|(row, was)| row.organization == organization && fate.contains(was));
            these.map(|(row, _)| row.price).sum()
        };
        let Some(first) = first else {
            assert!(of(&[Fate::Accepted]) > 0, "who pays nothing is held back by nothing");
            continue;
        };
        let (reserved, spent) = (of(&[Fate::Unknown]), of(&[Fate::Accepted]));
        let funded = first + truth.topped_up.get(&organization.0).copied().unwrap_or(0);
        assert_eq!(
            audited(&store, organization.0).await,
            books(funded - reserved - spent, reserved, spent)
        );
        assert!(spent > 0 && reserved > 0);
        let poor =
            format!("SELECT 1 FROM message WHERE reason = 'insufficient_balance' AND organization_id = {organization}");
        assert!(!store.raw(&poor).await.unwrap().is_empty(), "the money ran out");
    }
}

/// Admits random batches, decides what becomes of each attempt, and lets that be told in any order, by anybody, and twice.
async fn work(store: &Store, rows: &[Row], truth: &Mutex<Truth>, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let by_id: BTreeMap<MessageId, Row> = rows.iter().map(|row| (row.id, *row)).collect();
    let end = Instant::now() + LENGTH;
    while Instant::now() < end {
        let size = random.random_range(1..50);
        let batch: Vec<MessageId> = (0..size)
            .map(|_| rows.choose(&mut random).expect("there are rows").id)
            .collect();
        let admission = store.admit(Uuid::new_v4(), &batch, PACING).await.expect("admitting");
        let mut claimed = Vec::new();
        for admitted in &admission.rows {
            if let AdmitVerdict::Send { attempt, .. } = admitted.verdict {
                let fates = [
                    (Fate::Accepted, 5),
                    (Fate::Failed, 1),
                    (Fate::Refused, 3),
                    (Fate::Unknown, 1),
                ];
                let fate = fates.choose_weighted(&mut random, |fate| fate.1).expect("weights").0;
                claimed.push((admitted.id, attempt, fate));
                let twice = truth
                    .lock()
                    .unwrap()
                    .attempts
                    .insert((admitted.id, attempt), (by_id[&admitted.id], fate));
                assert!(twice.is_none(), "an attempt was given out twice");
            }
        }
        let mut told: Vec<Telling> = claimed
            .iter()
            .flat_map(|claimed| tellings(*claimed, &mut random))
            .collect();
        told.shuffle(&mut random);
        tell(store, &told).await;
        // What was refused is tried again; and now and then somebody pays in.
        store
            .raw("UPDATE message SET state = 20 WHERE id IN (SELECT id FROM message WHERE state = 10 AND wake_at <= clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED)")
            .await
            .expect("requeueing");
        if random.random_ratio(1, 40) {
            let (organization, amount) = (
                organizations(rows)[random.random_range(0..2)].0,
                random.random_range(1..50),
            );
            store
                .raw(&format!("SELECT top_up_balance({organization}, {amount})"))
                .await
                .expect("topping up");
            *truth.lock().unwrap().topped_up.entry(organization).or_default() += amount;
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Telling {
    Outcome(MessageId, i32, State),
    Webhook(MessageId, i32),
}

fn tellings((id, attempt, fate): (MessageId, i32, Fate), random: &mut StdRng) -> Vec<Telling> {
    let outcome = |state| Telling::Outcome(id, attempt, state);
    let mut told = match fate {
        Fate::Accepted => match random.random_range(0..3) {
            0 => vec![outcome(State::Accepted)],
            1 => vec![outcome(State::Uncertain), Telling::Webhook(id, attempt)],
            _ => vec![outcome(State::Accepted), Telling::Webhook(id, attempt)],
        },
        Fate::Failed => vec![outcome(State::Failed)],
        Fate::Refused => vec![outcome(State::Parked)],
        Fate::Unknown => vec![outcome(State::Uncertain)],
    };
    if random.random_bool(0.3) {
        told.extend(told.clone());
    }
    told
}

/// In chunks, outcomes as the sender writes them, webhooks as receipts applies them.
async fn tell(store: &Store, told: &[Telling]) {
    for chunk in told.chunks(10) {
        let outcome = |telling: &Telling| match *telling {
            Telling::Outcome(id, attempt, state) => Some(Recorded {
                state,
                wake_at: (!state.is_final()).then_some(chrono::DateTime::UNIX_EPOCH),
                refused: matches!(state, State::Parked | State::Failed),
                ..Recorded::given_back(id, attempt, chrono::DateTime::UNIX_EPOCH)
            }),
            Telling::Webhook(..) => None,
        };
        let outcomes: Vec<Recorded> = chunk.iter().filter_map(outcome).collect();
        store.record_outcomes(&outcomes).await.expect("recording outcomes");
        let mut proven: Vec<(Uuid, i32)> = chunk
            .iter()
            .filter_map(|telling| match telling {
                Telling::Webhook(id, attempt) => Some((id.0, *attempt)),
                Telling::Outcome(..) => None,
            })
            .collect();
        proven.sort_unstable();
        proven.dedup();
        if !proven.is_empty() {
            prove(store, &proven).await;
        }
    }
}

async fn prove(store: &Store, proven: &[(Uuid, i32)]) {
    let mut applier = store.applier().await.expect("a connection");
    let tx = applier.begin().await.expect("a transaction");
    let ids: Vec<Uuid> = proven.iter().map(|(id, _)| *id).collect();
    tx.lock_messages(&ids).await.expect("locking");
    let proofs: Vec<Proof> = ids
        .iter()
        .map(|id| Proof {
            id: *id,
            delivery: 1,
            wamid: "wamid.1".to_owned(),
        })
        .collect();
    tx.prove_accepted(&proofs, 2).await.expect("proving");
    tx.spend_proven(proven).await.expect("spending");
    tx.commit().await.expect("committing");
}

/// In the order of [`MONEY`].
fn organizations(rows: &[Row]) -> Vec<OrganizationId> {
    let mut organizations: Vec<OrganizationId> = rows.iter().map(|row| row.organization).collect();
    organizations.sort_unstable();
    organizations.dedup();
    organizations
}

/// Rows of three tenants with prices from 1 to 90, mixed.
async fn rows(store: &Store) -> Vec<Row> {
    let mut tenants = Vec::new();
    for (place, money) in (0..).zip(MONEY) {
        let choice = Choice {
            place,
            ..Choice::default()
        };
        let tenant = seed::tenant(store, &choice).await;
        if let Some(money) = money {
            open(store, tenant.organization.0, money).await;
        }
        tenants.push(tenant);
    }
    let now = store.clock().await.unwrap().at();
    let mut rows = Vec::new();
    for n in 0..ROWS {
        let tenant = &tenants[n % tenants.len()];
        let id = insert(store, tenant, now, n, Category::Marketing).await;
        let price = i64::try_from(n % 90).unwrap() + 1;
        store
            .raw(&format!("UPDATE message SET price = {price} WHERE id = '{id}'"))
            .await
            .unwrap();
        rows.push(Row {
            id,
            organization: tenant.organization,
            price,
        });
    }
    rows
}
