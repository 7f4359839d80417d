//! One broadcast in which everybody's luck is another: the answer gives each its own reason, and `explain` says why.

use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::people::people;
use crate::pipeline::show;

const FAILED: &str = "failed";

#[test]
fn a_broadcast_whose_outcomes_differ_per_recipient_answers_207_with_each_right_reason_and_explain_shows_why_for_each() {
    show(async |on| {
        let choosy = |organization: &mut Value| {
            organization["daily_quota"] = json!(3);
            organization["fraud_guard"] = json!({"deny_destinations": {"prefixes": ["+49"]}});
        };
        let twins = on.twins_with(&Choice::default(), choosy).await;
        let somebody = people(6);
        let [well, opted_out, misfit, wrote, last, over] = &somebody[..] else {
            unreachable!("six people")
        };
        let abroad = format!("+49151{}", &well[well.len() - 7..]);
        for tenant in twins.both() {
            on.wrote(tenant, wrote, 2.0).await;
            let path = format!("/api/v1/suppressions/{}", opted_out.replace('+', "%2B"));
            on.put_as(tenant, &path).await;
            // Room for three new people: only because the one who wrote takes none is there enough for this broadcast.
            let scope = tenant.scope;
            on.sql(&format!("UPDATE limit_scope SET max_members = 3 WHERE id = {scope}"))
                .await;
        }
        let body = json!({
            "template_name": "order_update", "template_language": "en_US", "template_params": ["Ana", "17"],
            "recipients": [
                {"to": well},
                {"to": opted_out},
                {"to": misfit, "template_params": ["one of two"]},
                {"to": abroad},
                {"to": wrote},
                {"to": last},
                {"to": over},
            ],
        });

        let sent = twins.broadcast(&on, body).await;

        assert_eq!(sent.status, 207, "{}", sent.body);
        assert_eq!(
            sent.outcomes(),
            [
                ("pending", None),
                (FAILED, Some("opted_out")),
                (FAILED, Some("template_parameter_mismatch")),
                (FAILED, Some("fraud_guard")),
                ("pending", None),
                ("pending", None),
                (FAILED, Some("quota_exceeded")),
            ]
        );
        assert_eq!(
            sent.body["data"]["summary"],
            json!({"total": 7, "accepted": 3, "scheduled": 0, "failed": 4})
        );

        for result in sent.body["data"]["results"].as_array().unwrap() {
            let id = &result["message_id"];
            on.until_status(&twins.http, id, &[FAILED, "delivered", "read"]).await;
            let path = format!("/api/v1/messages/{}/explain", id.as_str().unwrap());
            let (status, told) = on.stack.get_as(&twins.http, &path).await.unwrap();
            assert_eq!(status, 200, "{told}");
            let told = &told["data"];
            assert_eq!(told["reason"]["code"], result["reason"], "{told}");
            let decided = &told["rules"]["decided"];
            let Some(reason) = result["reason"].as_str() else {
                assert!(
                    decided.is_null() && told["attempts"][0]["outcome"] == "accepted",
                    "{told}"
                );
                continue;
            };
            let rule = match reason {
                "opted_out" => "opt_out",
                "template_parameter_mismatch" => "template",
                "quota_exceeded" => "quota",
                rule => rule,
            };
            let sentence = decided["sentence"].as_str().unwrap_or_default();
            assert_eq!(
                (
                    &decided["rule"],
                    &decided["verdict"],
                    &decided["reason"],
                    sentence.is_empty()
                ),
                (&json!(rule), &json!("refuse"), &json!(reason), false),
                "{told}"
            );
            // What can be seen today is seen today. Destinations are looked at when a message comes in, and found then; quotas are counted then.
            match reason {
                "fraud_guard" => assert_eq!(decided["flags"], json!(["destination_denied"]), "{told}"),
                "quota_exceeded" => {}
                _ => {
                    let mut steps = told["rules"]["steps"].as_array().unwrap().iter();
                    let refused = steps.any(|step| {
                        step["rule"] == rule
                            && step["verdict"] == "refuse"
                            && step["reason"] == reason
                            && !step["facts"].is_null()
                    });
                    assert!(refused, "{reason}: {told}");
                }
            }
        }
    });
}
