//! The same key and body gets the same answer; the same key and another body does not.

use serde_json::Value;

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, SOON, hello, hello_all, person, text};

fn keyed(rig: &Rig, path: &str, body: &Value, key: &str) -> Request {
    rig.request("POST", path).header("Idempotency-Key", key).json(body)
}

#[tokio::test]
async fn a_repeated_request_gets_its_answer_again_and_keeps_nothing_new() {
    let rig = Rig::start().await;

    let first = keyed(&rig, MESSAGES, &hello(&person(1)), "k1").send().await;
    let again = keyed(&rig, MESSAGES, &hello(&person(1)), "k1").send().await;

    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(first.data(202), again.data(202));
    assert_eq!(rig.count("message").await, 1);
    let broadcast = keyed(&rig, BROADCAST, &hello_all(0, 3), "k2").send().await.data(200);
    assert_eq!(
        keyed(&rig, BROADCAST, &hello_all(0, 3), "k2").send().await.data(200),
        broadcast
    );
    assert_eq!((rig.count("message").await, rig.count("flow").await), (4, 1));
    rig.finish().await;
}

#[tokio::test]
async fn a_refusal_is_repeated_too_even_when_the_gate_has_opened() {
    let rig = Rig::start().await;

    let first = keyed(&rig, MESSAGES, &text(&person(1)), "k1")
        .send()
        .await
        .error(422, "GATE_REFUSED");
    rig.wrote(&person(1), 1.0).await;
    let again = keyed(&rig, MESSAGES, &text(&person(1)), "k1")
        .send()
        .await
        .error(422, "GATE_REFUSED");

    assert_eq!(first, again);
    rig.finish().await;
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_tenant() {
    let rig = Rig::start().await;
    let other = rig.neighbour().await;
    keyed(&rig, MESSAGES, &hello(&person(1)), "k1").send().await.data(202);

    keyed(&rig, MESSAGES, &hello(&person(2)), "k1")
        .send()
        .await
        .error(409, "IDEMPOTENCY_CONFLICT");
    keyed(&rig, BROADCAST, &hello_all(0, 1), "k1")
        .send()
        .await
        .error(409, "IDEMPOTENCY_CONFLICT");
    let theirs = Request::new(rig.addr, "POST", MESSAGES).header("x-api-key", &other.api_key);
    theirs
        .header("Idempotency-Key", "k1")
        .json(&hello(&person(2)))
        .send()
        .await
        .data(202);

    assert_eq!(rig.count("message").await, 2);
    rig.finish().await;
}

#[tokio::test]
async fn what_was_wrong_may_be_corrected_under_the_same_key() {
    let rig = Rig::start().await;

    keyed(&rig, MESSAGES, &hello("5"), "k1")
        .send()
        .await
        .error(422, "INVALID_PHONE_NUMBER");
    keyed(&rig, MESSAGES, &hello(&person(1)), "k1").send().await.data(202);
    let long = "x".repeat(129);
    let error = keyed(&rig, MESSAGES, &hello(&person(1)), &long)
        .send()
        .await
        .error(422, "VALIDATION_ERROR");

    assert_eq!(error["details"]["field"], "Idempotency-Key");
    rig.finish().await;
}

#[tokio::test]
async fn the_same_request_many_times_at_once_is_kept_once() {
    let rig = Rig::start().await;
    let requests: Vec<Request> = (0..60)
        .map(|n| keyed(&rig, MESSAGES, &hello(&person(n % 3)), &format!("k{}", n % 3)))
        .collect();

    let answers = futures_util::future::join_all(requests.iter().map(Request::send)).await;

    let ids: std::collections::BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.data(202)["message_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);
    assert_eq!((rig.count("message").await, rig.count("idempotency").await), (3, 3));
    rig.finish().await;
}

#[tokio::test]
async fn a_request_waits_for_another_transaction_with_its_key_and_then_repeats_its_answer() {
    let rig = Rig::start().await;
    let first = keyed(&rig, MESSAGES, &hello(&person(1)), "k1").send().await.data(202);
    // As another process would hold it: taken, and not committed before somebody waits for it.
    rig.sql("CREATE TABLE kept AS SELECT * FROM idempotency; DELETE FROM idempotency")
        .await;
    // It goes on when this test lets go of the number.
    let phones = rig.sql("SELECT phone FROM sender_number").await;
    let phones: Vec<&str> = phones.iter().map(|row| row["phone"].as_str().unwrap()).collect();
    let mut applier = rig.database.store.applier().await.unwrap();
    let number = applier.begin().await.unwrap();
    number.lock_gates(&phones).await.unwrap();
    let store = rig.database.store.clone();
    let holding = tokio::spawn(async move {
        let hold = "INSERT INTO idempotency SELECT * FROM kept; SELECT 1 FROM number_gate FOR UPDATE";
        store.raw(&format!("BEGIN; {hold}; COMMIT")).await
    });
    let waiting = async |count: usize, what: &str| {
        let blocked =
            "SELECT 1 AS one FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        testkit::until(SOON, what, async || {
            (rig.sql(blocked).await.len() == count).then_some(())
        })
        .await;
    };
    waiting(1, "the other transaction to hold the key").await;

    let again = keyed(&rig, MESSAGES, &hello(&person(1)), "k1");
    let (again, ()) = tokio::join!(again.send(), async {
        waiting(2, "the request to wait for it").await;
        number.commit().await.unwrap();
    });

    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.data(202), first);
    holding.await.unwrap().unwrap();
    assert_eq!(rig.count("message").await, 1);
    rig.finish().await;
}
