//! What Meta allows, what of it is used, and what waits.

use serde_json::json;
use testkit::seed::Choice;

use crate::client::Request;
use crate::rig::{BROADCAST, MESSAGES, Rig, hello, hello_all, person};

#[tokio::test]
async fn a_scope_shows_what_is_used_and_when_the_next_place_comes_free() {
    let rig = Rig::with(Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await;
    let scope = rig.tenant.scope;
    rig.sql(&format!(
        "INSERT INTO limit_member VALUES ({scope}, '+15550000001', now(), now() - interval '1 minute', 1),
             ({scope}, '+15550000002', now(), '2030-01-01T00:00:00Z', 1), ({scope}, '+15550000003', now(), '2030-01-02T00:00:00Z', 1);
         UPDATE limit_scope SET members = 3"
    ))
    .await;

    let limits = rig.get("/api/v1/limits").await.data(200);

    assert_eq!(
        limits["scopes"],
        json!([{"scope": "waba:1000000", "limit": 250, "used": 2, "free": 248, "next_release": "2030-01-01T00:00:00.000Z"}])
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_number_shows_pace_flight_waiting_and_pauses() {
    let rig = Rig::start().await;
    for n in 0..3 {
        rig.post(MESSAGES, &hello(&person(n))).await.data(202);
    }
    rig.post(BROADCAST, &hello_all(10, 4)).await.data(200);
    rig.sql(
        "UPDATE message SET state = 10, reason = 'tier_limit', wake_at = now() + interval '1 hour' WHERE lane = 0;
         UPDATE message SET state = 30, wake_at = now() + interval '1 minute' WHERE seq <= 2;
         UPDATE message SET state = 10, wake_at = NULL WHERE seq > 2;
         UPDATE flow SET released_seq = 2;
         UPDATE number_gate SET tat = now() + interval '10 seconds', paused_until = '2030-01-01T00:00:00Z', pause_reason = 'meta_131057'",
    )
    .await;

    let number = &rig.get("/api/v1/limits").await.data(200)["numbers"][0];

    assert_eq!(
        (&number["from"], &number["throughput"]),
        (&json!(rig.tenant.phone), &json!(1000))
    );
    assert_eq!(number["waiting"], json!({"tier_limit": 3, "flow_turn": 2}));
    assert_eq!(number["in_flight"], json!({"queued": 0, "sending": 2, "uncertain": 0}));
    assert_eq!(
        number["pause"],
        json!({"code": "sender_paused", "reason": "meta_131057", "until": "2030-01-01T00:00:00.000Z"})
    );
    assert_eq!(number["restriction"], json!(null));
    let ahead = number["pace"]["slots_taken_ahead"].as_f64().unwrap();
    assert!((1.0..=9_700.0).contains(&ahead), "{number}");
    assert_eq!(number["pace"]["slowed_down"], json!(null));

    rig.sql("UPDATE number_gate SET slots_per_second = 400, slowed_to = 0.5, slowed_at = '2030-01-01T00:00:00Z'")
        .await;
    let number = &rig.get("/api/v1/limits").await.data(200)["numbers"][0];
    assert_eq!(number["pace"]["slots_per_second"], json!(400.0));
    assert_eq!(
        number["pace"]["slowed_down"],
        json!({"reason": "meta_130429", "since": "2030-01-01T00:00:00.000Z", "full_slots_per_second": 951.43,
               "full_again_at": "2030-01-01T00:05:00.000Z"})
    );
    rig.finish().await;
}

#[tokio::test]
async fn a_neighbours_limits_are_not_shown() {
    let rig = Rig::start().await;
    let neighbour = rig.neighbour().await;

    let answer = Request::new(rig.addr, "GET", "/api/v1/limits")
        .header("x-api-key", &neighbour.api_key)
        .send()
        .await
        .data(200);

    assert_eq!(answer["numbers"].as_array().unwrap().len(), 1);
    assert_eq!(answer["numbers"][0]["from"], neighbour.phone.as_str());
    assert_eq!(answer["scopes"][0]["limit"], json!(null));
    rig.finish().await;
}
