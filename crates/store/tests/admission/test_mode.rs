//! Messages of test keys: held against everything that is used, and using nothing of it.

use chrono::TimeDelta;
use domain::{Category, MessageId, pace};
use store::outcomes::Recorded;
use testkit::seed::{Choice, recipient};

use crate::bench::{Bench, slot, word};

async fn bench() -> Bench {
    Bench::new(Choice {
        place: 0,
        tier: "TIER_250",
        throughput: 80,
    })
    .await
}

async fn queued_test(bench: &Bench, recipient: usize) -> MessageId {
    let id = bench.queued(recipient, Category::Utility).await;
    bench
        .run(&format!("UPDATE message SET test = true WHERE id = '{id}'"))
        .await;
    id
}

async fn count(bench: &Bench, what: &str) -> i64 {
    let rows = bench
        .store
        .raw(&format!("SELECT count(*) AS n FROM {what}"))
        .await
        .unwrap();
    rows[0]["n"].as_i64().unwrap()
}

#[tokio::test]
async fn a_test_takes_no_place_no_slot_and_no_turn_and_gives_none_back() {
    let bench = bench().await;
    let (test, live) = (queued_test(&bench, 1).await, bench.queued(2, Category::Utility).await);
    let of_both = (queued_test(&bench, 3).await, bench.queued(3, Category::Utility).await);

    let admitted = bench.admit(&[test, live, of_both.0, of_both.1]).await;

    assert!(admitted.iter().all(|row| word(&row.verdict) == "send"), "{admitted:?}");
    let lead = bench.now + TimeDelta::milliseconds(5);
    assert_eq!(
        (slot(&admitted[0]), slot(&admitted[1])),
        (lead, lead),
        "beside each other"
    );
    assert_eq!(bench.members().await, 2, "the two live ones");
    assert_eq!(count(&bench, "contact WHERE pair_tat > '-infinity'").await, 2);
    let gate = bench.store.raw("SELECT tat FROM number_gate").await.unwrap();
    let tat: chrono::DateTime<chrono::Utc> = gate[0]["tat"].as_str().unwrap().parse().unwrap();
    let two = TimeDelta::microseconds((2e6 / pace::slots_per_second(80)).round() as i64);
    assert!((tat - lead - two).abs() <= TimeDelta::microseconds(2), "{tat}");

    // A refusal of a test gives back nothing of the live message to the same person.
    let refused = Recorded {
        refused: true,
        ..Recorded::given_back(of_both.0, 1, bench.now)
    };
    bench.store.record_outcomes(&[refused]).await.unwrap();
    assert_eq!(bench.members().await, 2);
    let holders = format!("limit_member WHERE recipient = '{}' AND holders = 1", recipient(3));
    assert_eq!(count(&bench, &holders).await, 1);
}

#[tokio::test]
async fn a_test_is_held_against_what_is_used_of_the_messaging_limit() {
    let bench = bench().await;
    let scope = bench.tenant.scope;
    bench
        .run(&format!(
            "INSERT INTO limit_member SELECT {scope}, '+1555' || lpad(i::text, 7, '0'), turnpike_now(), turnpike_now() + interval '1 hour', 1
             FROM generate_series(1, 250) i;
             UPDATE limit_scope SET members = 250 WHERE id = {scope}"
        ))
        .await;
    let test = queued_test(&bench, 1).await;

    assert_eq!(bench.verdict(test).await, "tier_limit");

    assert_eq!(bench.wake_at(test).await, bench.now + TimeDelta::hours(1));
    assert_eq!(bench.members().await, 250);
}
