//! Random histories of four admitters on each of many lanes: claims, outcomes in any order, webhooks, money, tiers, a clock that jumps.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{MessageId, State};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use store::admission::AdmitVerdict;
use store::outcomes::Recorded;
use store::receipts::Proof;
use uuid::Uuid;

use super::lanes::{Ground, Lane, NUMBERS, NewRow};
use super::ledger::Money;
use super::tier::{Admitted, Limit};
use crate::bench::PACING;

/// Lanes that run beside each other.
const ABREAST: usize = 50;
const STEPS: usize = 22;
const PEOPLE: usize = 7;
const ROWS: usize = 14;
const ADMITTERS: usize = 4;
/// How far the clock may go back: what memberships last beyond Meta's day.
const BACK: i64 = 60;

/// What really becomes of a claim; decided when it is made, told later or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Accepted,
    /// Final.
    Failed,
    /// To be tried again.
    Refused,
    /// Uncertain first; a webhook proves it.
    Proven,
    /// Nobody ever learns.
    Unknown,
}

struct Claim {
    row: usize,
    attempt: i32,
    admitter: usize,
    fate: Fate,
    slot: DateTime<Utc>,
    /// Told once already: an uncertain one waits for its proof.
    doubted: bool,
}

struct Case {
    lane: Lane,
    rows: Vec<NewRow>,
    claims: Vec<Claim>,
    /// Accepted, and not delivered yet: rows.
    undelivered: Vec<usize>,
    limit: Limit,
    money: Money,
    windows: BTreeMap<(usize, usize), DateTime<Utc>>,
}

/// Which promise a run is about. All of them are kept in every history; a run says which one it judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judge {
    Tier,
    Members,
    Ledger,
}

pub(super) async fn histories(judge: Judge, seed: u64) {
    let mut ground = Ground::new().await;
    let mut totals = (0, 0, 0);
    for round in 0..super::CASES / ABREAST {
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round as u64));
        let strict = round % 2 == 1;
        let mut cases = cases(&mut ground, judge, strict, &mut random).await;
        let mut highest = ground.now;
        for step in 0..STEPS {
            let at = format!("SEED={seed}, round {round}, step {step}");
            pass(&mut ground, &mut highest, strict, &mut random).await;
            ground.release_due().await;
            change(&ground, &mut cases, &mut random).await;
            let (sent, tier, poor) = admit(&ground, &mut cases, judge, &mut random, &at).await;
            totals = (totals.0 + sent, totals.1 + tier, totals.2 + poor);
            tell(&ground, &mut cases, &mut random).await;
            match judge {
                Judge::Tier => {}
                Judge::Members => {
                    super::tier::used_equals_members(&ground, cases.iter().map(|case| (&case.lane, &case.limit)), &at)
                        .await
                }
                Judge::Ledger => {
                    super::ledger::agrees(&ground, cases.iter().map(|case| (&case.lane, &case.money)), &at).await
                }
            }
        }
        if judge == Judge::Ledger {
            super::ledger::audited(
                &ground,
                cases.iter().map(|case| &case.lane),
                &format!("SEED={seed}, round {round}"),
            )
            .await;
        }
        // What is left over would be released and admitted with the next round's.
        ground
            .run("UPDATE message SET state = 62, wake_at = NULL WHERE state < 50")
            .await;
    }
    // A history in which nothing is ever refused shows nothing.
    let (sent, tier, poor) = totals;
    assert!(sent > super::CASES, "{totals:?}");
    assert!(judge == Judge::Ledger || tier > super::CASES, "{totals:?}");
    assert!(judge != Judge::Ledger || poor > super::CASES / 4, "{totals:?}");
}

async fn cases(ground: &mut Ground, judge: Judge, strict: bool, random: &mut StdRng) -> Vec<Case> {
    let mut cases = Vec::new();
    for lane in ground.lanes(ABREAST).await {
        let row = |_| NewRow {
            id: MessageId::new(ground.now),
            number: random.random_range(0..NUMBERS),
            person: random.random_range(0..PEOPLE),
            // One in eight is a session message, which is not counted.
            category: if random.random_ratio(1, 8) { 0 } else { 2 },
            price: (judge == Judge::Ledger && random.random_bool(0.8)).then(|| random.random_range(1..10)),
        };
        let rows: Vec<NewRow> = (0..ROWS).map(row).collect();
        let limit = (judge != Judge::Ledger || random.random_bool(0.3)).then(|| random.random_range(1..5));
        let funds = (judge == Judge::Ledger).then(|| random.random_range(5..60));
        cases.push(Case {
            lane,
            rows,
            claims: Vec::new(),
            undelivered: Vec::new(),
            limit: Limit::new(limit, strict),
            money: Money::new(funds),
            windows: BTreeMap::new(),
        });
    }
    let rows: Vec<(&Lane, NewRow)> = cases
        .iter()
        .flat_map(|case| case.rows.iter().map(|row| (&case.lane, *row)))
        .collect();
    ground.queue(&rows).await;
    for case in &cases {
        if let Some(limit) = case.limit.most {
            ground
                .run(&format!(
                    "UPDATE limit_scope SET max_members = {limit} WHERE id = {}",
                    case.lane.scope
                ))
                .await;
        }
        if let Some(funds) = case.money.funded {
            crate::books::open(&ground.store, case.lane.organization, funds).await;
        }
    }
    cases
}

/// Time goes on: a little, hours, a day, or back.
async fn pass(ground: &mut Ground, highest: &mut DateTime<Utc>, strict: bool, random: &mut StdRng) {
    let by = match random.random_range(0..20) {
        0..8 => TimeDelta::milliseconds(random.random_range(0..5_000)),
        8..12 => TimeDelta::minutes(random.random_range(1..90)),
        12..15 => TimeDelta::hours(random.random_range(2..23)),
        15..17 => TimeDelta::hours(24) + TimeDelta::seconds(random.random_range(-5..70)),
        _ if strict => TimeDelta::zero(),
        _ => TimeDelta::seconds(-random.random_range(1..BACK)),
    };
    // However often it goes back, never further behind its highest than that.
    let now = (ground.now + by).max(*highest - TimeDelta::seconds(BACK));
    *highest = now.max(*highest);
    ground.set_clock(now).await;
}

/// What happens beside sending: another tier, somebody writes, money comes in.
async fn change(ground: &Ground, cases: &mut [Case], random: &mut StdRng) {
    for case in cases {
        match random.random_range(0..16) {
            0 if case.limit.most.is_some() => {
                let most = random.random_range(1..6);
                let mut applier = ground.store.applier().await.unwrap();
                let tx = applier.begin().await.unwrap();
                tx.set_tier(&case.lane.waba, Some(most)).await.unwrap();
                tx.commit().await.unwrap();
                case.limit.most = Some(i64::from(most));
            }
            1 => {
                let (number, person) = (random.random_range(0..NUMBERS), random.random_range(0..PEOPLE));
                let (id, recipient) = (case.lane.numbers[number], super::lanes::person(person));
                let mut applier = ground.store.applier().await.unwrap();
                let tx = applier.begin().await.unwrap();
                tx.open_windows(&[(id, &recipient, ground.now)]).await.unwrap();
                tx.commit().await.unwrap();
                let at = case.windows.entry((number, person)).or_insert(ground.now);
                *at = ground.now.max(*at);
            }
            2 if case.money.funded.is_some() => {
                let amount = random.random_range(1..20);
                ground
                    .run(&format!("SELECT top_up_balance({}, {amount})", case.lane.organization))
                    .await;
                case.money.top_up(amount);
            }
            _ => {}
        }
    }
}

/// One of the four admitters of each of about half of the lanes claims what it can get. Returns how many rows went, and how many were
/// refused by the tier and for the money.
async fn admit(
    ground: &Ground,
    cases: &mut [Case],
    judge: Judge,
    random: &mut StdRng,
    at: &str,
) -> (usize, usize, usize) {
    let mut ids = Vec::new();
    let mut owner: BTreeMap<MessageId, (usize, usize)> = BTreeMap::new();
    let mut admitters = BTreeMap::new();
    for (place, case) in cases
        .iter()
        .enumerate()
        .filter(|_| random.random_bool(0.6))
        .collect::<Vec<_>>()
    {
        admitters.insert(place, random.random_range(0..ADMITTERS));
        for _ in 0..random.random_range(1..6) {
            // Twice the same is normal: two jobs may name one row.
            let row = random.random_range(0..case.rows.len());
            owner.insert(case.rows[row].id, (place, row));
            ids.push(case.rows[row].id);
        }
    }
    let admission = ground
        .store
        .admit(Uuid::new_v4(), &ids, PACING)
        .await
        .expect("admitting");
    let mut batches: BTreeMap<usize, Vec<Admitted>> = BTreeMap::new();
    let mut totals = (0, 0, 0);
    for admitted in &admission.rows {
        let (place, row) = owner[&admitted.id];
        let case = &mut cases[place];
        let new = case.rows[row];
        let window = case.windows.get(&(new.number, new.person));
        let is_open = window.is_some_and(|at| *at + TimeDelta::hours(24) > ground.now + TimeDelta::seconds(60));
        let mut outcome = Admitted {
            row,
            person: new.person,
            counted: new.category != 0 && !is_open,
            slot: None,
            by_tier: false,
        };
        match &admitted.verdict {
            AdmitVerdict::Send { slot, attempt } => {
                assert!(
                    new.category != 0 || is_open,
                    "{at}: a session message outside the window"
                );
                let twice = case
                    .claims
                    .iter()
                    .any(|claim| (claim.row, claim.attempt) == (row, *attempt));
                assert!(!twice, "{at}: an attempt was given out twice");
                let fates = [
                    (Fate::Accepted, 5),
                    (Fate::Failed, 2),
                    (Fate::Refused, 4),
                    (Fate::Proven, 2),
                    (Fate::Unknown, 1),
                ];
                case.claims.push(Claim {
                    row,
                    attempt: *attempt,
                    admitter: admitters[&place],
                    fate: fates.choose_weighted(random, |fate| fate.1).unwrap().0,
                    slot: *slot,
                    doubted: false,
                });
                case.money.reserve(new.price);
                outcome.slot = Some(*slot);
                totals.0 += 1;
            }
            AdmitVerdict::Settled { reason } if reason.code() == "tier_limit" => {
                outcome.by_tier = true;
                totals.1 += 1;
            }
            AdmitVerdict::Settled { reason } if reason.code() == "insufficient_balance" => {
                assert!(
                    new.price > case.money.available(),
                    "{at}: a price of {:?} was refused with {:?}",
                    new.price,
                    case.money
                );
                totals.2 += 1;
            }
            AdmitVerdict::Settled { reason } => {
                assert!(new.category == 0 && !is_open, "{at}: {reason}");
            }
            // Behind a clock that went back, the last slot given out lies ahead. The row stays as it is.
            AdmitVerdict::Throughput { .. } => {
                assert!(!case.limit.strict, "{at}: these numbers are fast enough");
                continue;
            }
        }
        batches.entry(place).or_default().push(outcome);
    }
    for (place, batch) in batches {
        let case = &mut cases[place];
        assert!(
            case.money.available().is_none_or(|left| left >= 0),
            "{at}: money that is not there: {:?}",
            case.money
        );
        case.limit
            .admitted(&batch, ground.now, (judge == Judge::Tier).then_some(at));
    }
    totals
}

/// Admitters tell some of what they know, in any order; webhooks tell of others.
async fn tell(ground: &Ground, cases: &mut [Case], random: &mut StdRng) {
    let (mut outcomes, mut proofs, mut delivered) = (Vec::new(), Vec::new(), Vec::new());
    let mut unknown = Vec::new();
    for case in cases {
        let admitter = random.random_range(0..ADMITTERS);
        let mut kept = Vec::new();
        for mut claim in std::mem::take(&mut case.claims) {
            let (row, speaks) = (
                case.rows[claim.row],
                claim.admitter == admitter && random.random_bool(0.7),
            );
            let told = |state: State, refused: bool| Recorded {
                state,
                refused,
                wake_at: (!state.is_final()).then_some(ground.now),
                ..Recorded::given_back(row.id, claim.attempt, ground.now)
            };
            match claim.fate {
                _ if !speaks => kept.push(claim),
                Fate::Accepted => {
                    outcomes.push(told(State::Accepted, false));
                    case.money.spend(row.price);
                    case.undelivered.push(claim.row);
                }
                Fate::Failed | Fate::Refused => {
                    let state = if claim.fate == Fate::Failed {
                        State::Failed
                    } else {
                        State::Parked
                    };
                    outcomes.push(told(state, true));
                    case.money.release(row.price);
                    case.limit.refused(row.person, claim.row, claim.slot);
                }
                Fate::Proven if claim.doubted => {
                    proofs.push((row.id.0, claim.attempt));
                    case.money.spend(row.price);
                }
                Fate::Proven => {
                    outcomes.push(told(State::Uncertain, false));
                    claim.doubted = true;
                    kept.push(claim);
                }
                Fate::Unknown => {
                    outcomes.push(told(State::Uncertain, false));
                    unknown.push(row.id);
                }
            }
        }
        case.claims = kept;
        // Delivered now or later, even days later: Meta counts its day from then.
        case.undelivered.retain(|&row| {
            let waits = random.random_bool(0.6);
            if !waits {
                let (id, person) = (case.rows[row].id.0, case.rows[row].person);
                delivered.push((id, ground.now));
                case.limit.delivered(person, row, ground.now);
            }
            waits
        });
    }
    let moved: BTreeSet<_> = ground
        .store
        .record_outcomes(&outcomes)
        .await
        .expect("recording")
        .into_iter()
        .collect();
    assert_eq!(
        moved.len(),
        outcomes.len(),
        "a claim of ours was moved by somebody else"
    );
    if !unknown.is_empty() {
        let ids = unknown.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(",");
        ground
            .run(&format!(
                "UPDATE message SET state = 63, wake_at = NULL WHERE id IN ({ids})"
            ))
            .await;
    }
    let mut applier = ground.store.applier().await.unwrap();
    let tx = applier.begin().await.unwrap();
    let mut ids: Vec<Uuid> = proofs
        .iter()
        .map(|(id, _)| *id)
        .chain(delivered.iter().map(|(id, _)| *id))
        .collect();
    ids.sort_unstable();
    tx.lock_late_scopes(&delivered, TimeDelta::zero()).await.unwrap();
    tx.lock_messages(&ids).await.unwrap();
    let proof = |(id, _): &(Uuid, i32)| Proof {
        id: *id,
        delivery: 1,
        wamid: format!("wamid.{id}"),
    };
    tx.prove_accepted(&proofs.iter().map(proof).collect::<Vec<_>>(), 2)
        .await
        .unwrap();
    tx.spend_proven(&proofs).await.unwrap();
    tx.extend_members(&delivered).await.unwrap();
    tx.commit().await.unwrap();
}
