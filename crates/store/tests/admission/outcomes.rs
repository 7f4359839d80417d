//! What becomes of claimed rows.

use chrono::TimeDelta;
use domain::{Category, MessageId, State, WabaId};
use store::admission::AdmitVerdict;
use store::outcomes::{Numbers, Post, Recorded};
use testkit::seed::Choice;
use uuid::Uuid;

use crate::bench::{Bench, PACING};

const LIMITED: Choice = Choice {
    place: 0,
    tier: "1",
    throughput: 1000,
};

fn accepted(bench: &Bench, id: MessageId, attempt: i32) -> Recorded {
    Recorded {
        id,
        attempt,
        state: State::Accepted,
        wake_at: None,
        reason: None,
        wamid: Some("wamid.1".into()),
        burns: false,
        refused: false,
        post: Some(Post {
            claim: Uuid::new_v4(),
            slot: bench.now,
            ended_at: bench.now,
            post_ms: 12,
            outcome: "accepted",
            http_status: Some(200),
            error: None,
        }),
    }
}

fn refused(bench: &Bench, id: MessageId, attempt: i32) -> Recorded {
    Recorded {
        state: State::Parked,
        wake_at: Some(bench.now + TimeDelta::seconds(2)),
        reason: Some("not_sent".into()),
        wamid: None,
        burns: true,
        refused: true,
        post: None,
        ..accepted(bench, id, attempt)
    }
}

#[tokio::test]
async fn an_outcome_counts_once_and_only_for_its_own_attempt() {
    let bench = Bench::new(LIMITED).await;
    let id = bench.queued(1, Category::Utility).await;
    bench.admit(&[id]).await;

    let zombie = bench.store.record_outcomes(&[refused(&bench, id, 7)]).await.unwrap();
    let first = bench.store.record_outcomes(&[accepted(&bench, id, 1)]).await.unwrap();
    let again = bench.store.record_outcomes(&[accepted(&bench, id, 1)]).await.unwrap();

    assert_eq!((zombie.len(), first.as_slice(), again.len()), (0, &[id][..], 0));
    assert_eq!(bench.state(id).await, State::Accepted);
    assert_eq!(bench.row(id).await["wamid"], "wamid.1");
    assert_eq!(bench.members().await, 1);
    let attempts = bench
        .store
        .raw("SELECT attempt, outcome, post_ms FROM attempt")
        .await
        .unwrap();
    assert_eq!(
        attempts,
        [serde_json::json!({"attempt": 1, "outcome": "accepted", "post_ms": 12})]
    );
}

#[tokio::test]
async fn a_refusal_gives_its_place_back_and_wakes_who_waited_for_it() {
    let bench = Bench::new(LIMITED).await;
    let (refused_one, waiting) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(2, Category::Utility).await,
    );
    bench.admit(&[refused_one]).await;
    assert_eq!(bench.verdict(waiting).await, "tier_limit");

    bench
        .store
        .record_outcomes(&[refused(&bench, refused_one, 1)])
        .await
        .unwrap();

    assert_eq!(bench.members().await, 0);
    assert_eq!(bench.row(refused_one).await["failures"], 1);
    assert_eq!(
        bench.wake_at(waiting).await,
        bench.now,
        "there is room: it is looked at again at once"
    );
}

#[tokio::test]
async fn an_unknown_outcome_keeps_its_place() {
    let bench = Bench::new(LIMITED).await;
    let id = bench.queued(1, Category::Utility).await;
    bench.admit(&[id]).await;
    let unknown = Recorded {
        state: State::Uncertain,
        refused: false,
        burns: false,
        ..refused(&bench, id, 1)
    };

    bench.store.record_outcomes(&[unknown]).await.unwrap();

    assert_eq!((bench.state(id).await, bench.members().await), (State::Uncertain, 1));
}

#[tokio::test]
async fn a_claim_in_doubt_is_given_back_and_no_other() {
    let bench = Bench::new(LIMITED).await;
    let (mine, queued) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(1, Category::Utility).await,
    );
    let claim = Uuid::new_v4();
    let admission = bench.store.admit(claim, &[mine], PACING).await.unwrap();
    assert!(matches!(
        admission.rows[0].verdict,
        AdmitVerdict::Send { attempt: 1, .. }
    ));

    let anothers = bench.store.give_back_claim(Uuid::new_v4(), &[mine, queued]).await;
    let given_back = bench.store.give_back_claim(claim, &[mine, queued]).await;
    let again = bench.store.give_back_claim(claim, &[mine, queued]).await;

    assert_eq!((anothers.unwrap(), given_back.unwrap(), again.unwrap()), (0, 1, 0));
    let row = bench.row(mine).await;
    assert_eq!(
        (&row["state"], &row["attempt"], &row["failures"]),
        (&10.into(), &1.into(), &0.into())
    );
    assert_eq!(bench.members().await, 0);
    assert_eq!(bench.state(queued).await, State::Queued);
}

#[tokio::test]
async fn a_hold_only_ever_makes_a_pause_longer() {
    let bench = Bench::new(LIMITED).await;
    let (store, number, now) = (&bench.store, bench.tenant.number, bench.now);
    let waba = store.raw("SELECT id FROM waba").await.unwrap()[0]["id"]
        .as_i64()
        .unwrap();
    let hour = now + TimeDelta::hours(1);

    let held = store
        .hold_numbers(Numbers::One(number), hour, "meta_130429")
        .await
        .unwrap();
    let shorter = store
        .hold_numbers(Numbers::All, now + TimeDelta::minutes(1), "meta_4")
        .await
        .unwrap();
    let longer = store
        .hold_numbers(Numbers::OfWaba(WabaId(waba)), hour + TimeDelta::hours(1), "meta_80007")
        .await
        .unwrap();
    let another = store
        .hold_numbers(
            Numbers::OfWaba(WabaId(waba + 1)),
            hour + TimeDelta::hours(9),
            "meta_80007",
        )
        .await
        .unwrap();

    assert_eq!((held, shorter, longer, another), (1, 0, 1, 0));
    let gate = store.raw("SELECT pause_reason FROM number_gate").await.unwrap();
    assert_eq!(gate[0]["pause_reason"], "meta_80007");
}

#[tokio::test]
async fn closing_twice_changes_nothing_the_second_time() {
    let bench = Bench::new(LIMITED).await;
    let template = bench
        .store
        .raw("SELECT id FROM template WHERE name = 'hello'")
        .await
        .unwrap();
    let template = domain::TemplateId(template[0]["id"].as_i64().unwrap());
    let waba = bench.store.raw("SELECT id FROM waba").await.unwrap();
    let waba = WabaId(waba[0]["id"].as_i64().unwrap());

    assert!(bench.store.close_template(template, "PAUSED").await.unwrap());
    assert!(!bench.store.close_template(template, "PAUSED").await.unwrap());
    assert!(bench.store.restrict_waba(waba).await.unwrap());
    assert!(!bench.store.restrict_waba(waba).await.unwrap());
    let texts = bench.store.template_texts(&[template]).await.unwrap();
    assert_eq!(
        (texts[0].revision, texts[0].parameter_format.as_str()),
        (2, "POSITIONAL")
    );
}

#[tokio::test]
async fn a_held_pair_waits_to_the_second_and_nobody_else_does() {
    // Room for two people.
    let mut bench = Bench::new(Choice { tier: "2", ..LIMITED }).await;
    let (first, second, other) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(1, Category::Utility).await,
        bench.queued(2, Category::Utility).await,
    );
    bench.admit(&[first]).await;
    let until = bench.now + TimeDelta::seconds(16);

    assert!(bench.store.hold_pair(first, until).await.unwrap());
    assert!(
        !bench
            .store
            .hold_pair(first, until - TimeDelta::seconds(4))
            .await
            .unwrap(),
        "never shortened"
    );

    assert_eq!(bench.verdict(second).await, "pair_limit");
    assert_eq!(bench.wake_at(second).await, until);
    assert_eq!(bench.verdict(other).await, "send");
    bench.set_clock(until).await;
    bench.requeue(second).await;
    assert_eq!(bench.verdict(second).await, "send");
}

#[tokio::test]
async fn a_stopped_number_waits_for_metas_word_and_an_operators_pause_for_the_operator() {
    let bench = Bench::new(LIMITED).await;
    let id = bench.queued(1, Category::Utility).await;
    let number = bench
        .store
        .raw("SELECT phone_number_id FROM sender_number")
        .await
        .unwrap();
    let number = number[0]["phone_number_id"].as_str().unwrap();

    assert!(
        bench
            .store
            .stop_number(bench.tenant.number, "meta_133010")
            .await
            .unwrap()
    );
    assert!(
        !bench
            .store
            .stop_number(bench.tenant.number, "meta_133010")
            .await
            .unwrap()
    );
    assert_eq!(bench.verdict(id).await, "sender_paused");
    let asked = bench
        .store
        .raw("SELECT sync_wanted_at IS NOT NULL AS asked FROM waba")
        .await
        .unwrap();
    assert_eq!(asked[0]["asked"], true, "Meta is asked what it says of the number");

    assert_eq!(bench.store.lift_stop(number).await.unwrap(), Some(1));
    assert_eq!(bench.wake_at(id).await, bench.now, "what waited is looked at at once");
    assert_eq!(bench.store.lift_stop(number).await.unwrap(), None);

    let paused = bench
        .store
        .pause_number(bench.tenant.organization, number, None, "operator: prices")
        .await
        .unwrap();
    assert!(paused.is_some());
    assert_eq!(bench.store.lift_stop(number).await.unwrap(), None);
}
