//! An operator ends the uncertainty about a message by hand.

use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::client::Answer;
use crate::rig::{MESSAGES, Rig, hello, person};

/// A message that counts for the messaging limit, in this state after one attempt.
async fn left_in(rig: &Rig, state: i16) -> String {
    let sent = rig.post(MESSAGES, &hello(&person(1))).await.data(202);
    let id = sent["message_id"].as_str().unwrap().to_owned();
    let scope = rig.tenant.scope;
    rig.sql(&format!(
        "UPDATE message SET state = {state}, attempt = 1, counted = true, claimed_at = now(), reason = 'outcome_unknown',
             wake_at = CASE WHEN {state} = 40 THEN now() + interval '15 minutes' END WHERE id = '{id}';
         INSERT INTO limit_member VALUES ({scope}, '{}', now(), now() + interval '1 day', 1);
         UPDATE limit_scope SET members = 1",
        person(1)
    ))
    .await;
    id
}

async fn rig() -> Rig {
    Rig::with(Choice {
        tier: "TIER_250",
        ..Choice::default()
    })
    .await
}

async fn resolve(rig: &Rig, id: &str, word: &str) -> Answer {
    rig.post(&format!("/api/v1/messages/{id}/resolve"), &json!({"as": word}))
        .await
}

async fn standing(rig: &Rig, id: &str) -> Value {
    let sql = format!("SELECT state, reason, failures, wake_at <= now() AS due FROM message WHERE id = '{id}'");
    rig.sql(&sql).await[0].clone()
}

#[tokio::test]
async fn as_accepted_it_keeps_its_place_in_the_messaging_limit() {
    for state in [40, 63] {
        let rig = rig().await;
        let id = left_in(&rig, state).await;

        resolve(&rig, &id, "accepted").await.data(200);

        let now = standing(&rig, &id).await;
        assert_eq!((&now["state"], &now["reason"]), (&json!(50), &Value::Null));
        assert_eq!(rig.count("limit_member").await, 1);
        let again = resolve(&rig, &id, "failed").await.error(409, "NOT_RESOLVABLE");
        assert_eq!(again["details"]["status"], "accepted");
        rig.finish().await;
    }
}

#[tokio::test]
async fn as_failed_it_gives_its_place_back() {
    for state in [40, 63] {
        let rig = rig().await;
        let id = left_in(&rig, state).await;

        resolve(&rig, &id, "failed").await.data(200);

        let now = standing(&rig, &id).await;
        assert_eq!((&now["state"], &now["reason"]), (&json!(60), &json!("resolved_failed")));
        assert_eq!(rig.count("limit_member").await, 0);
        rig.finish().await;
    }
}

#[tokio::test]
async fn to_be_sent_again_it_is_due_at_once_and_counts_as_a_failure() {
    for state in [40, 63] {
        let rig = rig().await;
        let id = left_in(&rig, state).await;

        resolve(&rig, &id, "resend").await.data(200);

        assert_eq!(
            standing(&rig, &id).await,
            json!({"state": 10, "reason": null, "failures": 1, "due": true})
        );
        assert_eq!(rig.count("limit_member").await, 1);
        rig.finish().await;
    }
}

#[tokio::test]
async fn what_is_not_in_question_or_too_late_is_refused() {
    let rig = rig().await;
    let id = left_in(&rig, 40).await;
    rig.sql("UPDATE message SET expires_at = now()").await;
    resolve(&rig, &id, "resend").await.error(409, "NOT_RESOLVABLE");
    let wrong = resolve(&rig, &id, "sent").await.error(422, "VALIDATION_ERROR");
    assert_eq!(wrong["details"]["field"], "as");

    rig.sql("UPDATE message SET state = 30, wake_at = now() + interval '1 minute'")
        .await;
    let refused = resolve(&rig, &id, "failed").await.error(409, "NOT_RESOLVABLE");
    assert_eq!(refused["details"]["status"], "sending");
    resolve(&rig, "none", "failed").await.error(404, "NOT_FOUND");
    rig.finish().await;
}
