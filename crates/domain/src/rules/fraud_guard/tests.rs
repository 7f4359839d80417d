use proptest::prelude::*;
use serde_json::json;

use super::*;

fn guard(declared: Value) -> FraudGuard {
    serde_json::from_value(declared).unwrap()
}

struct Message {
    to: &'static str,
    content: Value,
    new_recipients: Option<u64>,
    same_content: u64,
}

fn message() -> Message {
    Message {
        to: "+4915112345678",
        content: json!({"type": "text", "text": {"body": "Your parcel is here."}}),
        new_recipients: None,
        same_content: 0,
    }
}

fn says(body: &str) -> Message {
    Message {
        content: json!({"type": "text", "text": {"body": body}}),
        ..message()
    }
}

/// What the guard finds, as in `denied_link block`.
#[track_caller]
fn check(declared: Value, message: &Message, expected: &[&str]) {
    let sight = Sight {
        to: &Recipient::parse(message.to).unwrap(),
        content: &message.content,
        new_recipients: message.new_recipients,
        same_content: message.same_content,
    };
    let findings = guard(declared.clone()).inspect(&sight);
    let words: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {}", finding.check, json!(finding.action).as_str().unwrap()))
        .collect();
    assert_eq!(words, expected, "{declared} on {} {}", message.to, message.content);
}

#[test]
fn a_guard_that_is_not_set_up_finds_nothing() {
    check(json!({}), &message(), &[]);
}

#[test]
fn destinations_are_allowed_and_denied_by_how_they_begin() {
    let german = json!({"allow_destinations": {"prefixes": ["+49", "+43"]}});
    check(german.clone(), &message(), &[]);
    let to = |to| Message { to, ..message() };
    check(german, &to("+33612345678"), &["destination_not_allowed block"]);
    let denied = json!({"deny_destinations": {"prefixes": ["+49151"], "action": "flag"}});
    check(denied.clone(), &message(), &["destination_denied flag"]);
    check(denied, &to("+4917212345678"), &[]);
    let premium = json!({"premium_destinations": {}});
    check(premium.clone(), &to("+19005551234"), &["premium_destination block"]);
    check(premium.clone(), &to("+8821612345"), &["premium_destination block"]);
    check(premium, &message(), &[]);
}

#[test]
fn new_people_and_repeated_texts_are_found_from_the_first_one_too_many() {
    let velocity = json!({"new_recipients": {"max": 3, "minutes": 10, "action": "flag"}});
    let new = |others| Message {
        new_recipients: Some(others),
        ..message()
    };
    check(velocity.clone(), &new(2), &[]);
    check(velocity.clone(), &new(3), &["new_recipients flag"]);
    check(velocity, &message(), &[]);
    let repeated = json!({"repeated_content": {"max": 2, "hours": 1}});
    let same = |others| Message {
        same_content: others,
        ..message()
    };
    check(repeated.clone(), &same(1), &[]);
    check(repeated, &same(2), &["repeated_content block"]);
}

#[test]
fn links_are_found_wherever_they_stand_and_nothing_else_is_taken_for_one() {
    let links = json!({"links": {"deny": ["bit.ly", "Evil.example"]}});
    for body in [
        "https://bit.ly/x",
        "Go to bit.ly.",
        "(BIT.LY/abc)",
        "http://www.bit.ly:8080?x",
        "evil.example",
        "see evil.example, now",
        "bit.lyx bit.ly",
    ] {
        check(links.clone(), &says(body), &["denied_link block"]);
    }
    for body in [
        "",
        "rabbit.ly",
        "bit.ly.example.com",
        "bit.lyrics",
        "evil-evil.example.org",
        "bit ly",
    ] {
        check(links.clone(), &says(body), &[]);
    }
    let parameters = json!({"type": "template", "template": {"name": "sale", "components": [
        {"type": "button", "parameters": [{"type": "text", "text": "https://sub.evil.example/1"}]}]}});
    let template = Message {
        content: parameters,
        ..message()
    };
    check(links, &template, &["denied_link block"]);
}

#[test]
fn what_blocks_is_named_first_and_every_finding_is_kept() {
    let both = json!({
        "allow_destinations": {"prefixes": ["+1"], "action": "flag"},
        "links": {"deny": ["bit.ly"], "action": "block"},
    });
    check(
        both,
        &says("bit.ly"),
        &["denied_link block", "destination_not_allowed flag"],
    );
}

#[test]
fn a_fingerprint_is_that_of_the_content_and_of_nothing_else() {
    let content = |body: &str| json!({"type": "text", "text": {"body": body}});

    assert_eq!(fingerprint(&content("Hello")), fingerprint(&content("Hello")));
    assert_ne!(fingerprint(&content("Hello")), fingerprint(&content("Hello ")));
    let mut quoting = content("Hello");
    quoting["context"] = json!({"message_id": "wamid.A"});
    assert_eq!(fingerprint(&content("Hello")), fingerprint(&quoting));
}

#[test]
fn a_flag_lets_pass_and_a_block_does_not() {
    let mut facts = super::super::tests::template_message();
    let now = DateTime::UNIX_EPOCH;
    let finding = |action| Finding {
        check: "denied_link",
        action,
    };

    facts.policies.findings = vec![finding(Action::Flag)];
    assert_eq!(rule(&facts, now), None);
    facts.policies.findings.insert(0, finding(Action::Block));
    let blocked = Verdict::Drop {
        reason: Reason::FraudGuard,
    };
    assert_eq!(rule(&facts, now), Some(blocked));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Against a model that cuts a text into hosts first.
    #[test]
    fn a_domain_is_found_exactly_where_it_is_a_host_or_the_end_of_one(
        labels in proptest::collection::vec("[a-c]{1,2}", 1..4),
        before in proptest::sample::select(vec!["", "https://", "see ", "("]),
        after in proptest::sample::select(vec!["", "/x", ".", " b", ":1", ". b"]),
    ) {
        let host = labels.join(".");
        let text = format!("{before}{host}{after}");

        let is_meant = host == "b.a" || host.ends_with(".b.a");
        prop_assert_eq!(names(&text, "b.a"), is_meant, "{}", text);
    }
}
