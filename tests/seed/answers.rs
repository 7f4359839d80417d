//! "Send a Broadcast": what comes back.

use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::people::people;
use crate::pipeline::{NOT_KEPT, SOON, hello_all, show};

#[test]
fn returns_a_per_recipient_result_array_plus_a_summary() {
    show(async |on| {
        let list = people(3);

        let sent = on.twins.broadcast(&on, hello_all(&list)).await;

        let results = sent.data(200)["results"].as_array().unwrap();
        for (index, (result, to)) in results.iter().zip(&list).enumerate() {
            assert_eq!(
                (&result["index"], &result["to"]),
                (&json!(index), &json!(to)),
                "in the order of the request"
            );
            assert!(result["message_id"].is_string(), "{result}");
        }
        assert_eq!(
            sent.data(200)["summary"],
            json!({"total": 3, "accepted": 3, "scheduled": 0, "failed": 0})
        );
    });
}

#[test]
fn inspect_summary_failed_and_each_results_status_the_http_status_code_signals_whether_to_look_at_the_body() {
    show(async |on| {
        let mut body = hello_all(&people(4));
        body["template_name"] = json!("order_update");
        body["template_params"] = json!(["Ana", "17"]);
        body["recipients"][2]["template_params"] = json!([]);

        let sent = on.twins.broadcast(&on, body).await;

        let failed = sent.outcomes().iter().filter(|(status, _)| *status == "failed").count();
        assert_eq!((sent.status, failed), (207, 1), "{}", sent.body);
        assert_eq!(sent.body["data"]["summary"]["failed"], failed);
    });
}

#[test]
fn status_200_every_recipient_succeeded() {
    show(async |on| {
        let list = people(10);

        let sent = on.twins.broadcast(&on, hello_all(&list)).await;

        assert_eq!(sent.data(200)["summary"]["failed"], 0);
        for result in sent.data(200)["results"].as_array().unwrap() {
            on.until_status(&on.twins.http, &result["message_id"], &["sent", "delivered", "read"])
                .await;
        }
    });
}

#[test]
fn status_207_at_least_one_recipient_failed_partial_or_all_failed() {
    show(async |on| {
        let mut partial = hello_all(&people(3));
        partial["template_name"] = json!("order_update");
        partial["recipients"][0]["template_params"] = json!(["Ana", "17"]);
        let mut all = hello_all(&people(3));
        all["template_name"] = json!("in_review");

        let (partial, all) = (
            on.twins.broadcast(&on, partial).await,
            on.twins.broadcast(&on, all).await,
        );

        assert_eq!(
            partial.data(207)["summary"],
            json!({"total": 3, "accepted": 1, "scheduled": 0, "failed": 2})
        );
        assert_eq!(
            all.data(207)["summary"],
            json!({"total": 3, "accepted": 0, "scheduled": 0, "failed": 3})
        );
    });
}

#[test]
fn status_402_org_balance_cant_cover_the_broadcast_floor() {
    show(async |on| {
        let poor = |organization: &mut Value| {
            organization["currency"] = json!("EUR");
            organization["balance"] = json!("1.00");
            organization["rate"] = json!([{"category": "UTILITY", "price": "0.30"}]);
        };
        let twins = on.twins_with(&Choice::default(), poor).await;
        let (five, three) = (people(5), people(3));

        let refused = twins.broadcast(&on, hello_all(&five)).await;
        let covered = twins.broadcast(&on, hello_all(&three)).await;

        assert_eq!(refused.error(402)["code"], "INSUFFICIENT_BALANCE");
        assert_eq!(on.rows_for(&five).await, 0, "nothing of it is kept");
        covered.data(200);
        testkit::until(SOON, "three messages paid for", async || {
            let (_, answer) = on.stack.get_as(&twins.http, "/api/v1/balance").await.ok()?;
            (answer["data"]["spent"] == "0.90" && answer["data"]["available"] == "0.10").then_some(())
        })
        .await;
    });
}

#[test]
fn status_429_the_recipient_count_would_breach_the_wabas_daily_messaging_limit_tier_cap() {
    show(async |on| {
        let small = Choice {
            tier: "TIER_250",
            ..Choice::default()
        };
        let twins = on.twins_with(&small, |_| ()).await;
        let (most, more) = (people(250), people(1));

        let too_many = twins.broadcast(&on, hello_all(&people(251))).await;
        let all_there_is = twins.broadcast(&on, hello_all(&most)).await;
        for to in &most {
            testkit::until(SOON, "everybody's message at Meta", async || {
                (on.sent_to(to).len() == 2).then_some(())
            })
            .await;
        }
        let one_more = twins.broadcast(&on, hello_all(&more)).await;
        let again = twins.broadcast(&on, hello_all(&most[..5])).await;

        let details = &too_many.error(429)["details"];
        assert_eq!(
            (&details["limit"], &details["used"], &details["requested"]),
            (&json!(250), &json!(0), &json!(251))
        );
        all_there_is.data(200);
        let details = &one_more.error(429)["details"];
        assert_eq!(
            (&details["limit"], &details["used"], &details["requested"]),
            (&json!(250), &json!(250), &json!(1))
        );
        // Who was written to in these 24 hours takes no room again.
        again.data(200);
    });
}

/// The bulk insert really fails: PostgreSQL itself refuses one row of it.
#[test]
fn status_500_bulk_pre_insert_failed_no_recipients_were_processed() {
    show(async |on| {
        let list = people(20);
        let mut broken = list.clone();
        broken[13] = NOT_KEPT.to_owned();

        let refused = on.twins.broadcast(&on, hello_all(&broken)).await;

        assert_eq!(refused.error(500)["code"], "INTERNAL_ERROR");
        assert_eq!(on.rows_for(&broken).await, 0, "no recipient was processed");
        on.twins.broadcast(&on, hello_all(&list)).await.data(200);
    });
}
