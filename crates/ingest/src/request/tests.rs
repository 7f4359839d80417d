use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_750_000_000, 0).unwrap()
}

fn text() -> Value {
    json!({"to": "+15550001111", "type": "text", "text": {"body": "Hello"}})
}

fn hello() -> Value {
    json!({"recipients": [{"to": "+15550001111"}], "template_name": "hello"})
}

fn read(kind: Kind, body: &Value) -> Result<Request, Problem> {
    Request::read(kind, body.to_string().as_bytes(), now())
}

fn message(body: &Value) -> Message {
    match read(Kind::Message, body) {
        Ok(Request::Message(message)) => message,
        other => panic!("{body} was read as {other:?}"),
    }
}

fn broadcast(body: &Value) -> Broadcast {
    match read(Kind::Broadcast, body) {
        Ok(Request::Broadcast(broadcast)) => broadcast,
        other => panic!("{body} was read as {other:?}"),
    }
}

/// `base` with `changes` on top must be refused for this field, under this code.
fn check(kind: Kind, base: Value, changes: Value, field: &str, code: Code) {
    let mut body = base;
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    let problem = read(kind, &body).expect_err(&body.to_string());
    assert_eq!(
        (problem.details["field"].as_str(), problem.code),
        (Some(field), code),
        "{body}"
    );
    assert!(problem.details["expected"].is_string(), "{problem:?}");
}

#[test]
fn each_wrong_field_of_a_message_is_named() {
    use Code::{InvalidPhoneNumber as Phone, ValidationError as Invalid};
    let check = |changes: Value, field: &str, code| check(Kind::Message, text(), changes, field, code);
    check(json!({"to": null}), "to", Phone);
    check(json!({"to": 15_550_001_111_u64}), "to", Phone);
    check(json!({"to": "15550001111"}), "to", Phone);
    check(json!({"to": "+1555"}), "to", Phone);
    check(json!({"to": "+1555 000 1111"}), "to", Phone);
    check(json!({"from": "acme"}), "from", Phone);
    check(json!({"from": "+1"}), "from", Phone);
    check(json!({"from": 2_000_001}), "from", Phone);
    check(json!({"type": "telegram"}), "type", Invalid);
    check(json!({"type": 7}), "type", Invalid);
    check(json!({"text": {"body": ""}}), "text.body", Invalid);
    check(json!({"text": {"body": "x".repeat(4097)}}), "text.body", Invalid);
    check(json!({"type": "image"}), "image", Invalid);
    check(json!({"type": "image", "image": {"id": "1"}}), "text", Invalid);
    check(json!({"context": "wamid.A"}), "context", Invalid);
    check(json!({"context": {}}), "context.message_id", Invalid);
    check(json!({"context": {"message_id": "w", "id": 1}}), "context.id", Invalid);
    check(json!({"scheduled_at": "tomorrow"}), "scheduled_at", Invalid);
    check(json!({"scheduled_at": 1_750_000_000}), "scheduled_at", Invalid);
    check(json!({"scheduled_at": "2025-06-15 15:06"}), "scheduled_at", Invalid);
    check(json!({"scheduled_at": "2026-06-17T00:00:00Z"}), "scheduled_at", Invalid);
    check(
        json!({"scheduled_at": "+262000-01-01T00:00:00Z"}),
        "scheduled_at",
        Invalid,
    );
    check(json!({"expires_at": "never"}), "expires_at", Invalid);
    check(json!({"expires_at": "2025-06-15T15:06:40Z"}), "expires_at", Invalid);
    check(
        json!({"scheduled_at": "2025-07-01T00:00:00Z", "expires_at": "2025-06-30T00:00:00Z"}),
        "expires_at",
        Invalid,
    );
    check(json!({"priority": "urgent"}), "priority", Invalid);
    check(json!({"priority": 1}), "priority", Invalid);
    check(json!({"on_uncertain": "again"}), "on_uncertain", Invalid);
    check(json!({"webhook_url": "example.com/hook"}), "webhook_url", Invalid);
    check(json!({"webhook_url": "ftp://example.com"}), "webhook_url", Invalid);
    check(
        json!({"webhook_url": "https://user:secret@example.com"}),
        "webhook_url",
        Invalid,
    );
    check(
        json!({"webhook_url": "https://example.com/\u{0}"}),
        "webhook_url",
        Invalid,
    );
    check(
        json!({"webhook_url": format!("https://example.com/{}", "x".repeat(2048))}),
        "webhook_url",
        Invalid,
    );
    check(json!({"metadata": "order 5"}), "metadata", Invalid);
    check(json!({"metadata": {"note": "x".repeat(4096)}}), "metadata", Invalid);
    check(json!({"metadata": {"note": ["a\u{0}b"]}}), "metadata", Invalid);
    check(json!({"schedule_at": "2025-07-01T00:00:00Z"}), "schedule_at", Invalid);
    check(json!({"fallback_template": {}}), "fallback_template.name", Invalid);
}

#[test]
fn each_wrong_field_of_a_broadcast_is_named() {
    use Code::{InvalidPhoneNumber as Phone, ValidationError as Invalid};
    let check = |changes: Value, field: &str, code| check(Kind::Broadcast, hello(), changes, field, code);
    let many: Vec<Value> = (0..257).map(|n| json!({"to": format!("+1666000{n:04}")})).collect();
    check(json!({"recipients": null}), "recipients", Invalid);
    check(json!({"recipients": []}), "recipients", Invalid);
    check(json!({"recipients": many}), "recipients", Invalid);
    check(json!({"recipients": {"to": "+15550001111"}}), "recipients", Invalid);
    check(json!({"recipients": ["+15550001111"]}), "recipients[0]", Invalid);
    check(
        json!({"recipients": [{"to": "+15550001111"}, {"to": "5550001111"}]}),
        "recipients[1].to",
        Phone,
    );
    check(
        json!({"recipients": [{"to": "+15550001111"}, {}]}),
        "recipients[1].to",
        Phone,
    );
    check(
        json!({"recipients": [{"to": "+15550001111"}, {"to": "+15550001112"}, {"to": "+15550001111"}]}),
        "recipients[2].to",
        Invalid,
    );
    check(
        json!({"recipients": [{"to": "+15550001111", "name": "Ana"}]}),
        "recipients[0].name",
        Invalid,
    );
    check(
        json!({"recipients": [{"to": "+15550001111", "template_params": "Ana"}]}),
        "recipients[0].template_params",
        Invalid,
    );
    check(
        json!({"recipients": [{"to": "+15550001111", "metadata": 5}]}),
        "recipients[0].metadata",
        Invalid,
    );
    check(json!({"template_name": null}), "template_name", Invalid);
    check(json!({"template_name": "Order Update"}), "template_name", Invalid);
    check(json!({"template_language": "e"}), "template_language", Invalid);
    check(json!({"template_params": true}), "template_params", Invalid);
    check(json!({"from": "acme"}), "from", Phone);
    check(json!({"scheduled_at": "soon"}), "scheduled_at", Invalid);
    check(json!({"expires_at": "2020-01-01T00:00:00Z"}), "expires_at", Invalid);
    check(json!({"webhook_url": 1}), "webhook_url", Invalid);
    check(json!({"metadata": []}), "metadata", Invalid);
    check(json!({"priority": "low"}), "priority", Invalid);
}

#[test]
fn a_duplicate_recipient_names_both_places() {
    let body = json!({"recipients": [{"to": "+15550001111"}, {"to": "+15550001111"}], "template_name": "hello"});

    let problem = read(Kind::Broadcast, &body).unwrap_err();

    assert_eq!(problem.details["field"], "recipients[1].to");
    assert!(
        problem.details["expected"]
            .as_str()
            .unwrap()
            .contains("recipients[0].to"),
        "{problem:?}"
    );
}

#[test]
fn several_wrong_fields_are_told_at_once() {
    let body = json!({"to": "5", "type": "text", "text": {"body": ""}, "prio": 1});

    let problem = read(Kind::Message, &body).unwrap_err();

    let fields: Vec<&str> = problem.details["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields, ["to", "text.body", "prio"]);
    assert_eq!(problem.code, Code::ValidationError);
    assert_eq!(problem.details["error_count"], 3);
}

#[test]
fn what_is_no_json_object_is_refused() {
    let code = |body: &[u8]| Request::read(Kind::Message, body, now()).unwrap_err().code;

    assert_eq!(code(b""), Code::InvalidJson);
    assert_eq!(code(b"{\"to\": "), Code::InvalidJson);
    assert_eq!(code(b"\xff\xfe"), Code::InvalidJson);
    assert_eq!(code("[".repeat(100_000).as_bytes()), Code::InvalidJson);
    assert_eq!(code(b"[]"), Code::ValidationError);
    assert_eq!(code(b"null"), Code::ValidationError);
    assert_eq!(code(&vec![b' '; 256 * 1024 + 1]), Code::PayloadTooLarge);
}

#[test]
fn a_message_with_everything_is_read() {
    let mut body = text();
    body["from"] = json!("2000001");
    body["context"] = json!({"message_id": "wamid.A"});
    body["scheduled_at"] = json!("2025-06-15T18:00:00+02:00");
    body["priority"] = json!("low");
    body["on_uncertain"] = json!("resend");
    body["webhook_url"] = json!("https://example.com/hook?a=b");
    body["metadata"] = json!({"order": 5});

    let message = message(&body);

    assert_eq!(message.from.unwrap().as_str(), "2000001");
    assert_eq!(message.reply_to.as_deref(), Some("wamid.A"));
    let scheduled_at = DateTime::from_timestamp(1_750_003_200, 0);
    assert_eq!(message.times.scheduled_at, scheduled_at);
    assert_eq!(
        Some(message.times.expires_at),
        scheduled_at.map(|at| at + TimeDelta::hours(24))
    );
    assert_eq!((message.lane, message.resend), (domain::Lane::Bulk, true));
    assert_eq!(message.metadata, Some(json!({"order": 5})));
}

#[test]
fn a_time_in_the_past_means_now() {
    let mut body = text();
    body["scheduled_at"] = json!("2020-01-01T00:00:00Z");

    let times = message(&body).times;

    assert_eq!(times.scheduled_at, None);
    assert_eq!(times.expires_at, now() + TimeDelta::hours(24));
}

#[test]
fn null_is_as_good_as_absent() {
    let mut body = text();
    for name in [
        "from",
        "context",
        "scheduled_at",
        "expires_at",
        "priority",
        "on_uncertain",
        "webhook_url",
        "metadata",
    ] {
        body[name] = Value::Null;
    }

    assert_eq!(message(&body), message(&text()));
}

#[test]
fn a_broadcast_keeps_what_belongs_to_a_row() {
    let body = json!({
        "recipients": [{"to": "+15550001111", "template_params": ["Ana"], "metadata": {"n": 1}}, {"to": "+15550001112"}],
        "template_name": "hello", "template_language": "en-US", "template_params": ["friend"],
    });

    let broadcast = broadcast(&body);

    assert_eq!(broadcast.template_language.as_deref(), Some("en_US"));
    assert_eq!(broadcast.recipients[0].template_params, Some(json!(["Ana"])));
    assert_eq!(broadcast.recipients[0].metadata, Some(json!({"n": 1})));
    assert_eq!(broadcast.recipients[1].template_params, None);
}

#[test]
fn the_same_body_for_another_call_is_another_request() {
    assert_ne!(Kind::Message.hash(b"{}"), Kind::Broadcast.hash(b"{}"));
    assert_ne!(Kind::Message.hash(b"{}"), Kind::Message.hash(b"{ }"));
}

#[test]
fn a_key_is_visible_ascii_of_128_characters_at_most() {
    assert!(idempotency_key("k", &"x".repeat(128)).is_ok());
    for bad in [
        String::new(),
        "x".repeat(129),
        "a\nb".into(),
        "clé".into(),
        "a\0".into(),
    ] {
        assert_eq!(idempotency_key("k", &bad).unwrap_err().field, "k");
    }
}

/// Any JSON, with a taste for the names that mean something.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("+15550001111")),
        Just(json!("2025-06-16T00:00:00Z")),
        Just(json!("\u{0}")),
    ];
    let name = prop_oneof![
        "[a-z_]{1,10}",
        proptest::sample::select(vec![
            "to",
            "from",
            "type",
            "text",
            "body",
            "template",
            "name",
            "language",
            "code",
            "components",
            "recipients",
            "template_name",
            "template_params",
            "metadata",
            "scheduled_at",
            "expires_at",
            "context",
            "message_id"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_any_json_never_panics_and_names_a_field(body in any_json(), is_message in any::<bool>()) {
        let kind = if is_message { Kind::Message } else { Kind::Broadcast };
        if let Err(problem) = read(kind, &body) {
            prop_assert!(problem.details["field"].is_string(), "{:?}", problem);
            prop_assert_eq!(problem.code.status(), 422);
        }
    }

    #[test]
    fn reading_any_bytes_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::read(Kind::Message, &body, now());
        let _ = Request::read(Kind::Broadcast, &body, now());
    }
}
