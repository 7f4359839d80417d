use chrono::DateTime;
use domain::tier::Tier;
use domain::{Delivery, Recipient};
use proptest::prelude::*;
use serde_json::json;

use super::super::{Preference, StatusWord};
use super::*;

const STATUSES: &str = include_str!("../../../testdata/statuses.json");
const INBOUND: &str = include_str!("../../../testdata/inbound.json");
const ACCOUNT: &str = include_str!("../../../testdata/account.json");
const MIXED: &str = include_str!("../../../testdata/mixed_with_bad_elements.json");

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn statuses(raw: &str) -> Vec<StatusUpdate> {
    let status = |update| match update {
        Update::Status(status) => Some(*status),
        _ => None,
    };
    parse(raw.as_bytes()).unwrap().into_iter().filter_map(status).collect()
}

fn inbound(raw: &str) -> Vec<InboundMessage> {
    let inbound = |update| match update {
        Update::Inbound(message) => Some(*message),
        _ => None,
    };
    parse(raw.as_bytes()).unwrap().into_iter().filter_map(inbound).collect()
}

#[test]
fn every_status_is_read_with_its_rank() {
    let statuses = statuses(STATUSES);

    let seen: Vec<_> = statuses
        .iter()
        .map(|status| (status.wamid.as_str(), status.delivery(), status.at.timestamp()))
        .collect();
    let expected = [
        ("wamid.1", Some(Delivery::Sent), 1_750_000_000),
        ("wamid.1", Some(Delivery::Delivered), 1_750_000_001),
        ("wamid.1", Some(Delivery::Read), 1_750_000_002),
        ("wamid.2", Some(Delivery::Played), 1_750_000_003),
        ("wamid.3", Some(Delivery::Failed), 1_750_000_004),
        ("wamid.4", None, 1_750_000_005),
    ];
    assert_eq!(seen, expected);
    assert_eq!(statuses[5].word, StatusWord::Other("deleted".into()));
    assert!(
        statuses
            .iter()
            .all(|status| status.phone_number_id == "2000001" && status.waba_id == "1000001")
    );
}

#[test]
fn a_status_carries_who_which_and_what_it_costs() {
    let status = statuses(STATUSES).remove(0);

    assert_eq!(status.recipient_id, Some(Recipient::parse("+15550002222").unwrap()));
    assert_eq!(status.recipient_user_id.as_deref(), Some("US.1"));
    assert_eq!(status.opaque.as_deref(), Some("1.ABC.1.xyz"));
    assert_eq!(status.pricing.unwrap()["category"], "utility");
    assert_eq!(status.conversation.unwrap()["id"], "c1");
}

#[test]
fn a_failure_carries_the_errors_that_can_be_read() {
    let failed = statuses(STATUSES).remove(4);

    let codes: Vec<_> = failed
        .errors
        .iter()
        .map(|error| (error.code, error.title.as_str()))
        .collect();
    assert_eq!(
        codes,
        [(131_047, "Re-engagement message"), (131_049, "Healthy ecosystem")]
    );
    assert_eq!(
        failed.errors[0].details.as_deref(),
        Some("More than 24 hours have passed.")
    );
    assert_eq!(failed.errors[0].meta_error().category.as_str(), "window");
}

#[test]
fn every_kind_of_inbound_message_is_read_and_opens_the_window_or_not() {
    let seen: Vec<_> = inbound(INBOUND)
        .into_iter()
        .map(|message| {
            (
                message.wamid.as_str().strip_prefix("wamid.").unwrap().to_owned(),
                message.text,
                message.opens_window,
            )
        })
        .collect();

    let expected = [
        ("text", Some("STOP"), true),
        ("image", None, true),
        ("video", None, true),
        ("document", None, true),
        ("audio", None, true),
        ("sticker", None, true),
        ("location", None, true),
        ("contacts", None, true),
        ("button", Some("Stop promotions"), true),
        ("payload", Some("STOP"), true),
        ("button_reply", Some("Yes"), true),
        ("list_reply", Some("First"), true),
        ("flow", None, true),
        ("order", None, true),
        ("reaction", None, false),
        ("system", None, false),
        ("unsupported", None, false),
        ("edit", None, false),
        ("revoke", None, false),
        ("group", Some("hello all"), false),
        ("tomorrow", None, false),
        ("username", Some("no number"), true),
        ("user_id_only", Some("number in contacts"), true),
        ("half_emoji", None, true),
    ];
    let expected: Vec<_> = expected
        .map(|(name, text, opens)| (name.to_owned(), text.map(str::to_owned), opens))
        .to_vec();
    assert_eq!(seen, expected);
}

#[test]
fn who_wrote_is_found_in_the_message_or_beside_it() {
    let messages = inbound(INBOUND);
    let by = |name: &str| {
        messages
            .iter()
            .find(|message| message.wamid.as_str() == format!("wamid.{name}"))
            .unwrap()
    };
    let ana = Recipient::parse("+15550002222").ok();

    assert_eq!(
        (&by("text").from, by("text").from_user_id.as_deref()),
        (&ana, Some("US.1"))
    );
    assert_eq!(
        (&by("user_id_only").from, by("user_id_only").from_user_id.as_deref()),
        (&ana, Some("US.1"))
    );
    assert_eq!(
        (&by("username").from, by("username").from_user_id.as_deref()),
        (&None, Some("US.9"))
    );
    assert_eq!(by("button").context_id.as_deref(), Some("wamid.ours"));
    assert_eq!(by("username").at, at(1_750_000_000));
    assert_eq!(
        (by("text").phone_number_id.as_str(), by("text").waba_id.as_str()),
        ("2000001", "1000001")
    );
    assert!(by("image").raw.contains(r#""caption": "look""#));
}

#[test]
fn account_updates_are_read_whichever_way_meta_writes_them() {
    let updates = parse(ACCOUNT.as_bytes()).unwrap();
    let mut updates = updates.into_iter();
    macro_rules! next {
        ($variant:ident) => {
            match updates.next() {
                Some(Update::$variant(update)) => {
                    assert_eq!(update.waba_id, "1000001");
                    *update
                }
                other => panic!("expected {}, got {other:?}", stringify!($variant)),
            }
        };
    }

    let paused = next!(TemplateStatus);
    assert_eq!(
        (paused.name.as_str(), paused.language.as_str(), paused.event.as_str()),
        ("order_update", "en_US", "PAUSED")
    );
    assert_eq!(paused.template_id.as_deref(), Some("594425479261596"));
    assert_eq!(
        (paused.reason, paused.other.title.as_deref(), paused.at),
        (None, Some("FIRST_PAUSE"), Some(at(1_750_000_000)))
    );
    let rejected = next!(TemplateStatus);
    assert_eq!(
        (rejected.event.as_str(), rejected.reason.as_deref()),
        ("REJECTED", Some("INVALID_FORMAT"))
    );

    assert_eq!(next!(TemplateQuality).new, "YELLOW");
    assert_eq!(next!(TemplateQuality).new, "RED");

    let impending = next!(TemplateCategory);
    assert_eq!(
        (impending.new.as_str(), impending.upcoming.as_deref()),
        ("UTILITY", Some("MARKETING"))
    );
    assert_eq!(impending.upcoming_at, Some(at(1_750_086_400)));
    let done = next!(TemplateCategory);
    assert_eq!(
        (done.previous.as_deref(), done.new.as_str(), done.upcoming),
        (Some("UTILITY"), "MARKETING", None)
    );

    let upgraded = next!(NumberQuality);
    assert_eq!(
        (upgraded.display_phone_number.as_str(), upgraded.event.as_str()),
        ("15550001111", "THROUGHPUT_UPGRADE")
    );
    assert_eq!(upgraded.tier(), Some(Tier::Unlimited));
    let old_style = next!(NumberQuality);
    assert_eq!(
        (old_style.display_phone_number.as_str(), old_style.tier()),
        ("15550001111", Some(Tier::Limited(10_000)))
    );

    assert_eq!(next!(Capability).tier(), Some(Tier::Limited(2_000)));
    assert_eq!(next!(Capability).tier(), Some(Tier::Limited(100_000)));
    assert_eq!(next!(Capability).tier(), Some(Tier::Unlimited));

    let restricted = next!(AccountUpdate);
    let kinds: Vec<_> = restricted
        .restrictions
        .iter()
        .map(|one| (one.kind.as_str(), one.until))
        .collect();
    let expected = [
        ("RESTRICTED_BIZ_INITIATED_MESSAGING", Some(at(1_750_086_400))),
        ("RESTRICTED_UTILITY_TEMPLATES", None),
    ];
    assert_eq!(kinds, expected);
    assert!(restricted.raw.starts_with('{') && restricted.raw.contains("ACCOUNT_RESTRICTION"));
    assert_eq!(next!(AccountUpdate).ban.unwrap().state, "DISABLE");
    assert_eq!(next!(AccountUpdate).violation.unwrap().kind, "SPAM");

    let stop = next!(UserPreference);
    assert_eq!(
        (stop.value, stop.recipient),
        (Preference::Stop, Recipient::parse("+15550002222").ok())
    );
    assert_eq!(stop.phone_number_id.as_deref(), Some("2000001"));
    let resume = next!(UserPreference);
    assert_eq!(
        (resume.value, resume.recipient, resume.user_id.as_deref()),
        (Preference::Resume, None, Some("US.9"))
    );

    let other = Update::Other {
        field: "security".into(),
        waba_id: "1000001".into(),
        at: Some(at(1_750_000_000)),
        raw: r#"{ "event": "PIN_CHANGED" }"#.into(),
    };
    assert_eq!(updates.next(), Some(other));
    assert_eq!(updates.next(), None);
}

#[test]
fn bad_elements_are_told_apart_and_cost_nobody_else() {
    let updates = parse(MIXED.as_bytes()).unwrap();

    let shape: Vec<String> = updates
        .iter()
        .map(|update| match update {
            Update::Status(status) => status.wamid.to_string(),
            Update::Inbound(message) => message.wamid.to_string(),
            Update::ValueError { error, .. } => format!("error {}", error.code),
            Update::Malformed { field, .. } => format!("malformed {field}"),
            Update::Capability(_) => "capability".to_owned(),
            other => panic!("not in the file: {other:?}"),
        })
        .collect();
    let expected = [
        "wamid.good.1",
        "malformed messages.statuses",
        "malformed messages.statuses",
        "malformed messages.statuses",
        "malformed messages.statuses",
        "malformed messages.statuses",
        "wamid.good.2",
        "wamid.good.3",
        "malformed messages.messages",
        "error 130429",
        "malformed messages.errors",
        "malformed changes",
        "malformed changes",
        "malformed messages.statuses",
        "malformed messages.statuses",
        "malformed message_template_status_update",
        "malformed messages",
        "malformed entry",
        "malformed entry",
        "capability",
        "wamid.good.4",
    ];
    assert_eq!(shape, expected);
}

#[test]
fn a_reason_says_what_is_wrong_and_never_what_was_there() {
    let reasons: Vec<String> = parse(MIXED.as_bytes())
        .unwrap()
        .into_iter()
        .filter_map(|update| match update {
            Update::Malformed { reason, .. } => Some(reason),
            _ => None,
        })
        .collect();

    assert!(
        reasons[0].starts_with("missing field `id` at line 1 column"),
        "{reasons:?}"
    );
    assert!(
        reasons.contains(&"metadata.phone_number_id is missing".to_owned()),
        "{reasons:?}"
    );
    for reason in &reasons {
        assert!(!reason.contains("1555000"), "{reason}");
    }
}

#[test]
fn what_is_no_webhook_is_refused_as_a_whole() {
    for raw in ["", "{}", "[]", "null", "{\"entry\":7}", "<html>", "{\"entry\":[}"] {
        assert!(parse(raw.as_bytes()).is_err(), "{raw}");
    }
    assert_eq!(parse(br#"{"entry":[]}"#), Ok(vec![]));
}

#[test]
fn bytes_that_are_no_text_cost_one_text_only() {
    let mut raw = br#"{"entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"2"},
        "messages":[{"id":"wamid.1","from":"15550002222","timestamp":"1","type":"text","text":{"body":"?"}}],
        "statuses":[{"id":"wamid.2","status":"sent","timestamp":"1"}]}}]}]}"#
        .to_vec();
    let place = raw.iter().position(|byte| *byte == b'?').unwrap();
    raw[place] = 0xff;

    let updates = parse(&raw).unwrap();

    assert!(matches!(&updates[0], Update::Status(status) if status.wamid.as_str() == "wamid.2"));
    assert!(matches!(&updates[1], Update::Inbound(message) if message.text.as_deref() == Some("\u{fffd}")));
}

fn any_element() -> impl Strategy<Value = serde_json::Value> {
    let good = (any::<u32>(), "[a-z]{1,9}")
        .prop_map(|(id, word)| json!({"id": format!("wamid.{id}"), "status": word, "timestamp": id.to_string()}));
    let odd = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(|text| json!(text)),
        any::<String>().prop_map(|text| json!({"id": text, "status": "sent", "timestamp": text})),
        any::<String>().prop_map(|text| json!({"id": text, "status": 7, "timestamp": 7, "errors": [text]})),
        Just(json!([[[]]])),
    ];
    prop_oneof![3 => good, 1 => odd]
}

proptest! {
    #[test]
    fn every_element_becomes_exactly_one_update(elements in proptest::collection::vec(any_element(), 0..20)) {
        let raw = json!({"entry": [{"id": "1", "changes": [{"field": "messages", "value": {
            "metadata": {"phone_number_id": "2"}, "statuses": elements,
        }}]}]});

        let updates = parse(raw.to_string().as_bytes()).unwrap();

        prop_assert_eq!(updates.len(), elements.len());
        for (update, element) in updates.iter().zip(&elements) {
            match update {
                Update::Status(status) => prop_assert_eq!(&element["id"], status.wamid.as_str()),
                Update::Malformed { raw, .. } => {
                    prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(raw).unwrap(), element);
                }
                other => prop_assert!(false, "neither a status nor malformed: {:?}", other),
            }
        }
    }

    #[test]
    fn damaged_deliveries_never_panic(
        file in proptest::sample::select(vec![STATUSES, INBOUND, ACCOUNT, MIXED]),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 0..4_u8, any::<u8>()), 1..12),
    ) {
        let mut raw = file.as_bytes().to_vec();
        for (place, kind, byte) in damage {
            let place = place.index(raw.len().max(1));
            match kind {
                0 if place < raw.len() => raw[place] = byte,
                1 => raw.insert(place, byte),
                2 if place < raw.len() => drop(raw.remove(place)),
                _ if byte > 250 => raw.truncate(place),
                _ => {}
            }
        }
        // Whatever comes of it: an answer, and for each malformed element a reason.
        for update in parse(&raw).unwrap_or_default() {
            if let Update::Malformed { reason, .. } = update {
                prop_assert!(!reason.is_empty());
            }
        }
    }

    #[test]
    fn any_bytes_are_parsed_or_refused(raw in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&raw);
    }
}
