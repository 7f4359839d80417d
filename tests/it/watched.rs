//! A pipeline that can be watched: metrics, dashboard, alerts, traces, readiness, and logs that tell nothing of anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use runtime::Clock;
use runtime::telemetry::catalog::METRICS;
use serde_json::{Value, json};
use simulator::Inbound;
use testkit::proxy::{Arrivals, Faults, Proxy};
use testkit::seed;
use testkit::stack::{Plan, Stack};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::outside::Outside;

const PATIENCE: Duration = Duration::from_secs(40);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// A text that nobody says by chance.
const SAID: &str = "Verschwiegenheit-9b1f";

/// Status and body of a GET of the admin endpoint of a program, which says its address in the log.
async fn admin(stack: &Stack, program: usize, path: &str) -> (u16, String) {
    let lines = stack.programs[program].lines();
    let address = lines
        .iter()
        .find_map(|line| line.split_once("health and metrics are at http://"));
    let (_, address) = address.unwrap_or_else(|| panic!("an address in {lines:?}"));
    let address = address.split_whitespace().next().unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// Names of ours in a text: metrics, or what is made of them.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words
        .filter(|word| word.starts_with("turnpike_"))
        .map(str::to_owned)
        .collect()
}

fn deployed(path: &str) -> String {
    std::fs::read_to_string(testkit::checkout::root().join("deploy").join(path)).unwrap()
}

/// A pipeline with every role, whose customer has a webhook endpoint and whose operator has a collector.
async fn everything(customer: &Outside, collector: &Outside) -> Stack {
    let mut stack = Stack::prepare(Plan::default()).await.unwrap();
    stack.settings = stack
        .settings
        .clone()
        .with("TURNPIKE_OUTBOUND_ALLOW", "http, any-port, 127.0.0.1")
        .with("TURNPIKE_OTLP_URL", &collector.url)
        .with("TURNPIKE_LOG", "debug");
    for role in ["ingest", "scheduler", "receipts", "sender", "notifier"] {
        stack.start_role(role).await.unwrap();
    }
    let endpoint = json!({"url": format!("{}/hook", customer.url)});
    let (status, answer) = stack.post("/api/v1/webhook-endpoints", &endpoint).await.unwrap();
    assert_eq!(status, 201, "{answer}");
    stack
}

fn hello(n: usize) -> Value {
    json!({"to": seed::recipient(n), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_in_metrics_traces_and_webhooks_and_logs_give_nobody_away() {
    let _turn = testkit::shared();
    let (customer, collector) = (Outside::start().await, Outside::start().await);
    let stack = everything(&customer, &collector).await;

    // A reply and its answer, a broadcast, one for later, one that is refused, one in a trace.
    let person = seed::recipient(1);
    let inbound = Inbound::text(&stack.tenant.phone_number_id, &person, SAID);
    stack.meta.inbound(&inbound).unwrap();
    let reply = json!({"to": person, "type": "text", "text": {"body": SAID}});
    testkit::until(PATIENCE, "an open window", async || {
        let (status, _) = stack.post("/api/v1/messages/whatsapp", &reply).await.ok()?;
        (status == 202).then_some(())
    })
    .await;
    stack.broadcast(10, 20).await.unwrap();
    let mut later = hello(2);
    later["scheduled_at"] = json!((Clock::system().now() + TimeDelta::seconds(1)).to_rfc3339());
    assert_eq!(stack.post("/api/v1/messages/whatsapp", &later).await.unwrap().0, 202);
    let traced = traced(&stack, &hello(3)).await;
    stack.until_accepted(23, PATIENCE).await;

    // The webhook of the traced message's acceptance belongs to the trace.
    let webhook = testkit::until(PATIENCE, "a webhook of the traced message", async || {
        let calls = customer.calls();
        calls
            .into_iter()
            .find(|call| call.body["data"]["message_id"] == traced && call.body["type"] == "message.read")
    })
    .await;
    assert!(
        webhook.header("traceparent").is_some_and(|text| text.contains(TRACE)),
        "{webhook:?}"
    );
    assert!(
        webhook
            .header("webhook-signature")
            .is_some_and(|text| text.starts_with("v1,"))
    );
    spans(&collector).await;

    metrics(&stack).await;

    let logs = stack.logs();
    let key = &stack.tenant.api_key;
    let secret = testkit::database::secret_key();
    let person_digits = person.trim_start_matches('+');
    let words = [
        SAID,
        key,
        &secret,
        "test-token",
        "test-app-secret",
        "test-verify-token",
        "whsec_",
        person_digits,
        &stack.tenant.phone,
    ];
    for word in words {
        let line = logs.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "a log gives away {word}");
    }
    assert!(logs.contains(&traced), "logs carry ids");
}

/// Sends a message whose caller follows it; its id.
async fn traced(stack: &Stack, message: &Value) -> String {
    let address = stack.api.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.unwrap();
    let (body, key) = (message.to_string(), &stack.tenant.api_key);
    let request = format!(
        "POST /api/v1/messages/whatsapp HTTP/1.1\r\nhost: api\r\nconnection: close\r\nx-api-key: {key}\r\n\
         content-type: application/json\r\ntraceparent: 00-{TRACE}-b7ad6b7169203331-01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    answer["data"]["message_id"].as_str().unwrap().to_owned()
}

/// From the request to Meta and to the customer, each span belongs to the one before.
async fn spans(collector: &Outside) {
    let wanted = ["accept", "post to Meta", "webhook to a customer"];
    let found = testkit::until(PATIENCE, "spans of all roles", async || {
        let mut found: BTreeMap<String, Value> = BTreeMap::new();
        for call in collector.calls() {
            assert!(call.head.starts_with("POST /v1/traces "), "{}", call.head);
            let resource = &call.body["resourceSpans"][0];
            assert_eq!(resource["resource"]["attributes"][0]["key"], "service.name");
            for span in resource["scopeSpans"][0]["spans"].as_array().unwrap() {
                assert_eq!(span["traceId"], TRACE);
                found
                    .entry(span["name"].as_str().unwrap().to_owned())
                    .or_insert_with(|| span.clone());
            }
        }
        wanted.iter().all(|name| found.contains_key(*name)).then_some(found)
    })
    .await;
    assert_eq!(found["accept"]["parentSpanId"], "b7ad6b7169203331");
    for name in ["post to Meta", "webhook to a customer"] {
        assert_eq!(found[name]["parentSpanId"], found["accept"]["spanId"], "{name}");
    }
}

/// Everything that dashboard and alerts use is exported by some role, and nothing is exported that the catalog does not know.
async fn metrics(stack: &Stack) {
    let known: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let used: BTreeSet<String> = [
        deployed("grafana/turnpike.json"),
        deployed("prometheus/turnpike.rules.yaml"),
    ]
    .iter()
    .flat_map(|text| names(text))
    .collect();
    assert!(used.len() > 30, "{used:?}");
    let missing = testkit::until(PATIENCE, "every metric of dashboard and alerts", async || {
        let mut exported = BTreeSet::new();
        for program in 0..stack.programs.len() {
            let (status, text) = admin(stack, program, "/metrics").await;
            assert_eq!(status, 200);
            let series = text
                .lines()
                .filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()));
            exported.extend(series.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()));
        }
        let mut bases = BTreeSet::new();
        for series in &exported {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| series.strip_suffix(end));
            let name = base.filter(|base| known.contains(base)).unwrap_or(series);
            assert!(known.contains(name), "{series} is not in runtime::telemetry::catalog");
            bases.insert(name.to_owned());
        }
        exported.extend(bases);
        let missing: Vec<&String> = used.iter().filter(|name| !exported.contains(*name)).collect();
        if !missing.is_empty() {
            eprintln!("not exported yet: {missing:?}");
        }
        missing.is_empty().then_some(())
    });
    missing.await;
}

#[test]
fn the_alert_rules_are_valid_where_promtool_is_there_to_say_so() {
    let rules = testkit::checkout::root().join("deploy/prometheus/turnpike.rules.yaml");
    match std::process::Command::new("promtool")
        .args(["check", "rules"])
        .arg(&rules)
        .output()
    {
        Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout)),
        Err(error) => println!("promtool is not here, so the rules were only read as text: {error}"),
    }
    let text = deployed("prometheus/turnpike.rules.yaml");
    let alerts = text.matches("- alert: ").count();
    assert!(
        alerts > 10 && text.matches("action: ").count() == alerts,
        "every alert says what helps"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_the_truth_while_the_broker_is_away_and_http_goes_on() {
    let _turn = testkit::shared();
    let servers = tokio::task::spawn_blocking(testkit::servers::Servers::ensure)
        .await
        .unwrap()
        .unwrap();
    let (proxy, through) = Proxy::before(&servers.amqp_url).await.unwrap();
    let plan = Plan {
        amqp_url: Some(through),
        ..Plan::default()
    };
    let stack = Stack::start(plan, 1).await.unwrap();
    let ready = async |program: usize| admin(&stack, program, "/readyz").await;
    let (ingest, sender) = (0, 3);
    testkit::until(PATIENCE, "everything ready", async || {
        (ready(ingest).await.1.contains(r#""intake":{"up":true}"#) && ready(sender).await.0 == 200).then_some(())
    })
    .await;

    proxy
        .set(Faults {
            arrivals: Arrivals::Refused,
            ..Faults::default()
        })
        .await;
    proxy.cut();

    let (status, body) = testkit::until(PATIENCE, "ingest to notice", async || {
        let (status, body) = ready(ingest).await;
        body.contains(r#""intake":{"reason""#).then_some((status, body))
    })
    .await;
    assert_eq!(status, 200, "{body}");
    assert!(
        body.contains("HTTP goes on") && body.contains(r#""database":{"up":true}"#),
        "{body}"
    );
    assert_eq!(stack.post("/api/v1/messages/whatsapp", &hello(1)).await.unwrap().0, 202);
    testkit::until(PATIENCE, "a sender that is not ready", async || {
        (ready(sender).await.0 == 503).then_some(())
    })
    .await;

    proxy.heal().await;
    stack.until_accepted(1, PATIENCE).await;
}
