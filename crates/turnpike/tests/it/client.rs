//! `turnpike send` and its siblings against a scripted API: what they ask for, and what they make of the answer.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use crate::invocation::{Said, call, call_with_input};

/// One request as it came in.
struct Request {
    head: String,
    body: Value,
}

impl Request {
    fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
    }
}

/// Answers one connection after another with these, and returns what was asked.
fn api(answers: Vec<(u16, Value)>) -> (String, JoinHandle<Vec<Request>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let serve = |(status, body): (u16, Value)| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read(&mut stream);
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n");
            write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
            request
        };
        answers.into_iter().map(serve).collect()
    });
    (url, serving)
}

fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(bytes.drain(..end + 4).collect()).unwrap();
        }
        let mut some = [0; 4096];
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "the request ends early");
        bytes.extend_from_slice(&some[..count]);
    };
    let request = Request {
        head,
        body: Value::Null,
    };
    let length = request
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let missing = length - bytes.len();
    let mut rest = vec![0; missing];
    stream.read_exact(&mut rest).unwrap();
    bytes.extend(rest);
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Request { body, ..request }
}

/// Calls the executable once against an API that gives one answer.
fn ask(arguments: &[&str], status: u16, answer: Value) -> (Said, Request) {
    let (url, serving) = api(vec![(status, answer)]);
    let said = call(arguments, &[("TURNPIKE_URL", &url), ("TURNPIKE_API_KEY", "tp_key")]);
    let request = serving.join().unwrap().pop().unwrap();
    (said, request)
}

#[test]
fn a_message_is_posted_with_key_idempotency_and_wait() {
    let data = json!({"message_id": "0198", "status": "accepted", "to": "+14155550100", "scheduled_at": null});
    let arguments = ["send", "--to", "+14155550100", "--text", "hello", "--wait=5"];

    let (said, request) = ask(&arguments, 202, json!({"data": data, "meta": {"request_id": "r"}}));

    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(
        said.stdout,
        "message_id  0198\nstatus      accepted\nto          +14155550100\n"
    );
    assert_eq!(request.line(), "POST /api/v1/messages/whatsapp HTTP/1.1");
    assert_eq!(request.header("authorization"), Some("Bearer tp_key"));
    assert_eq!(request.header("prefer"), Some("wait=5"));
    assert!(request.header("idempotency-key").is_some_and(|key| key.len() == 36));
    assert_eq!(
        request.body,
        json!({"to": "+14155550100", "type": "text", "text": {"body": "hello"}})
    );
}

#[test]
fn a_refusal_shows_code_message_and_field_and_fails() {
    let details = json!({"field": "to", "value": "555", "expected": "a phone number"});
    let error =
        json!({"code": "INVALID_FIELD", "message": "to: expected a phone number", "status": 422, "details": details});

    let (said, _) = ask(
        &["send", "--to", "555", "--text", "hello"],
        422,
        json!({"error": error}),
    );

    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.stderr
            .starts_with("error: INVALID_FIELD (HTTP 422): to: expected a phone number\n"),
        "{said:?}"
    );
    assert!(said.stderr.contains("\n  field     to\n"), "{said:?}");
}

#[test]
fn json_is_passed_on_as_it_came() {
    let answer = json!({"data": {"message_id": "0198", "status": "sent"}, "meta": {"request_id": "r"}});

    let (said, request) = ask(&["status", "01 98/x", "--json"], 200, answer.clone());

    assert_eq!(serde_json::from_str::<Value>(&said.stdout).unwrap(), answer);
    assert_eq!(request.line(), "GET /api/v1/messages/01%2098%2Fx HTTP/1.1");
}

#[test]
fn the_window_is_asked_for_by_recipient_and_number() {
    let answer = json!({"data": {"within_window": false, "reason": "no_inbound_history"}});

    let (said, request) = ask(&["window", "--to", "+14155550100", "--from", "2000001"], 200, answer);

    let expected = "GET /api/v1/messages/whatsapp/window-status?to=%2B14155550100&from=2000001 HTTP/1.1";
    assert_eq!(request.line(), expected);
    assert_eq!(said.stdout, "within_window  no\nreason         no_inbound_history\n");
}

#[test]
fn a_story_is_told_in_the_order_in_which_things_happened() {
    let story = json!({"message_id": "0198", "status": "sent", "accepted": {"at": "T1"}, "next": {"what": "webhooks"},
        "rules": {"steps": [{"rule": "flow", "verdict": "pass"}]}, "attempts": [{"attempt": 1}], "waiting": null});

    let (said, request) = ask(&["explain", "0198"], 200, json!({"data": story}));

    assert_eq!(request.line(), "GET /api/v1/messages/0198/explain HTTP/1.1");
    let chapters: Vec<&str> = said
        .stdout
        .lines()
        .filter(|line| !line.contains(' ') && !line.is_empty())
        .collect();
    assert_eq!(chapters, ["accepted", "rules", "attempts", "next"], "{said:?}");
}

#[test]
fn limits_show_scopes_first_and_then_each_number() {
    let limits = json!({"numbers": [{"from": "+1", "throughput": 80}], "scopes": [{"scope": "waba:1", "limit": 250}]});

    let (said, request) = ask(&["limits"], 200, json!({"data": limits}));

    assert_eq!(request.line(), "GET /api/v1/limits HTTP/1.1");
    let (scopes, numbers) = said.stdout.split_once("\n\n").unwrap();
    assert!(scopes.contains("waba:1") && numbers.contains("throughput"), "{said:?}");
}

#[test]
fn a_list_of_people_is_passed_on_as_csv_and_a_broadcast_is_canceled_by_its_id() {
    let (url, serving) = api(vec![(200, json!({"data": {"new": 1}}))]);
    let import = ["suppress", "import", "-", "--dry-run", "--url", &url, "--key", "k"];
    let said = call_with_input(&import, &[], "+14155550100\n");
    let request = serving.join().unwrap().pop().unwrap();
    assert_eq!(said.stdout, "new  1\n", "{said:?}");
    assert_eq!(request.line(), "POST /api/v1/suppressions/import?dry_run=true HTTP/1.1");
    assert_eq!(request.header("content-type"), Some("text/csv"));

    let (_, request) = ask(&["suppress", "remove", "+14155550100"], 200, json!({"data": {}}));
    assert_eq!(request.line(), "DELETE /api/v1/suppressions/+14155550100 HTTP/1.1");
    let (_, request) = ask(&["flow", "cancel", "0198"], 200, json!({"data": {}}));
    assert_eq!(request.line(), "POST /api/v1/broadcasts/0198/cancel HTTP/1.1");
    let (_, request) = ask(
        &["number", "pause", "2000001", "--until", "+2h"],
        200,
        json!({"data": {}}),
    );
    assert_eq!(request.line(), "POST /api/v1/numbers/2000001/pause HTTP/1.1");
    assert!(request.body["until"].is_string() && request.body["reason"].is_null());
}

#[test]
fn too_late_to_cancel_is_a_failure_that_says_when() {
    let details = json!({"handed_over_at": "2026-01-01T00:00:00Z"});
    let error = json!({"code": "TOO_LATE", "message": "it was handed over", "details": details});

    let (said, request) = ask(&["cancel", "0198"], 409, json!({"error": error}));

    assert_eq!(request.line(), "POST /api/v1/messages/0198/cancel HTTP/1.1");
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("handed_over_at  2026-01-01T00:00:00Z"), "{said:?}");
}

#[test]
fn more_recipients_than_one_broadcast_takes_become_several() {
    let lines: String = (0..300).map(|n| format!("+1415555{n:04},Name {n}\n")).collect();
    let done = |total: u64, failed: u64| {
        let summary = json!({"total": total, "accepted": total - failed, "scheduled": 0, "failed": failed});
        json!({"data": {"broadcast_id": format!("b{total}"), "summary": summary, "results": []}})
    };
    let (url, serving) = api(vec![(200, done(256, 0)), (207, done(44, 1))]);

    let said = call_with_input(
        &[
            "broadcast",
            "--template",
            "sale",
            "--to-file",
            "-",
            "--idempotency-key",
            "k",
            "--url",
            &url,
            "--key",
            "tp_key",
        ],
        &[],
        &lines,
    );
    let requests = serving.join().unwrap();

    assert_eq!(said.code, Some(1), "one recipient failed: {said:?}");
    assert!(said.stdout.contains("b256") && said.stdout.contains("b44"), "{said:?}");
    let counts: Vec<_> = requests
        .iter()
        .map(|request| request.body["recipients"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [256, 44]);
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap())
        .collect();
    assert_eq!(keys, ["k", "k.1"]);
    assert_eq!(
        requests[0].body["recipients"][1],
        json!({"to": "+14155550001", "template_params": ["Name 1"]})
    );
    assert_eq!(requests[0].body["template_language"], "en_US");
}

#[test]
fn without_an_api_the_next_step_is_told() {
    let said = call(
        &["status", "0198", "--url", "http://127.0.0.1:1", "--key", "tp_key"],
        &[],
    );

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr
            .contains("is `turnpike ingest` or `turnpike run` listening there?"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_lost_answer_to_a_send_names_the_key_that_makes_it_safe_to_repeat() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let silent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read(&mut stream);
    });

    let said = call(
        &[
            "send",
            "--to",
            "+1",
            "--text",
            "a",
            "--url",
            &url,
            "--key",
            "k",
            "--idempotency-key",
            "again",
        ],
        &[],
    );
    silent.join().unwrap();

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("--idempotency-key again"), "{}", said.stderr);
}

#[test]
fn something_else_at_that_address_is_recognized() {
    let (said, _) = ask(&["status", "0198"], 200, json!("a web page"));

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("not Turnpike's API"), "{}", said.stderr);
}

#[test]
fn a_balance_is_shown_and_topped_up_once_per_key() {
    let balance = json!({"data": {"currency": "EUR", "available": "12.50", "reserved": "0.10", "spent": "7.40", "topped_up": "20.00"}});

    let (said, shown) = ask(&["balance"], 200, balance.clone());
    let (_, topped_up) = ask(
        &["balance", "--top-up", "250.00", "--idempotency-key", "invoice-1"],
        200,
        balance.clone(),
    );
    let (_, taken_back) = ask(&["balance", "--top-up", "-50.00"], 200, balance);

    assert_eq!(shown.line(), "GET /api/v1/balance HTTP/1.1");
    assert!(said.stdout.contains("available  12.50\n"), "{said:?}");
    assert_eq!(topped_up.line(), "POST /api/v1/balance/top-up HTTP/1.1");
    assert_eq!(topped_up.header("idempotency-key"), Some("invoice-1"));
    assert_eq!(topped_up.body, json!({"amount": "250.00"}));
    assert!(taken_back.header("idempotency-key").is_some_and(|key| key.len() == 36));
    assert_eq!(taken_back.body, json!({"amount": "-50.00"}));
}
