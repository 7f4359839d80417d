//! The check before a session message is written.

use serde_json::{Value, json};

use crate::rig::{Rig, person};

#[tokio::test]
async fn window_status_gives_its_three_reasons_with_and_without_a_number() {
    let rig = Rig::start().await;
    rig.wrote(&person(1), 1.5).await;
    rig.wrote(&person(2), 48.0).await;
    let status = async |to: &str, from: Option<&str>| {
        let from = from.map_or_else(String::new, |from| format!("&from={from}"));
        rig.get(&format!("/api/v1/messages/whatsapp/window-status?to={to}{from}"))
            .await
            .data(200)
    };
    // A plus that nobody escaped, one that somebody did, and Meta's id.
    let names = [
        None,
        Some(rig.tenant.phone.clone()),
        Some(rig.tenant.phone.replace('+', "%2B")),
        Some(rig.tenant.phone_number_id.clone()),
    ];

    for name in names {
        let name = name.as_deref();
        let open = status(&person(1), name).await;
        assert_eq!(
            (&open["within_window"], &open["reason"]),
            (&json!(true), &json!("within_window"))
        );
        assert_eq!(
            (&open["to"], &open["hours_since_last_inbound"]),
            (&json!(person(1)), &json!(1.5))
        );
        assert!(open["last_inbound_at"].is_string() && open["window_expires_at"].is_string());
        assert_eq!(open["from"], name.map_or(Value::Null, |_| json!(rig.tenant.phone)));
        let expired = status(&person(2), name).await;
        assert_eq!(
            (&expired["within_window"], &expired["reason"]),
            (&json!(false), &json!("window_expired"))
        );
        assert_eq!(expired["hours_since_last_inbound"], json!(48.0));
        let never = status(&person(3), name).await;
        assert_eq!(
            (&never["within_window"], &never["reason"]),
            (&json!(false), &json!("no_inbound_history"))
        );
        for field in ["last_inbound_at", "hours_since_last_inbound", "window_expires_at"] {
            assert_eq!(never[field], Value::Null, "{field}");
        }
    }
    rig.finish().await;
}

#[tokio::test]
async fn without_a_number_any_number_of_the_tenant_counts_and_no_other_tenant_s() {
    let rig = Rig::start().await;
    let other = rig.neighbour().await;
    rig.sql(&format!(
        "INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({}, '{}', now())",
        other.number,
        person(1)
    ))
    .await;

    let path = format!("/api/v1/messages/whatsapp/window-status?to={}", person(1));
    assert_eq!(rig.get(&path).await.data(200)["reason"], "no_inbound_history");
    let error = rig
        .get(&format!("{path}&from={}", other.phone_number_id))
        .await
        .error(422, "SENDER_NOT_FOUND");
    assert_eq!(error["details"]["field"], "from");
    let error = rig
        .get("/api/v1/messages/whatsapp/window-status")
        .await
        .error(422, "INVALID_PHONE_NUMBER");
    assert_eq!(error["details"]["field"], "to");
    let error = rig.get(&format!("{path}&form=1")).await.error(422, "VALIDATION_ERROR");
    assert_eq!(error["details"]["field"], "form");
    rig.finish().await;
}
