//! One hostile request, and the judgement on its answer.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use testkit::stack::Stack;
use testkit::{Conformance, Operation, seed};

use super::bodies;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Things that are really there, so that some requests get past the door.
pub(super) struct Known {
    key: String,
    ids: Vec<String>,
}

impl Known {
    /// Makes a message, a broadcast and a scheduled one.
    pub(super) async fn learn(stack: &Stack) -> Self {
        let mut ids = vec![
            stack.tenant.phone_number_id.clone(),
            seed::recipient(1).replace('+', "%2B"),
        ];
        let hello = json!({"to": seed::recipient(1), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}});
        let (_, sent) = stack.post("/api/v1/messages/whatsapp", &hello).await.unwrap();
        let broadcast = json!({"recipients": [{"to": seed::recipient(2)}], "template_name": "hello"});
        let (_, all) = stack
            .post("/api/v1/messages/whatsapp/broadcast", &broadcast)
            .await
            .unwrap();
        for id in [
            &sent["data"]["message_id"],
            &all["data"]["broadcast_id"],
            &all["data"]["results"][0]["message_id"],
        ] {
            ids.push(id.as_str().unwrap().to_owned());
        }
        Self {
            key: stack.tenant.api_key.clone(),
            ids,
        }
    }
}

/// A client that follows nothing and adds nothing.
pub(super) fn client() -> Client {
    Client::builder()
        .no_proxy()
        // A connection of its own for each: the server closes one of which it did not read the whole body, maybe just when the next
        // request is on its way.
        .pool_max_idle_per_host(0)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A request before it is sent.
pub(super) struct Call {
    method: String,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
    /// The document refuses the body.
    wrong: Vec<String>,
}

impl Call {
    pub(super) fn make(
        conformance: &Conformance,
        operation: Operation<'_>,
        known: &Known,
        random: &mut StdRng,
    ) -> Self {
        let (body, json) = bodies::hostile(conformance, operation, random);
        let wrong = json
            .map(|json| conformance.of_body(operation, &json))
            .unwrap_or_default();
        let has_body = !operation.about["requestBody"].is_null() || random.random_bool(0.1);
        Self {
            method: operation.method.to_uppercase(),
            path: format!(
                "{}{}",
                path(operation, known, random),
                query(conformance, operation, random)
            ),
            headers: headers(operation, known, random),
            body: if has_body { body } else { Vec::new() },
            wrong: if has_body { wrong } else { Vec::new() },
        }
    }

    /// Sends it, and says what is wrong with the answer.
    pub(super) async fn judge(self, client: &Client, api: &str, conformance: &Conformance) -> Result<(), String> {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(300)]).into_owned();
        let asked = format!("{} {:.200} {shown}", self.method, self.path);
        let mut request = client.request(
            Method::from_bytes(self.method.as_bytes()).unwrap(),
            format!("{api}{}", self.path),
        );
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let answer = request
            .body(self.body)
            .send()
            .await
            .map_err(|error| format!("{asked}: no answer: {error:?}"))?;
        let (status, path) = (answer.status().as_u16(), answer.url().path().to_owned());
        let is_stream = answer
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if is_stream && status == 200 {
            return Ok(()); // taken, and without an end
        }
        let text = answer.text().await.map_err(|error| format!("{asked}: {error:?}"))?;
        if status >= 500 {
            return Err(format!("{asked}: {status} {text}"));
        }
        if path.starts_with("/webhooks/") {
            return Ok(()); // Meta reads no JSON
        }
        let answer: Value =
            serde_json::from_str(&text).map_err(|error| format!("{asked}: {status} {error}: {text}"))?;
        conformance
            .check(&self.method, &path, status, &answer)
            .map_err(|wrong| format!("{asked}: {wrong}"))?;
        if let Some(missing) = says_too_little(status, &answer) {
            return Err(format!("{asked}: {missing}: {status} {answer}"));
        }
        if status < 300 && !self.wrong.is_empty() {
            return Err(format!(
                "{asked}: taken, but the document refuses it: {}",
                self.wrong.join("; ")
            ));
        }
        Ok(())
    }
}

/// What a refusal lacks: a code always; and what is wrong with the input also by its field, or by the reason where a gate said no.
pub(super) fn says_too_little(status: u16, answer: &Value) -> Option<&'static str> {
    let error = &answer["error"];
    match status {
        400.. if !error["code"].is_string() => Some("no code"),
        // A field of ours, the reason of a gate, or the code with which Meta refused.
        400 | 413 | 415 | 422
            if ["field", "reason", "code"]
                .iter()
                .all(|what| !error["details"][what].is_string()) =>
        {
            Some("no field")
        }
        _ => None,
    }
}

fn path(operation: Operation<'_>, known: &Known, random: &mut StdRng) -> String {
    let mut path = String::new();
    for part in operation.path.split('/').skip(1) {
        path.push('/');
        if part.starts_with('{') {
            path.push_str(&parameter(known, random));
        } else {
            path.push_str(part);
        }
    }
    path
}

fn parameter(known: &Known, random: &mut StdRng) -> String {
    match random.random_range(0..10) {
        0..5 => known.ids.choose(random).unwrap().clone(),
        5 => "00000000-0000-0000-0000-000000000000".to_owned(),
        _ => hostile_text(random),
    }
}

/// Percent-encoded, as it stands in an address.
fn hostile_text(random: &mut StdRng) -> String {
    match random.random_range(0..8) {
        0 => "%00".to_owned(),
        1 => "%ff%fe".to_owned(),
        2 => "..%2F..%2Fetc".to_owned(),
        3 => "x".repeat(random.random_range(1..5_000)),
        4 => "%F0%9D%95%8F".to_owned(),
        5 => "1'%20OR%20'1'='1".to_owned(),
        6 => format!("{}", random.random::<i64>()),
        _ => "%2B16505550100".to_owned(),
    }
}

fn query(conformance: &Conformance, operation: Operation<'_>, random: &mut StdRng) -> String {
    let parameters = operation.about["parameters"].as_array().into_iter().flatten();
    let mut pairs = Vec::new();
    for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
        let chance = if parameter["required"] == true { 0.9 } else { 0.3 };
        if !random.random_bool(chance) {
            continue;
        }
        let value = if random.random_bool(0.5) {
            match bodies::made(&conformance.document, &parameter["schema"], 0, random) {
                Value::String(text) => text.replace('+', "%2B").replace(['#', '&', ' '], "_"),
                other => other.to_string(),
            }
        } else {
            hostile_text(random)
        };
        let name = parameter["name"].as_str().unwrap();
        pairs.push(format!("{name}={value}"));
        if random.random_ratio(1, 12) {
            pairs.push(format!("{name}={value}")); // twice
        }
    }
    if random.random_ratio(1, 10) {
        pairs.push(
            [
                "unknown=1",
                "=",
                "%zz=%zz",
                "a[]=1&a[]=2",
                "limit=-1&limit=99999999999999999999",
            ]
            .choose(random)
            .unwrap()
            .to_string(),
        );
    }
    if pairs.is_empty() {
        String::new()
    } else {
        format!("?{}", pairs.join("&"))
    }
}

fn headers(operation: Operation<'_>, known: &Known, random: &mut StdRng) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = Vec::new();
    match random.random_range(0..40) {
        0 => {}
        1 => headers.push(("x-api-key", b"tp_no_such".to_vec())),
        2 => headers.push(("authorization", b"Basic \xff\xfe".to_vec())),
        3 => headers.push(("authorization", format!("Bearer {}", known.key).into_bytes())),
        4 => headers.push(("x-api-key", "x".repeat(4_000).into_bytes())),
        _ => headers.push(("x-api-key", known.key.clone().into_bytes())),
    }
    let mime = operation.about["requestBody"]["content"]
        .as_object()
        .and_then(|content| content.keys().next());
    match (mime, random.random_range(0..20)) {
        (_, 0) => headers.push(("content-type", b"application/xml".to_vec())),
        (_, 1) => headers.push(("content-type", b"\xff/;;=".to_vec())),
        (_, 2) | (None, _) => {}
        (Some(mime), _) => headers.push(("content-type", mime.clone().into_bytes())),
    }
    if random.random_ratio(1, 8) {
        let keys: [&[u8]; 5] = [b"", b"key-1", b"\xc3\xa9", b" ", &[b'k'; 200]];
        headers.push(("idempotency-key", keys.choose(random).unwrap().to_vec()));
    }
    if random.random_ratio(1, 12) {
        let wishes = [
            "wait=-1",
            "wait=abc",
            "wait=0",
            "wait=99999999999999999999",
            "respond-async;;=,",
            "wait",
        ];
        headers.push(("prefer", wishes.choose(random).unwrap().as_bytes().to_vec()));
    }
    if random.random_ratio(1, 40) {
        headers.push(("content-encoding", b"gzip".to_vec()));
    }
    headers
}
