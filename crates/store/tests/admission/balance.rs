//! What messages cost: reserved with the claim, spent or released with the outcome, kept while nobody knows.

use chrono::TimeDelta;
use domain::{Category, MessageId, State};
use store::outcomes::Recorded;
use testkit::seed::Choice;
use uuid::Uuid;

use crate::bench::{Bench, PACING, insert, slot, word};
use crate::books::{Books, audited, books, open};
use crate::contention::second_number;

const PLAIN: Choice = Choice {
    place: 0,
    tier: "TIER_UNLIMITED",
    throughput: 80,
};

/// A bench whose tenant has so much money.
async fn bench_with(money: i64) -> Bench {
    let bench = Bench::new(PLAIN).await;
    open(&bench.store, bench.tenant.organization.0, money).await;
    bench
}

impl Bench {
    /// Queued rows to different people, with these prices.
    async fn priced(&self, prices: &[i64]) -> Vec<MessageId> {
        let mut ids = Vec::new();
        for (n, price) in prices.iter().enumerate() {
            let id = self.queued(n, Category::Marketing).await;
            self.run(&format!("UPDATE message SET price = {price} WHERE id = '{id}'"))
                .await;
            ids.push(id);
        }
        ids
    }

    async fn books(&self) -> Books {
        audited(&self.store, self.tenant.organization.0).await
    }

    async fn words(&self, ids: &[MessageId]) -> Vec<String> {
        self.admit(ids).await.iter().map(|row| word(&row.verdict)).collect()
    }

    async fn record(&self, outcome: Recorded) -> usize {
        self.store.record_outcomes(&[outcome]).await.unwrap().len()
    }

    /// A webhook says that an attempt was accepted.
    async fn proven(&self, id: MessageId, attempt: i32) {
        let mut applier = self.store.applier().await.unwrap();
        let tx = applier.begin().await.unwrap();
        let locked = tx.lock_messages(&[id.0]).await.unwrap();
        assert!(locked[0].is_paid);
        let proof = store::receipts::Proof {
            id: id.0,
            delivery: 1,
            wamid: format!("wamid.{attempt}"),
        };
        tx.prove_accepted(&[proof], 2).await.unwrap();
        tx.spend_proven(&[(id.0, attempt)]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

fn ended(bench: &Bench, id: MessageId, attempt: i32, state: State) -> Recorded {
    Recorded {
        state,
        wake_at: (!state.is_final()).then_some(bench.now + TimeDelta::minutes(15)),
        refused: matches!(state, State::Parked | State::Failed),
        ..Recorded::given_back(id, attempt, bench.now)
    }
}

#[tokio::test]
async fn what_cannot_be_paid_fails_and_what_is_cheaper_behind_it_goes_in_its_slot() {
    let bench = bench_with(10).await;
    let ids = bench.priced(&[8, 5, 1, 2]).await;

    let rows = bench.admit(&ids).await;

    let words: Vec<String> = rows.iter().map(|row| word(&row.verdict)).collect();
    assert_eq!(words, ["send", "insufficient_balance", "send", "insufficient_balance"]);
    let failed = bench.row(ids[1]).await;
    assert_eq!(
        (
            failed["state"].as_i64(),
            failed["reason"].as_str(),
            failed["attempt"].as_i64()
        ),
        (Some(60), Some("insufficient_balance"), Some(0))
    );
    assert_eq!(failed["wake_at"], serde_json::Value::Null);
    assert_eq!(bench.books().await, books(1, 9, 0));
    let next = bench.priced(&[1]).await;
    let slots = [slot(&rows[0]), slot(&rows[2]), slot(&bench.admit(&next).await[0])];
    let pace = TimeDelta::microseconds((1e6 / domain::pace::slots_per_second(PLAIN.throughput)) as i64);
    for pair in slots.windows(2) {
        let off = (pair[1] - pair[0] - pace).abs();
        assert!(
            off <= TimeDelta::microseconds(1),
            "a slot is left empty, or given out twice: {slots:?}"
        );
    }
}

#[tokio::test]
async fn a_row_without_a_slot_is_neither_paid_for_nor_keeps_others_from_being() {
    let slow = Choice { throughput: 3, ..PLAIN };
    let bench = Bench::new(slow).await;
    open(&bench.store, bench.tenant.organization.0, 3).await;
    let mut ids = bench.priced(&[1, 1, 1, 1, 1]).await;
    let fast = second_number(&bench.store, &bench.tenant, 80).await;
    ids.push(insert(&bench.store, &fast, bench.now, 9, Category::Marketing).await);
    bench.run("UPDATE message SET price = 1").await;

    let words = bench.words(&ids).await;

    assert_eq!(
        words,
        ["send", "send", "throughput", "throughput", "throughput", "send"]
    );
    assert_eq!(bench.state(ids[4]).await, State::Queued);
    assert_eq!(bench.books().await, books(0, 3, 0));
}

#[tokio::test]
async fn an_organization_without_a_balance_pays_nothing() {
    let bench = Bench::new(PLAIN).await;
    let ids = bench.priced(&[1_000_000, 5]).await;

    assert_eq!(bench.words(&ids).await, ["send", "send"]);
    bench.record(ended(&bench, ids[0], 1, State::Accepted)).await;

    let entries = bench.store.raw("SELECT count(*) AS n FROM ledger_entry").await.unwrap();
    assert_eq!(entries[0]["n"], 0);
}

#[tokio::test]
async fn free_messages_go_on_an_empty_balance() {
    let bench = bench_with(0).await;
    let free = bench.queued(1, Category::Marketing).await;

    assert_eq!(bench.words(&[free]).await, ["send"]);
    bench.record(ended(&bench, free, 1, State::Accepted)).await;

    assert_eq!(bench.books().await, books(0, 0, 0));
}

#[tokio::test]
async fn accepted_is_spent_and_refused_is_released_each_once() {
    let bench = bench_with(10).await;
    let ids = bench.priced(&[4, 3]).await;
    bench.admit(&ids).await;

    for _ in 0..2 {
        bench.record(ended(&bench, ids[0], 1, State::Accepted)).await;
        bench.record(ended(&bench, ids[1], 1, State::Failed)).await;
        bench.proven(ids[0], 1).await;
    }

    assert_eq!(bench.books().await, books(6, 0, 4));
}

#[tokio::test]
async fn an_attempt_that_comes_back_is_released_and_the_next_one_reserved() {
    let bench = bench_with(5).await;
    let ids = bench.priced(&[5]).await;
    bench.admit(&ids).await;

    bench.record(ended(&bench, ids[0], 1, State::Parked)).await;
    assert_eq!(bench.books().await, books(5, 0, 0));
    bench.requeue(ids[0]).await;
    assert_eq!(bench.words(&ids).await, ["send"]);
    assert_eq!(bench.books().await, books(0, 5, 0));
    bench.record(ended(&bench, ids[0], 2, State::Accepted)).await;

    assert_eq!(bench.books().await, books(0, 0, 5));
}

#[tokio::test]
async fn an_admission_in_doubt_gives_its_money_back() {
    let bench = bench_with(5).await;
    let ids = bench.priced(&[5]).await;
    let claim = Uuid::new_v4();
    bench.store.admit(claim, &ids, PACING).await.unwrap();

    bench.store.give_back_claim(claim, &ids).await.unwrap();

    assert_eq!(bench.books().await, books(5, 0, 0));
}

#[tokio::test]
async fn an_unknown_outcome_keeps_its_money_until_a_webhook_proves_it() {
    let mut bench = bench_with(5).await;
    let ids = bench.priced(&[5]).await;
    bench.admit(&ids).await;

    bench.record(ended(&bench, ids[0], 1, State::Uncertain)).await;
    assert_eq!(bench.books().await, books(0, 5, 0));
    bench.pass(TimeDelta::hours(2)).await;
    bench.end_holds().await;
    assert_eq!(bench.state(ids[0]).await, State::Unknown);
    assert_eq!(bench.books().await, books(0, 5, 0));
    bench.proven(ids[0], 1).await;
    bench.proven(ids[0], 1).await;

    assert_eq!(bench.state(ids[0]).await, State::Accepted);
    assert_eq!(bench.books().await, books(0, 0, 5));
}

#[tokio::test]
async fn a_webhook_that_overtakes_the_answer_spends_and_the_answer_does_not_again() {
    let bench = bench_with(5).await;
    let ids = bench.priced(&[5]).await;
    bench.admit(&ids).await;

    bench.proven(ids[0], 1).await;
    assert_eq!(bench.books().await, books(0, 0, 5));
    let moved = bench.record(ended(&bench, ids[0], 1, State::Accepted)).await;

    assert_eq!((moved, bench.books().await), (0, books(0, 0, 5)));
}

#[tokio::test]
async fn a_message_sent_again_at_its_own_risk_pays_for_each_attempt_that_is_proven() {
    let mut bench = bench_with(10).await;
    let ids = bench.priced(&[4]).await;
    bench.run("UPDATE message SET resend = true").await;
    bench.admit(&ids).await;
    bench.record(ended(&bench, ids[0], 1, State::Uncertain)).await;
    bench.pass(TimeDelta::hours(2)).await;
    bench.end_holds().await;
    bench.requeue(ids[0]).await;

    assert_eq!(bench.words(&ids).await, ["send"]);
    assert_eq!(bench.books().await, books(2, 8, 0));
    bench.record(ended(&bench, ids[0], 2, State::Accepted)).await;
    assert_eq!(bench.books().await, books(2, 4, 4));
    bench.proven(ids[0], 1).await;

    assert_eq!(bench.books().await, books(2, 0, 8));
}

#[tokio::test]
async fn what_is_never_resolved_is_released_when_its_messages_go() {
    let mut bench = bench_with(10).await;
    // Two hours on it may be the next day already.
    let today = bench.now.date_naive();
    let ids = bench.priced(&[4, 3]).await;
    bench.admit(&ids).await;
    bench.record(ended(&bench, ids[0], 1, State::Uncertain)).await;
    bench.pass(TimeDelta::hours(2)).await;
    bench.end_holds().await;
    assert_eq!(bench.books().await, books(3, 7, 0));

    bench.store.drop_oldest_day(today).await.unwrap();
    assert_eq!(bench.books().await, books(3, 7, 0), "it is not old enough");
    // The other one is still under way, so its day is kept, and its money too.
    let tomorrow = today + TimeDelta::days(2);
    while bench.store.drop_oldest_day(tomorrow).await.unwrap().is_some() {}

    assert_eq!(bench.books().await, books(7, 3, 0));
}

#[tokio::test]
async fn two_organizations_of_one_batch_pay_from_their_own() {
    let bench = bench_with(5).await;
    let neighbour = testkit::seed::tenant(&bench.store, &Choice { place: 1, ..PLAIN }).await;
    open(&bench.store, neighbour.organization.0, 1).await;
    let mut ids = bench.priced(&[5]).await;
    let theirs = insert(&bench.store, &neighbour, bench.now, 7, Category::Marketing).await;
    bench
        .run(&format!("UPDATE message SET price = 2 WHERE id = '{theirs}'"))
        .await;
    ids.push(theirs);

    assert_eq!(bench.words(&ids).await, ["send", "insufficient_balance"]);

    assert_eq!(bench.books().await, books(0, 5, 0));
    assert_eq!(audited(&bench.store, neighbour.organization.0).await, books(1, 0, 0));
}
