//! "The endpoint is persist-then-attempt": every recipient is a row before anything is tried, and a no flips it to failed.

use serde_json::{Value, json};
use testkit::seed::{Choice, Tenant};

use crate::people::{people, person};
use crate::pipeline::{Pipeline, hello_all, show, text};
use crate::twins::{Answer, Kind, Twins};

/// Every recipient of this answer is a failed row with this reason, kept and readable.
async fn all_failed(on: &Pipeline, twins: &Twins, answer: &Answer, reason: &str) {
    assert_eq!(answer.status, 207, "{}", answer.body);
    for (tenant, body) in [(&twins.http, &answer.body), (&twins.amqp, &answer.twin)] {
        let results = body["data"]["results"].as_array().unwrap();
        assert_eq!(body["data"]["summary"]["failed"], results.len(), "{body}");
        for result in results {
            assert_eq!(
                (&result["status"], &result["reason"]),
                (&json!("failed"), &json!(reason)),
                "{body}"
            );
            let kept = on.until_status(tenant, &result["message_id"], &["failed"]).await;
            assert_eq!((&kept["reason"]["code"], &kept["to"]), (&json!(reason), &result["to"]));
            assert_eq!(kept["attempts"], json!([]), "it was never attempted");
        }
    }
}

#[test]
fn every_recipient_is_pre_inserted_as_a_pending_row_in_one_transaction_before_the_per_recipient_send_pipeline_runs() {
    show(async |on| {
        // A paused number sends nothing, so what is seen is what was there before any attempt.
        let twins = on.twins_with(&Choice::default(), |_| ()).await;
        for tenant in twins.both() {
            let path = format!("/api/v1/numbers/{}/pause", tenant.phone_number_id);
            assert_eq!(on.stack.post_as(tenant, &path, &json!({})).await.unwrap().0, 200);
        }
        let list = people(50);

        let sent = twins.broadcast(&on, hello_all(&list)).await;

        assert!(
            sent.outcomes().iter().all(|(status, _)| *status == "pending"),
            "{}",
            sent.body
        );
        let id = sent.data(200)["broadcast_id"].as_str().unwrap();
        let rows = on
            .sql(&format!("SELECT count(*) AS n, count(DISTINCT xmin::text) AS transactions, max(attempt) AS attempt FROM message WHERE flow_id = '{id}'"))
            .await;
        assert_eq!(rows, [json!({"n": 50, "transactions": 1, "attempt": 0})]);
    });
}

#[test]
fn a_template_that_is_not_approved_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        for (template, reason) in [
            ("in_review", "template_not_approved"),
            ("no_such_template", "template_not_found"),
        ] {
            let mut body = hello_all(&people(2));
            body["template_name"] = json!(template);
            let answer = on.twins.broadcast(&on, body).await;
            all_failed(&on, &on.twins, &answer, reason).await;
        }
    });
}

#[test]
fn a_parameter_count_mismatch_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        let mut body = hello_all(&people(2));
        body["template_name"] = json!("order_update");
        body["template_params"] = json!(["only one of two"]);

        let answer = on.twins.broadcast(&on, body).await;

        all_failed(&on, &on.twins, &answer, "template_parameter_mismatch").await;
        assert_eq!(
            answer.body["data"]["results"][0]["error"]["details"]["expected"],
            "2 parameters"
        );
    });
}

/// A broadcast is a template, which no window holds back; a session message is what the window is for.
#[test]
fn a_24_hour_window_block_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        let refused = on.twins.send(&on, text(&person())).await;

        for (tenant, body) in [(&on.twins.http, &refused.body), (&on.twins.amqp, &refused.twin)] {
            let kept = on
                .until_status(tenant, &body["error"]["details"]["message_id"], &["failed"])
                .await;
            assert_eq!(kept["reason"]["code"], "no_inbound_history");
        }
        assert_eq!(on.twins.broadcast(&on, hello_all(&people(1))).await.status, 200);
    });
}

#[test]
fn the_fraud_guard_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        let guarded = |organization: &mut Value| {
            organization["fraud_guard"] = json!({"deny_destinations": {"prefixes": ["+1666"], "action": "block"}});
        };
        let twins = on.twins_with(&Choice::default(), guarded).await;

        let answer = twins.broadcast(&on, hello_all(&people(2))).await;

        all_failed(&on, &twins, &answer, "fraud_guard").await;
    });
}

#[test]
fn the_quota_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        let twins = on
            .twins_with(&Choice::default(), |organization| {
                organization["daily_quota"] = json!(3)
            })
            .await;

        let first = twins.broadcast(&on, hello_all(&people(5))).await;
        let next = twins.broadcast(&on, hello_all(&people(2))).await;

        // In the order of the request, exactly as many as the day has left.
        let failed = ("failed", Some("quota_exceeded"));
        assert_eq!(first.outcomes()[3..], [failed, failed]);
        assert_eq!(
            first.body["data"]["summary"],
            json!({"total": 5, "accepted": 3, "scheduled": 0, "failed": 2})
        );
        all_failed(&on, &twins, &next, "quota_exceeded").await;
    });
}

#[test]
fn sender_validation_flips_that_row_to_failed_rather_than_throwing_without_persisting_a_record() {
    show(async |on| {
        let twins = on.twins_with(&Choice::default(), |_| ()).await;
        for tenant in twins.both() {
            let number = tenant.number;
            on.sql(&format!(
                "UPDATE sender_number SET status = 'BANNED' WHERE id = {number}"
            ))
            .await;
        }

        let list = people(2);
        let named = |tenant: &Tenant| {
            let mut body = hello_all(&list);
            body["from"] = json!(tenant.phone);
            body
        };
        let answer = twins.ask_each(&on, Kind::Broadcast, named).await;

        all_failed(&on, &twins, &answer, "sender_not_connected").await;
    });
}
