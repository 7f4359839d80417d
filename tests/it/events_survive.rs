//! Every event is told on both ways, whatever dies: the receiver of webhooks, the broker, the notifiers.
//!
//! A thousand messages here; `cargo xtask events` runs a hundred thousand and prints the figures.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use broker::{Address, Admin, Connection, Topology};
use serde_json::{Value, json};
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack::{Plan, Stack};

use crate::outside::Outside;

/// What a message climbs once Meta has it.
const LADDER: [&str; 4] = ["accepted", "sent", "delivered", "read"];
const SEED: u64 = 0x7e11;

/// What came in the order it came.
#[derive(Debug, Default)]
struct Heard {
    /// By number: the message and its status.
    events: BTreeMap<i64, (String, String)>,
    twice: usize,
}

impl Heard {
    fn add(&mut self, event: &Value) {
        let sequence = event["sequence"].as_i64().unwrap();
        let text = |field: &str| event["data"][field].as_str().unwrap_or_default().to_owned();
        let said = (text("message_id"), text("status"));
        if let Some(before) = self.events.insert(sequence, said.clone()) {
            assert_eq!(before, said, "event {sequence} was told in two ways");
            self.twice += 1;
        }
    }

    /// All of 1 to `last`, and each message up its ladder.
    fn check(&self, last: i64, way: &str) {
        let missing: Vec<i64> = (1..=last)
            .filter(|sequence| !self.events.contains_key(sequence))
            .take(10)
            .collect();
        assert!(
            missing.is_empty(),
            "{way}: events {missing:?} of {last} were never told"
        );
        let mut stories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (message, status) in self.events.values().filter(|(message, _)| !message.is_empty()) {
            stories.entry(message).or_default().push(status);
        }
        for (message, story) in stories {
            // A claim may be given back, so what comes before Meta has it may come again; from there on it only goes up.
            let rungs: Vec<_> = story
                .iter()
                .map(|status| LADDER.iter().position(|rung| rung == status))
                .collect();
            let goes_up = rungs.windows(2).all(|pair| pair[0].is_none() || pair[0] < pair[1]);
            let moves = story.windows(2).all(|pair| pair[0] != pair[1]);
            assert!(
                goes_up && moves && story.last() == Some(&"read"),
                "{way}: message {message} went {story:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_told_on_both_ways_whatever_dies() {
    let _turn = testkit::exclusive();
    let messages: usize = std::env::var("TURNPIKE_TEST_EVENTS").map_or(1_000, |count| count.parse().unwrap());
    let mut rabbit = spawn(|| PrivateRabbit::start("events-survive").unwrap()).await;
    let mut receiver = Outside::start().await;
    let plan = Plan {
        amqp_url: Some(rabbit.amqp_url.clone()),
        ..Plan::default()
    };
    let mut stack = Stack::prepare(plan).await.unwrap();
    stack.settings = stack
        .settings
        .clone()
        .with("TURNPIKE_OUTBOUND_ALLOW", "http, any-port, 127.0.0.1");
    stack.database.store.raw("TRUNCATE event").await.unwrap();
    for role in [
        "ingest",
        "scheduler",
        "receipts",
        "sender",
        "sender",
        "notifier",
        "notifier",
    ] {
        stack.start_role(role).await.unwrap();
    }
    let endpoint = json!({"url": format!("{}/hook", receiver.url), "concurrency": 50});
    assert_eq!(stack.post("/api/v1/webhook-endpoints", &endpoint).await.unwrap().0, 201);
    let topology = Topology::new(&stack.prefix);
    let address = Address::parse(&rabbit.amqp_url).unwrap();
    let queue = format!("{}.survivors", stack.prefix);
    let admin = Admin::open(&address).await.unwrap();
    admin.bind_queue(&queue, &topology.exchanges.events, "#").await.unwrap();
    admin.close().await.unwrap();

    // Something dies while messages come in, and as often as there is time for.
    let started = Instant::now();
    let mut random = SEED;
    let mut deaths: BTreeMap<&str, usize> = BTreeMap::new();
    let rounds = (messages / 2_500).max(3);
    for round in 0..rounds {
        let (first, last) = (messages * round / rounds, messages * (round + 1) / rounds);
        stack.broadcast(first, last - first).await.unwrap();
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let victim = match round {
            0 => "notifier",
            1 => "broker",
            2 => "receiver",
            _ => ["notifier", "receiver", "notifier", "receiver", "broker"][(random >> 33) as usize % 5],
        };
        *deaths.entry(victim).or_default() += 1;
        match victim {
            "notifier" => {
                stack.programs.pop().unwrap().kill();
                stack.start_role("notifier").await.unwrap();
            }
            "receiver" => receiver = receiver.killed_and_back().await,
            _ => {
                rabbit = spawn(move || {
                    rabbit
                        .kill()
                        .and_then(|()| rabbit.start_again())
                        .map(|()| rabbit)
                        .unwrap()
                })
                .await
            }
        }
    }
    let patience = Duration::from_secs(120 + messages as u64 / 50);
    stack.until_accepted(i64::try_from(messages).unwrap(), patience).await;
    stack.meta.wait_for_webhooks(patience).await.unwrap();
    until_told(&stack, patience).await;
    let took = started.elapsed();

    let last = counter(&stack, "last_sequence").await;
    let mut webhooks = Heard::default();
    receiver.calls().iter().for_each(|call| webhooks.add(&call.body));
    webhooks.check(last, "webhooks");
    let mut exchange = Heard::default();
    let connection = Connection::open(&address, "survivors").await.unwrap();
    let mut subscription = connection.consume(&queue, 1_000).await.unwrap();
    while exchange.events.len() < usize::try_from(last).unwrap() {
        let next = tokio::time::timeout(Duration::from_secs(30), subscription.next()).await;
        let delivery = next.expect("the broker has every event").unwrap().unwrap();
        exchange.add(&serde_json::from_slice(&delivery.body).unwrap());
        delivery.ack().await.unwrap();
    }
    exchange.check(last, "exchange");
    connection.close().await.unwrap();
    let told: BTreeSet<&String> = webhooks.events.values().map(|(message, _)| message).collect();
    let told = told.into_iter().filter(|message| !message.is_empty()).count();
    assert_eq!(told, messages, "every message was told of, up to read");
    println!(
        "messages {messages}, events {last}, deaths {deaths:?}, in {:.1} s; told twice: webhooks {}, exchange {}; missing 0, out of order 0",
        took.as_secs_f64(),
        webhooks.twice,
        exchange.twice
    );
}

/// Waits until the broker has everything and every webhook is over. What waits for its next attempt is tried at once: a day is long.
async fn until_told(stack: &Stack, patience: Duration) {
    testkit::until(patience, "every event told", async || {
        let hurry = "UPDATE webhook_delivery SET wake_at = now() WHERE state = 1 AND wake_at > now();
                     UPDATE webhook_endpoint SET rests_until = '-infinity' WHERE rests_until > now()";
        stack.database.store.raw(hurry).await.ok()?;
        let rows = "SELECT count(*) AS n FROM webhook_delivery WHERE state <> 3";
        let waiting = stack.database.store.raw(rows).await.ok()?[0]["n"].as_i64()?;
        let behind = stack.database.store.backlogs().await.ok()??;
        (waiting + behind.untold + behind.unnumbered + behind.unseen == 0).then_some(())
    })
    .await;
}

async fn counter(stack: &Stack, column: &str) -> i64 {
    let rows = stack
        .database
        .store
        .raw(&format!("SELECT {column} AS n FROM event_counter"))
        .await
        .unwrap();
    rows[0]["n"].as_i64().unwrap()
}

async fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}
