//! `cargo xtask demo --types`: one message of every type and component, from the request to the read receipt; then one of every type that
//! people send, from the webhook to the API.
//!
//! The requests and the stored templates are the golden files of `tests/types`, so what is shown is what is compared there byte by byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use simulator::Inbound;
use testkit::checkout;
use testkit::seed::{self, Choice};
use testkit::stack::{Plan, Stack};

const MESSAGES: &str = "/api/v1/messages/whatsapp";
/// Everything is sent and read well before this.
const PATIENCE: Duration = Duration::from_secs(90);

/// One message, and how far it came.
struct Shown {
    name: String,
    kind: String,
    id: String,
    message: Value,
}

/// Shows every type. True when each came as far as it can.
pub(super) async fn show() -> Result<bool> {
    let (given, heard) = (golden("sent", "given.json")?, heard()?);
    let templates = templates(&given)?;
    let meta = json!({
        "latency": {"min_ms": 5, "max_ms": 20},
        "templates": templates.iter().map(simulated).collect::<Vec<_>>(),
    });
    let plan = Plan {
        tenant: Choice::default(),
        templates,
        simulator: Some(meta),
        ..Plan::default()
    };
    let stack = Stack::start(plan, 1).await?;
    eprintln!(
        "{} requests and {} webhooks, one for each type and component",
        given.len(),
        heard.len()
    );

    let people = open_windows(&stack, given.len()).await?;
    let mut shown = Vec::new();
    for (n, (name, body)) in given.iter().enumerate() {
        let mut body = body.clone();
        body["to"] = json!(people[n]);
        let (status, answer) = stack.post(MESSAGES, &body).await?;
        ensure!(status == 202, "{name} was answered with {status}: {answer}");
        shown.push(Shown {
            name: name.clone(),
            kind: body["type"].as_str().unwrap_or_default().to_owned(),
            id: answer["data"]["message_id"].as_str().unwrap_or_default().to_owned(),
            message: Value::Null,
        });
    }
    settle(&stack, &mut shown).await?;
    println!("{}", sent(&shown));
    let received = receive(&stack, &heard).await?;
    println!("{}", table_of_received(&received));
    let report = stack
        .meta
        .wait_for_webhooks(PATIENCE)
        .await
        .context("the last webhooks")?;
    let done = shown.iter().filter(|shown| shown.is_done()).count();
    println!(
        "{done} of {} types arrived and were read, {} of {} types of inbound messages came in; Meta's stand-in accepted {}, refused {}, {} violations",
        shown.len(),
        received.len(),
        heard.len(),
        report.accepted,
        report.refused_total(),
        report.violations.counts.values().sum::<u64>(),
    );
    Ok(done == shown.len() && received.len() == heard.len() && report.ok)
}

impl Shown {
    fn at(&self, what: &str) -> Option<&str> {
        self.message["timestamps"][what].as_str()
    }

    /// As far as it can come: Meta reports no more than `sent` of a reaction.
    fn is_done(&self) -> bool {
        match self.kind.as_str() {
            "reaction" => self.at("sent_at").is_some(),
            _ => self.at("delivered_at").is_some() && self.at("read_at").is_some(),
        }
    }
}

/// Golden files by name, but for what the stand-in cannot know because it is newer than both.
fn golden(side: &str, file: &str) -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder(side))? {
        let folder = entry?.path();
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !name.ends_with("raw") {
            all.insert(name, read(&folder.join(file))?);
        }
    }
    Ok(all)
}

/// What people send, one of each type: the element of each webhook.
fn heard() -> Result<BTreeMap<String, Value>> {
    let deliveries = golden("received", "webhook.json")?;
    let element = |mut delivery: Value| {
        delivery
            .pointer_mut("/entry/0/changes/0/value/messages/0")
            .map(Value::take)
    };
    Ok(deliveries
        .into_iter()
        .filter_map(|(name, delivery)| Some((name, element(delivery)?)))
        .collect())
}

fn folder(side: &str) -> PathBuf {
    checkout::root().join("tests/types/golden").join(side)
}

fn read(path: &std::path::Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

/// The templates that the requests name, as they are declared.
fn templates(given: &BTreeMap<String, Value>) -> Result<Vec<Value>> {
    let mut templates = Vec::new();
    for (name, body) in given.iter().filter(|(_, body)| body["type"] == "template") {
        let components = read(&folder("sent").join(name).join("stored.json"))?;
        let category = match name.as_str() {
            "marketing_messages" | "template.limited_time_offer" => "MARKETING",
            "template.authentication" => "AUTHENTICATION",
            _ => "UTILITY",
        };
        let named = components.to_string().contains("{{first_name}}");
        templates.push(json!({
            "name": body["template"]["name"], "language": "en_US", "category": category, "components": components,
            "parameter_format": if named { "NAMED" } else { "POSITIONAL" },
        }));
    }
    Ok(templates)
}

/// A declared template as the stand-in knows it.
fn simulated(declared: &Value) -> Value {
    let mut template = declared.clone();
    if let Some(fields) = template.as_object_mut() {
        fields.remove("parameter_format");
    }
    template
}

/// A person for each message; all of them write first.
async fn open_windows(stack: &Stack, count: usize) -> Result<Vec<String>> {
    let people: Vec<String> = (0..count).map(|n| seed::recipient(20_000 + n)).collect();
    for person in &people {
        stack
            .meta
            .inbound(&Inbound::text(&stack.tenant.phone_number_id, person, "Hello"))?;
    }
    testkit::until(PATIENCE, "every window to be open", async || {
        let rows = stack.database.store.raw(include_str!("../../sql/open_windows.sql"));
        (rows.await.ok()?[0]["n"].as_i64()? >= count as i64).then_some(())
    })
    .await;
    Ok(people)
}

/// Waits until each came as far as it can.
async fn settle(stack: &Stack, shown: &mut [Shown]) -> Result<()> {
    let began = std::time::Instant::now();
    loop {
        for shown in shown.iter_mut().filter(|shown| !shown.is_done()) {
            let (_, answer) = stack.get(&format!("/api/v1/messages/{}", shown.id)).await?;
            shown.message = answer["data"].clone();
            ensure!(
                shown.message["status"] != "failed",
                "{} failed: {}",
                shown.name,
                shown.message["error"]
            );
        }
        if shown.iter().all(Shown::is_done) || began.elapsed() > PATIENCE {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn sent(shown: &[Shown]) -> String {
    let mut table = format!(
        "\n{:<42} {:<12} {:<10} {:<13} {:<13} {:<13}\n",
        "sent", "type", "status", "sent at", "delivered at", "read at"
    );
    for shown in shown {
        let time = |what| shown.at(what).and_then(|at| at.get(11..23)).unwrap_or("-");
        let status = shown.message["status"].as_str().unwrap_or("?");
        writeln!(
            table,
            "{:<42} {:<12} {status:<10} {:<13} {:<13} {:<13}",
            shown.name,
            shown.kind,
            time("sent_at"),
            time("delivered_at"),
            time("read_at")
        )
        .expect("writing to a text");
    }
    table
}

/// Has a person send each type, and reads what the API tells of them.
async fn receive(stack: &Stack, heard: &BTreeMap<String, Value>) -> Result<Vec<(String, Value)>> {
    let mut wamids = BTreeMap::new();
    for (name, element) in heard {
        let mut inbound = element.clone();
        for envelope in ["id", "timestamp", "from_user_id"] {
            inbound.as_object_mut().context("an object")?.remove(envelope);
        }
        inbound["phone_number_id"] = json!(stack.tenant.phone_number_id);
        inbound["from"] = json!(seed::recipient(30_000));
        inbound["hide_number"] = json!(name == "text.user_id");
        let inbound: Inbound = serde_json::from_value(inbound).with_context(|| format!("reading {name}"))?;
        wamids.insert(stack.meta.inbound(&inbound)?.to_string(), name.clone());
    }
    let found = testkit::until(PATIENCE, "every inbound message to be there", async || {
        let (_, answer) = stack.get("/api/v1/inbound?limit=100").await.ok()?;
        let rows = answer["data"].as_array()?.clone();
        let found: Vec<(String, Value)> = rows
            .into_iter()
            .filter_map(|row| Some((wamids.get(row["wamid"].as_str()?)?.clone(), row)))
            .collect();
        (found.len() == wamids.len()).then_some(found)
    })
    .await;
    // The newest is answered with blue ticks and "is typing…".
    let id = found[0].1["id"].as_str().context("an id")?;
    let (status, answer) = stack
        .post(&format!("/api/v1/messages/{id}/read"), &json!({"typing": true}))
        .await?;
    ensure!(
        status == 200,
        "the mark of reading was answered with {status}: {answer}"
    );
    let mut found = found;
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

fn table_of_received(received: &[(String, Value)]) -> String {
    let mut table = format!("{:<42} {:<12} {:<40} {}\n", "received", "type", "text", "answer tapped");
    for (name, row) in received {
        let text: String = row["text"].as_str().unwrap_or("-").chars().take(40).collect();
        let tapped = match &row["reply"] {
            Value::Null => "-".to_owned(),
            reply => format!("{}", reply["id"]),
        };
        writeln!(
            table,
            "{name:<42} {:<12} {text:<40} {tapped}",
            row["type"].as_str().unwrap_or("?")
        )
        .expect("writing to a text");
    }
    table
}
