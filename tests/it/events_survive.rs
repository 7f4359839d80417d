//! Every event is told on both ways, whatever dies: the receiver of webhooks, the broker, the notifiers.
//!
//! A thousand messages here; `cargo xtask events` runs a hundred thousand and prints the figures.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use broker::{Address, Admin, Connection, Topology};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack::{Plan, Stack};

use crate::outside::Outside;

/// What a message climbs once Meta has it. A rung may be left out: statuses that come together are one change.
const LADDER: [&str; 4] = ["accepted", "sent", "delivered", "read"];

/// One thing that was told: its kind, and the message it is of.
type Said = (String, String);

/// What came, by number.
#[derive(Debug, Default)]
struct Heard {
    events: BTreeMap<i64, Said>,
    twice: usize,
    /// Events that came for the first time before one with a smaller number had come.
    overtook: usize,
}

impl Heard {
    fn add(&mut self, event: &Value) {
        let sequence = event["sequence"].as_i64().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let said = (text(&event["type"]), text(&event["data"]["message_id"]));
        let next = self.events.last_key_value().map_or(1, |(last, _)| last + 1);
        match self.events.insert(sequence, said.clone()) {
            None => self.overtook += usize::from(sequence > next),
            Some(before) => {
                assert_eq!(before, said, "event {sequence} was told in two ways");
                self.twice += 1;
            }
        }
    }

    /// All of 1 to `last`, and each message's story one that can be; `attempts` is how often the ledger claimed each message.
    fn check(&self, last: i64, attempts: &BTreeMap<String, usize>, way: &str) {
        let missing: Vec<i64> = (1..=last)
            .filter(|sequence| !self.events.contains_key(sequence))
            .take(10)
            .collect();
        assert!(
            missing.is_empty(),
            "{way}: events {missing:?} of {last} were never told"
        );
        let mut stories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (kind, message) in self.events.values() {
            if let Some(status) = kind.strip_prefix("message.") {
                stories.entry(message).or_default().push(status);
            }
        }
        assert_eq!(stories.len(), attempts.len(), "{way}: every message is told of");
        for (message, story) in stories {
            assert!(can_be(&story), "{way}: message {message} went {story:?}");
            let sendings = story.iter().filter(|status| **status == "sending").count();
            assert_eq!(
                Some(&sendings),
                attempts.get(message),
                "{way}: message {message} was claimed so often, and went {story:?}"
            );
        }
    }
}

/// Whether a message that Meta takes can have gone this way: it waits and is claimed, as often as the claim is given back; at most once
/// its outcome is not known; from then on it only climbs, up to the top.
///
/// A webhook may come before our own record of Meta's answer, so the first rung need not be `accepted`.
fn can_be(story: &[&str]) -> bool {
    let rung = |status: &str| LADDER.iter().position(|known| *known == status);
    let follows = |pair: &[&str]| match (pair[0], pair[1]) {
        ("pending", "sending") | ("sending", "pending" | "uncertain") => true,
        (before, after) => match (rung(before), rung(after)) {
            (None, Some(_)) => before != "pending",
            (Some(before), Some(after)) => before < after,
            _ => false,
        },
    };
    story.first() == Some(&"pending") && story.last() == Some(&"read") && story.windows(2).all(follows)
}

/// The order of deaths: each of the three as often as the others, and by chance.
fn deaths(rounds: usize, random: &mut StdRng) -> Vec<&'static str> {
    let mut all = Vec::new();
    while all.len() < rounds {
        let mut three = ["notifier", "broker", "receiver"];
        three.shuffle(random);
        all.extend(three);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_told_on_both_ways_whatever_dies() {
    let _turn = testkit::exclusive();
    let messages: usize = std::env::var("TURNPIKE_TEST_EVENTS").map_or(1_000, |count| count.parse().unwrap());
    let seed = std::env::var("TURNPIKE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("seed {seed}; TURNPIKE_TEST_SEED={seed} makes the same deaths");
    let mut random = StdRng::seed_from_u64(seed);
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

    // Something dies while messages come in, at a moment between two broadcasts, and as often as there is time for.
    let started = Instant::now();
    let mut died: BTreeMap<&str, usize> = BTreeMap::new();
    let rounds = (messages / 2_500).max(3);
    for (round, victim) in deaths(rounds, &mut random).into_iter().take(rounds).enumerate() {
        let (first, last) = (messages * round / rounds, messages * (round + 1) / rounds);
        until_caught_up(&stack, first.saturating_sub(messages / rounds)).await;
        let moment = random.random_range(first..last);
        stack.broadcast(first, moment - first).await.unwrap();
        *died.entry(victim).or_default() += 1;
        match victim {
            "notifier" => {
                // One of the two, which are the last that were started.
                let which = stack.programs.len() - random.random_range(1..=2);
                stack.programs.remove(which).kill();
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
        stack.broadcast(moment, last - moment).await.unwrap();
    }
    let patience = Duration::from_secs(120 + messages as u64 / 50);
    stack.until_accepted(i64::try_from(messages).unwrap(), patience).await;
    stack.meta.wait_for_webhooks(patience).await.unwrap();
    until_told(&stack, &receiver, patience).await;
    let took = started.elapsed();

    let last = counter(&stack, "last_sequence").await;
    let attempts = attempts(&stack).await;
    assert_eq!(attempts.len(), messages);
    let mut webhooks = Heard::default();
    receiver.calls().iter().for_each(|call| webhooks.add(&call.body));
    webhooks.check(last, &attempts, "webhooks");
    let mut exchange = Heard::default();
    let connection = Connection::open(&address, "survivors").await.unwrap();
    let mut subscription = connection.consume(&queue, 1_000).await.unwrap();
    while exchange.events.len() < usize::try_from(last).unwrap() {
        let next = tokio::time::timeout(Duration::from_secs(30), subscription.next()).await;
        let delivery = next.expect("the broker has every event").unwrap().unwrap();
        exchange.add(&serde_json::from_slice(&delivery.body).unwrap());
        delivery.ack().await.unwrap();
    }
    connection.close().await.unwrap();
    exchange.check(last, &attempts, "exchange");
    assert_eq!(exchange.overtook, 0, "whoever listens hears of everything in its order");
    assert_eq!(webhooks.events, exchange.events, "both ways say the same");
    let again: usize = attempts.values().map(|claims| claims - 1).sum();
    println!(
        "seed {seed}: messages {messages}, events {last}, deaths {died:?}, in {:.1} s; missing 0; told twice: webhooks {}, exchange {}; \
         out of a message's order 0, out of the exchange's order 0, webhooks that overtook others {}; claims given back {again}",
        took.as_secs_f64(),
        webhooks.twice,
        exchange.twice,
        webhooks.overtook,
    );
}

/// How often each message was claimed.
async fn attempts(stack: &Stack) -> BTreeMap<String, usize> {
    let rows = stack
        .database
        .store
        .raw("SELECT id, attempt FROM message")
        .await
        .unwrap();
    let claims = |row: &Value| usize::try_from(row["attempt"].as_i64().unwrap()).unwrap();
    rows.iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), claims(row)))
        .collect()
}

/// Waits until so many messages are with Meta, so that deaths find everything at work and not only at their beginning.
async fn until_caught_up(stack: &Stack, accepted: usize) {
    testkit::until(Duration::from_secs(120), "the pipeline to catch up", async || {
        hurry(stack).await?;
        let states = stack.states().await.ok()?;
        let so_many = states.get(&50).copied().unwrap_or_default();
        (so_many >= i64::try_from(accepted).unwrap()).then_some(())
    })
    .await;
}

/// What waits for its next attempt is tried at once: a day is long.
async fn hurry(stack: &Stack) -> Option<()> {
    let hurry = "UPDATE webhook_delivery SET wake_at = now() WHERE state = 1 AND wake_at > now();
                 UPDATE webhook_endpoint SET rests_until = '-infinity' WHERE rests_until > now()";
    stack.database.store.raw(hurry).await.ok().map(drop)
}

/// Waits until Meta's webhooks are applied, the broker has everything and every webhook is over, however long that takes, as long as it goes
/// on.
async fn until_told(stack: &Stack, receiver: &Outside, patience: Duration) {
    let (mut left, mut done) = (i64::MAX, -1);
    while left > 0 {
        (left, done) = testkit::until(patience, "one more event told", async || {
            let published = "SELECT sum(published_sequence)::bigint AS n FROM event_counter";
            let published = stack.database.store.raw(published).await.ok()?[0]["n"].as_i64()?;
            let now = published + i64::try_from(receiver.count()).unwrap();
            // One statement, so that nothing changes from one kind of waiting to the next between two looks.
            let behind = stack.database.store.backlogs().await.ok()??;
            let left = behind.inbox + behind.unnumbered + behind.untold + behind.unseen + behind.deliveries;
            if now == done && left > 0 {
                return hurry(stack).await.and(None);
            }
            Some((left, now))
        })
        .await;
    }
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

#[test]
fn stories_that_can_be_are_told_from_those_that_cannot() {
    for story in [
        "pending sending accepted sent delivered read",
        "pending sending pending sending accepted sent delivered read",
        "pending sending sent delivered read",
        "pending sending uncertain accepted read",
        "pending sending read",
    ] {
        assert!(can_be(&story.split(' ').collect::<Vec<_>>()), "{story}");
    }
    for story in [
        "",
        "sending accepted read",
        "pending accepted read",
        "pending pending sending read",
        "pending sending sending read",
        "pending sending accepted sending accepted read",
        "pending sending sent accepted read",
        "pending sending accepted delivered",
        "pending sending accepted pending sending read",
        "pending sending accepted read delivered read",
        "pending sending uncertain pending sending read",
        "pending sending accepted uncertain read",
        "pending sending failed read",
    ] {
        assert!(!can_be(&story.split(' ').collect::<Vec<_>>()), "{story}");
    }
}
