//! Limits hold under any number of replicas, and are used up to the brim.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use testkit::seed::Choice;
use testkit::stack::{Plan, Stack};

const PATIENCE: Duration = Duration::from_secs(60);

/// 1,000 waiting messages on one number of 80/s.
async fn pace_with(senders: usize) {
    let _turn = testkit::exclusive();
    let tenant = Choice {
        throughput: 80,
        ..Choice::default()
    };
    let stack = Stack::start(
        Plan {
            tenant,
            strict_pace: true,
            // What webhooks cost a small machine would be missing for the pace.
            simulator: Some(json!({"faults": [{"kind": "no_statuses"}]})),
            ..Plan::default()
        },
        senders,
    )
    .await
    .unwrap();

    stack.broadcast(0, 1000).await.unwrap();
    stack.until_accepted(1000, PATIENCE).await;

    let report = stack.meta.report();
    let number = &report.numbers[&stack.tenant.phone_number_id];
    assert!(
        number.busiest_second.count <= 80,
        "{} in one second, limit 80",
        number.busiest_second.count
    );
    assert!(report.ok, "{:?}", report.violations);
    let used = used_of(80, &stack);
    assert!(used >= 0.92, "{:.1} % of the limit was used", used * 100.0);
}

/// The share of a number's limit that was used, without the first and the last second's worth of posts: the ends of a run, in which
/// statements are prepared and the last rows trickle, are not its pace.
fn used_of(limit: usize, stack: &Stack) -> f64 {
    let mut arrivals: Vec<_> = stack.meta.ledger().iter().map(|post| post.arrival_ns).collect();
    arrivals.sort_unstable();
    let (first, last) = (limit, arrivals.len() - 1 - limit);
    (last - first) as f64 / ((arrivals[last] - arrivals[first]) as f64 / 1e9) / limit as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn two_senders_use_a_numbers_pace_and_never_exceed_it() {
    pace_with(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_senders_use_a_numbers_pace_and_never_exceed_it() {
    pace_with(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_250_people_are_written_to_on_a_tier_of_250_and_the_rest_wait() {
    let _turn = testkit::shared();
    // Two hundred at a time fit when they are handed in; together they are too many, which only the gate can know.
    let tenant = Choice {
        tier: "TIER_250",
        ..Choice::default()
    };
    let stack = Stack::start(
        Plan {
            tenant,
            ..Plan::default()
        },
        4,
    )
    .await
    .unwrap();
    stack
        .database
        .store
        .raw("UPDATE number_gate SET paused_until = now() + interval '1 day'")
        .await
        .unwrap();
    stack.broadcast(0, 200).await.unwrap();
    stack.broadcast(200, 200).await.unwrap();

    stack
        .database
        .store
        .raw("UPDATE number_gate SET paused_until = '-infinity'")
        .await
        .unwrap();
    stack
        .database
        .store
        .raw("UPDATE message SET wake_at = now() WHERE state = 10 AND reason = 'sender_paused'")
        .await
        .unwrap();

    let waiting = testkit::until(PATIENCE, "250 accepted and 150 waiting", async || {
        let states = stack.states().await.unwrap();
        let settled = states.get(&50) == Some(&250) && states.get(&10) == Some(&150);
        if !settled {
            return None;
        }
        let waiting = stack
            .database
            .store
            .raw("SELECT reason, wake_at > now() + interval '23 hours' AS later FROM message WHERE state = 10")
            .await
            .unwrap();
        waiting
            .iter()
            .all(|row| row["reason"] == "tier_limit")
            .then_some(waiting)
    })
    .await;
    assert!(
        waiting.iter().all(|row| row["later"] == true),
        "each waits for the moment at which room comes free"
    );

    let reached: HashSet<_> = stack
        .meta
        .ledger()
        .iter()
        .filter_map(|post| post.recipient.clone())
        .collect();
    assert_eq!(reached.len(), 250);
    let report = stack.meta.report();
    assert_eq!((report.accepted, report.ok), (250, true), "{report:?}");
    let gate = stack
        .database
        .store
        .raw("SELECT s.members, (SELECT count(*) FROM limit_member) AS rows FROM limit_scope s")
        .await
        .unwrap();
    assert_eq!(
        (gate[0]["members"].as_i64(), gate[0]["rows"].as_i64()),
        (Some(250), Some(250))
    );
}
