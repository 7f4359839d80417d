//! "Check the 24-Hour Window", sentence by sentence.

use serde_json::{Value, json};
use testkit::seed::Choice;

use crate::people::person;
use crate::pipeline::{SOON, hello, show, template, text};
use crate::twins::second_number;

#[test]
fn whatsapp_requires_pre_approved_templates_for_business_initiated_conversations() {
    show(async |on| {
        let (stranger, other) = (person(), person());

        let free_form = on.twins.send(&on, text(&stranger)).await;
        let in_review = on.twins.send(&on, template(&other, "in_review")).await;
        let approved = on.twins.send(&on, hello(&other)).await;

        assert_eq!(free_form.error(422)["details"]["reason"], "no_inbound_history");
        assert_eq!(in_review.error(422)["details"]["reason"], "template_not_approved");
        on.until_status(
            &on.twins.http,
            &approved.data(202)["message_id"],
            &["delivered", "read"],
        )
        .await;
        on.until_status(
            &on.twins.amqp,
            &approved.twin["data"]["message_id"],
            &["delivered", "read"],
        )
        .await;
        assert!(on.sent_to(&stranger).is_empty(), "a refused message went to Meta");
    });
}

#[test]
fn once_a_user_messages_you_a_24_hour_session_window_opens_for_free_form_replies() {
    show(async |on| {
        let user = person();
        for tenant in on.twins.both() {
            on.wrote(tenant, &user, 0.0).await;
        }

        let reply = on.twins.send(&on, text(&user)).await;

        on.until_status(&on.twins.http, &reply.data(202)["message_id"], &["delivered", "read"])
            .await;
        let window = on.twins.window(&on, &user, None).await.1["data"].clone();
        let at = |field: &str| chrono::DateTime::parse_from_rfc3339(window[field].as_str().unwrap()).unwrap();
        assert_eq!(
            at("window_expires_at") - at("last_inbound_at"),
            chrono::TimeDelta::hours(24),
            "{window}"
        );
    });
}

#[test]
fn use_the_window_status_check_to_confirm_the_window_is_still_open_before_sending() {
    show(async |on| {
        let (early, late) = (person(), person());
        for tenant in on.twins.both() {
            on.wrote(tenant, &early, 23.9).await;
            on.wrote(tenant, &late, 24.1).await;
        }

        assert_eq!(
            on.twins.window(&on, &early, None).await.1["data"]["within_window"],
            true
        );
        assert_eq!(
            on.twins.window(&on, &late, None).await.1["data"]["within_window"],
            false
        );
    });
}

#[test]
fn the_send_pipeline_enforces_the_same_check() {
    show(async |on| {
        for (hours_ago, reason) in [
            (Some(1.0), "within_window"),
            (Some(25.0), "window_expired"),
            (None, "no_inbound_history"),
        ] {
            let user = person();
            if let Some(hours_ago) = hours_ago {
                for tenant in on.twins.both() {
                    on.wrote(tenant, &user, hours_ago).await;
                }
            }

            let (_, window) = on.twins.window(&on, &user, None).await;
            let sent = on.twins.send(&on, text(&user)).await;

            assert_eq!(window["data"]["reason"], reason);
            if window["data"]["within_window"] == json!(true) {
                assert_eq!(sent.status, 202, "{}", sent.body);
            } else {
                assert_eq!(sent.error(422)["details"]["reason"], reason);
            }
        }
    });
}

#[test]
fn this_pre_flight_avoids_a_wasted_send_attempt() {
    show(async |on| {
        let user = person();

        on.twins.window(&on, &user, None).await;

        assert_eq!(
            on.rows_for(std::slice::from_ref(&user)).await,
            0,
            "the check keeps nothing"
        );
        assert!(on.sent_to(&user).is_empty(), "the check sends nothing");
    });
}

#[test]
fn to_is_required_the_contacts_e164_number() {
    show(async |on| {
        let (status, missing) = on
            .stack
            .get_as(&on.twins.http, "/api/v1/messages/whatsapp/window-status")
            .await
            .unwrap();
        assert_eq!(
            (status, &missing["error"]["details"]["field"]),
            (422, &json!("to")),
            "{missing}"
        );
        for wrong in ["16505550100x", "+1", "+0150555", "+1234567890123456", "anna"] {
            let (status, answer) = on.twins.window(&on, wrong, None).await;
            assert_eq!(
                (status, &answer["error"]["code"]),
                (422, &json!("INVALID_PHONE_NUMBER")),
                "{wrong}: {answer}"
            );
            assert_eq!(answer["error"]["details"]["field"], "to", "{answer}");
        }
    });
}

#[test]
fn from_is_optional_the_waba_number_that_will_be_the_sender() {
    show(async |on| {
        let (user, tenant) = (person(), &on.twins.http);

        let (status, by_phone) = on.twins.window(&on, &user, Some(&tenant.phone)).await;
        assert_eq!(
            (status, &by_phone["data"]["from"]),
            (200, &json!(tenant.phone)),
            "{by_phone}"
        );
        let (status, by_id) = on.twins.window(&on, &user, Some(&tenant.phone_number_id)).await;
        assert_eq!((status, &by_id["data"]["from"]), (200, &json!(tenant.phone)), "{by_id}");
        let (_, omitted) = on.twins.window(&on, &user, None).await;
        assert_eq!(omitted["data"]["from"], Value::Null);
        // Somebody else's number is no number of ours.
        let (status, foreign) = on.twins.window(&on, &user, Some(&on.twins.amqp.phone)).await;
        assert_eq!(
            (status, &foreign["error"]["code"]),
            (422, &json!("SENDER_NOT_FOUND")),
            "{foreign}"
        );
    });
}

#[test]
fn when_from_is_omitted_the_check_spans_any_of_your_waba_numbers_and_when_supplied_it_is_scoped_to_that_sender_pair() {
    show(async |on| {
        let twins = on.twins_with(&Choice::default(), second_number).await;
        let (user, first) = (person(), twins.http.phone.clone());
        let second = format!("{first}9");
        for tenant in twins.both() {
            on.wrote(tenant, &user, 0.0).await;
        }

        let reason = async |from: Option<&str>| twins.window(&on, &user, from).await.1["data"]["reason"].clone();
        assert_eq!(reason(None).await, "within_window");
        assert_eq!(reason(Some(&first)).await, "within_window");
        assert_eq!(reason(Some(&second)).await, "no_inbound_history");

        // Matching the send-time gate.
        let named = |suffix: &'static str| {
            let user = user.clone();
            move |tenant: &testkit::seed::Tenant| {
                let mut body = text(&user);
                body["from"] = json!(format!("{}{suffix}", tenant.phone));
                body
            }
        };
        let by_first = twins.ask_each(&on, crate::twins::Kind::Message, named("")).await;
        let by_second = twins.ask_each(&on, crate::twins::Kind::Message, named("9")).await;
        assert_eq!(by_first.status, 202, "{}", by_first.body);
        assert_eq!(by_second.error(422)["details"]["reason"], "no_inbound_history");
    });
}

#[test]
fn within_window_an_inbound_was_received_in_the_last_24_hours_free_form_replies_are_allowed() {
    show(async |on| {
        let user = person();
        for tenant in on.twins.both() {
            on.wrote(tenant, &user, 5.0).await;
        }

        let (_, window) = on.twins.window(&on, &user, None).await;

        let data = &window["data"];
        assert_eq!(
            (&data["within_window"], &data["reason"]),
            (&json!(true), &json!("within_window")),
            "{window}"
        );
        assert!(
            (5.0..5.5).contains(&data["hours_since_last_inbound"].as_f64().unwrap()),
            "{window}"
        );
        assert!(
            data["last_inbound_at"].is_string() && data["window_expires_at"].is_string(),
            "{window}"
        );
        assert_eq!(on.twins.send(&on, text(&user)).await.status, 202);
    });
}

#[test]
fn window_expired_the_last_inbound_is_older_than_24_hours_template_only() {
    show(async |on| {
        let user = person();
        for tenant in on.twins.both() {
            on.wrote(tenant, &user, 30.0).await;
        }

        let (_, window) = on.twins.window(&on, &user, None).await;

        let data = &window["data"];
        assert_eq!(
            (&data["within_window"], &data["reason"]),
            (&json!(false), &json!("window_expired")),
            "{window}"
        );
        assert!(
            (30.0..30.5).contains(&data["hours_since_last_inbound"].as_f64().unwrap()),
            "{window}"
        );
        assert_eq!(
            on.twins.send(&on, text(&user)).await.error(422)["details"]["reason"],
            "window_expired"
        );
        assert_eq!(on.twins.send(&on, hello(&user)).await.status, 202);
    });
}

#[test]
fn no_inbound_history_last_inbound_at_and_hours_since_last_inbound_are_null() {
    show(async |on| {
        let user = person();

        let (_, window) = on.twins.window(&on, &user, None).await;

        let data = &window["data"];
        assert_eq!(
            (&data["within_window"], &data["reason"]),
            (&json!(false), &json!("no_inbound_history")),
            "{window}"
        );
        for field in ["last_inbound_at", "hours_since_last_inbound"] {
            assert_eq!(data.get(field), Some(&Value::Null), "{window}");
        }
    });
}

#[test]
fn when_within_window_is_false_you_must_fall_back_to_an_approved_template_message() {
    show(async |on| {
        let user = person();
        for tenant in on.twins.both() {
            on.wrote(tenant, &user, 48.0).await;
        }

        let refused = on.twins.send(&on, text(&user)).await;
        let fallen_back = on.twins.send(&on, hello(&user)).await;

        // The refused one is a record, not an exception.
        let kept = on
            .until_status(
                &on.twins.http,
                &refused.error(422)["details"]["message_id"],
                &["failed"],
            )
            .await;
        assert_eq!(kept["reason"]["code"], "window_expired");
        on.until_status(
            &on.twins.http,
            &fallen_back.data(202)["message_id"],
            &["delivered", "read"],
        )
        .await;
        testkit::until(SOON, "both templates at Meta", async || {
            (on.sent_to(&user).len() == 2).then_some(())
        })
        .await;
    });
}
