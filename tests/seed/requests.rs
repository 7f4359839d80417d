//! "Send a Broadcast": what goes in.

use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::people::{people, person};
use crate::pipeline::{SOON, hello_all, show};
use crate::twins::{Kind, second_number};

/// `order_update` to these, with these shared parameters.
fn order_update(recipients: Value, shared: Option<Value>) -> Value {
    let mut body = json!({"recipients": recipients, "template_name": "order_update", "template_language": "en_US"});
    if let Some(shared) = shared {
        body["template_params"] = shared;
    }
    body
}

#[test]
fn fan_a_single_approved_template_out_to_up_to_256_recipients_in_one_operation() {
    show(async |on| {
        let most = people(256);

        let sent = on.twins.broadcast(&on, hello_all(&most)).await;
        let too_many = on.twins.broadcast(&on, hello_all(&people(257))).await;

        assert_eq!(
            sent.data(200)["summary"],
            json!({"total": 256, "accepted": 256, "scheduled": 0, "failed": 0})
        );
        assert_eq!(too_many.error(422)["details"]["field"], "recipients");
        testkit::until(SOON, "512 messages at Meta", async || {
            (most.iter().map(|to| on.sent_to(to).len()).sum::<usize>() == 512).then_some(())
        })
        .await;
    });
}

#[test]
fn each_recipient_receives_a_normal_1_to_1_conversation_there_is_no_shared_thread() {
    show(async |on| {
        let list = people(5);

        on.twins.broadcast(&on, hello_all(&list)).await.data(200);

        testkit::until(SOON, "one message for each", async || {
            list.iter().all(|to| on.sent_to(to).len() == 2).then_some(())
        })
        .await;
        for to in &list {
            let [one, other] = &on.sent_to(to)[..] else {
                panic!("{to}")
            };
            // Two conversations: one with each tenant's number, each with an id of its own.
            assert_ne!(one.phone_number_id, other.phone_number_id);
            assert_ne!(one.wamid, other.wamid);
        }
    });
}

#[test]
fn per_recipient_stop_opt_out_handling_is_preserved() {
    show(async |on| {
        let list = people(4);
        for tenant in on.twins.both() {
            let stop = simulator::Inbound::text(&tenant.phone_number_id, &list[2], "STOP");
            on.stack.meta.inbound(&stop).unwrap();
            let path = format!("/api/v1/suppressions/{}", list[2].replace('+', "%2B"));
            testkit::until(SOON, "the suppression", async || {
                let (_, answer) = on.stack.get_as(tenant, &path).await.ok()?;
                (answer["data"]["suppressed"] == true).then_some(())
            })
            .await;
        }

        let sent = on.twins.broadcast(&on, hello_all(&list)).await;

        assert_eq!(sent.status, 207);
        let outcomes = sent.outcomes();
        assert_eq!(outcomes[2], ("failed", Some("opted_out")));
        assert!(
            [0, 1, 3].iter().all(|row| outcomes[*row] == ("pending", None)),
            "{outcomes:?}"
        );
    });
}

#[test]
fn recipients_is_required_1_to_256_entries_each_with_a_to() {
    show(async |on| {
        let without = json!({"template_name": "hello", "template_language": "en_US"});
        for (body, field) in [
            (without, "recipients"),
            (hello_all(&[]), "recipients"),
            (hello_all(&people(257)), "recipients"),
            (
                order_update(json!([{"template_params": ["Ana", "17"]}]), None),
                "recipients[0].to",
            ),
            (order_update(json!([{"to": "16505550100"}]), None), "recipients[0].to"),
            (
                order_update(json!([{"to": person()}, {"to": "+1"}]), None),
                "recipients[1].to",
            ),
        ] {
            let answer = on.twins.broadcast(&on, body).await;
            assert_eq!(answer.error(422)["details"]["field"], field, "{}", answer.body);
        }
        assert_eq!(on.twins.broadcast(&on, hello_all(&people(1))).await.status, 200);
    });
}

#[test]
fn per_row_template_params_override_the_batch_level_shared_template_params() {
    show(async |on| {
        let list = people(3);
        let rows = json!([
            {"to": list[0]},
            {"to": list[1], "template_params": ["Bo", "18"]},
            {"to": list[2], "template_params": ["only one"]},
        ]);

        let sent = on
            .twins
            .broadcast(&on, order_update(rows, Some(json!(["Ana", "17"]))))
            .await;

        let outcomes = sent.outcomes();
        assert_eq!(outcomes[0], ("pending", None));
        assert_eq!(outcomes[1], ("pending", None));
        // As a whole: what a row lacks is not filled up from the shared ones.
        assert_eq!(outcomes[2], ("failed", Some("template_parameter_mismatch")));
        let said = |content: &Value| -> Vec<String> {
            let parameters = content["template"]["components"][0]["parameters"].as_array().unwrap();
            parameters
                .iter()
                .map(|parameter| parameter["text"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            said(&content(&on, &sent.body["data"]["results"][0]).await),
            ["Ana", "17"]
        );
        assert_eq!(
            said(&content(&on, &sent.body["data"]["results"][1]).await),
            ["Bo", "18"]
        );
        // What was taken is what Meta's stand-in took: other words, another body.
        testkit::until(SOON, "both at Meta", async || {
            (on.sent_to(&list[0]).len() == 2 && on.sent_to(&list[1]).len() == 2).then_some(())
        })
        .await;
    });
}

#[test]
fn optional_per_row_metadata() {
    show(async |on| {
        let list = people(2);
        let mut body = hello_all(&list);
        body["metadata"] = json!({"campaign": "spring"});
        body["recipients"][1]["metadata"] = json!({"customer": 7});

        let sent = on.twins.broadcast(&on, body).await;

        for (row, expected) in [(0, json!({"campaign": "spring"})), (1, json!({"customer": 7}))] {
            let id = &sent.data(200)["results"][row]["message_id"];
            let message = on
                .until_status(
                    &on.twins.http,
                    id,
                    &["pending", "sending", "accepted", "sent", "delivered", "read"],
                )
                .await;
            assert_eq!(message["metadata"], expected);
        }
    });
}

#[test]
fn duplicate_numbers_in_one_request_are_rejected_422() {
    show(async |on| {
        let mut list = people(3);
        list.push(list[1].clone());

        let answer = on.twins.broadcast(&on, hello_all(&list)).await;

        assert_eq!(answer.error(422)["details"]["field"], "recipients[3].to");
        assert_eq!(on.rows_for(&list).await, 0, "nothing of it is kept");
    });
}

#[test]
fn template_name_is_required_an_approved_whatsapp_template() {
    show(async |on| {
        let list = people(1);
        let mut without = hello_all(&list);
        without.as_object_mut().unwrap().remove("template_name");
        assert_eq!(
            on.twins.broadcast(&on, without).await.error(422)["details"]["field"],
            "template_name"
        );

        for (name, reason) in [
            ("no_such", "template_not_found"),
            ("in_review", "template_not_approved"),
        ] {
            let mut body = hello_all(&list);
            body["template_name"] = json!(name);
            let answer = on.twins.broadcast(&on, body).await;
            assert_eq!(answer.status, 207, "{}", answer.body);
            assert_eq!(answer.outcomes(), [("failed", Some(reason))]);
        }
    });
}

#[test]
fn template_language_from_template_params_scheduled_at_webhook_url_metadata_are_optional_and_shared_across_the_batch() {
    show(async |on| {
        let twins = on.twins_with(&Choice::default(), second_number).await;
        let (list, later) = (people(2), on.later().await);
        let bare = json!({"recipients": list.iter().map(|to| json!({"to": to})).collect::<Vec<_>>(), "template_name": "hello"});
        assert_eq!(twins.broadcast(&on, bare).await.status, 200);

        let full = twins
            .ask_each(&on, Kind::Broadcast, |tenant| {
                json!({"recipients": list.iter().map(|to| json!({"to": to})).collect::<Vec<_>>(),
                    "template_name": "order_update", "template_language": "en_US", "from": format!("{}9", tenant.phone),
                    "template_params": ["Ana", "17"], "scheduled_at": later,
                    "webhook_url": "https://example.com/hooks", "metadata": {"campaign": "spring"}})
            })
            .await;

        for result in full.data(200)["results"].as_array().unwrap() {
            let message = on
                .until_status(&twins.http, &result["message_id"], &["scheduled"])
                .await;
            assert_eq!(message["from"], format!("{}9", twins.http.phone));
            assert_eq!(message["scheduled_at"], json!(later));
            assert_eq!(message["metadata"], json!({"campaign": "spring"}));
            let content = content(&on, result).await;
            assert_eq!(content["template"]["language"]["code"], "en_US");
            assert_eq!(content["template"]["components"][0]["parameters"][0]["text"], "Ana");
            let id = result["message_id"].as_str().unwrap();
            let kept = on
                .sql(&format!("SELECT webhook_url FROM message_content WHERE id = '{id}'"))
                .await;
            assert_eq!(kept[0]["webhook_url"], "https://example.com/hooks");
        }
    });
}

#[test]
fn with_scheduled_at_set_every_recipient_lands_as_scheduled_for_the_worker_queue() {
    show(async |on| {
        let list = people(3);
        let mut body = hello_all(&list);
        body["scheduled_at"] = json!(on.later().await);

        let sent = on.twins.broadcast(&on, body).await;

        assert_eq!(
            sent.data(200)["summary"],
            json!({"total": 3, "accepted": 0, "scheduled": 3, "failed": 0})
        );
        assert!(
            sent.outcomes().iter().all(|outcome| *outcome == ("scheduled", None)),
            "{}",
            sent.body
        );
        assert!(
            list.iter().all(|to| on.sent_to(to).is_empty()),
            "none goes before its time"
        );
    });
}

/// What a result's message says, as it is kept.
async fn content(on: &crate::pipeline::Pipeline, result: &Value) -> Value {
    let id = result["message_id"].as_str().unwrap();
    let kept = on
        .sql(&format!("SELECT content FROM message_content WHERE id = '{id}'"))
        .await;
    match &kept[0]["content"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}
