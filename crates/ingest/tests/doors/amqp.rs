//! The AMQP door: the same answers as over HTTP, and nothing lost of what cannot be used.

use std::collections::BTreeMap;

use broker::{Connection, Delivery, Outgoing, Subscription, key};
use serde_json::{Value, json};
use testkit::until;

use crate::rig::{BROADCAST, MESSAGES, Rig, SOON, hello, hello_all, person, text};

/// Another system with a queue for answers.
struct Neighbour<'a> {
    rig: &'a Rig,
    connection: Connection,
    answers: Subscription,
    queue: String,
}

impl<'a> Neighbour<'a> {
    async fn of(rig: &'a Rig) -> Self {
        let connection = Connection::open(&rig.address, "neighbour").await.unwrap();
        // Any queue will do; this prefix's topology has one that nobody else of the test uses.
        let topology = broker::Topology::new(&format!("{}-answers", rig.topology.prefix()));
        connection.declare(&topology).await.unwrap();
        let queue = topology.queues.dead.clone();
        let answers = connection.consume(&queue, 100).await.unwrap();
        Self {
            rig,
            connection,
            answers,
            queue,
        }
    }

    fn message(&self, routing_key: &str, id: &str, body: &[u8]) -> Outgoing {
        Outgoing {
            reply_to: Some(self.queue.clone()),
            correlation_id: Some(format!("about {id}")),
            headers: BTreeMap::from([("x-api-key".to_owned(), self.rig.tenant.api_key.clone())]),
            ..Outgoing::new(&self.rig.topology.exchanges.intake, routing_key, id, body)
        }
    }

    async fn publish(&self, message: Outgoing) {
        let published = self.rig.publisher.publish(vec![message]).await;
        assert!(published[0].is_confirmed(), "{published:?}");
    }

    /// The next answer: its correlation id, status and body.
    async fn answer(&mut self) -> (String, u64, Value) {
        let delivery = next(&mut self.answers).await;
        let answer: Value = serde_json::from_slice(&delivery.body).unwrap();
        let correlation_id = delivery.properties.correlation_id.clone().unwrap();
        assert_eq!(delivery.properties.headers["status"], answer["status"].to_string());
        delivery.ack().await.unwrap();
        (
            correlation_id,
            answer["status"].as_u64().unwrap(),
            answer["body"].clone(),
        )
    }

    async fn ask(&mut self, routing_key: &str, id: &str, body: &Value) -> (u64, Value) {
        self.publish(self.message(routing_key, id, body.to_string().as_bytes()))
            .await;
        let (correlation_id, status, body) = self.answer().await;
        assert_eq!(correlation_id, format!("about {id}"));
        (status, body)
    }

    async fn finish(self) {
        self.connection.close().await.unwrap();
        let topology = broker::Topology::new(&format!("{}-answers", self.rig.topology.prefix()));
        self.rig.admin.delete(&topology).await.unwrap();
    }
}

async fn next(subscription: &mut Subscription) -> Delivery {
    let next = tokio::time::timeout(SOON, subscription.next())
        .await
        .expect("a delivery comes soon");
    next.unwrap().unwrap()
}

/// The next message among the rejected ones.
async fn rejected(rig: &Rig) -> Delivery {
    let connection = Connection::open(&rig.address, "test").await.unwrap();
    let mut subscription = connection.consume(&rig.topology.queues.rejected, 1).await.unwrap();
    let delivery = next(&mut subscription).await;
    let copy = format!("{delivery:?}");
    assert!(!copy.contains(&rig.tenant.api_key), "a key among the rejected: {copy}");
    delivery
}

/// What two answers to different requests may differ in.
fn without_ids(mut body: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["message_id", "broadcast_id", "created_at", "taken_at", "meta"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut body);
    body
}

#[tokio::test]
async fn the_same_inputs_get_the_same_answers_at_both_doors() {
    let rig = Rig::start().await;
    let mut neighbour = Neighbour::of(&rig).await;
    let mut bad_row = hello_all(0, 2);
    bad_row["recipients"][1]["to"] = json!("5");
    let mut no_such = hello_all(0, 2);
    no_such["template_name"] = json!("no_such");
    let fallback = |name: &str| {
        let mut body = text(&person(1));
        body["fallback_template"] = json!({"name": name, "language": {"code": "en_US"}});
        body
    };
    let inputs = [
        (key::MESSAGE, MESSAGES, fallback("hello")),
        (key::MESSAGE, MESSAGES, fallback("in_review")),
        (key::MESSAGE, MESSAGES, hello(&person(1))),
        (key::MESSAGE, MESSAGES, text(&person(1))),
        (key::MESSAGE, MESSAGES, hello("15550001111")),
        (
            key::MESSAGE,
            MESSAGES,
            json!({"to": person(1), "body": "x".repeat(4097)}),
        ),
        (
            key::MESSAGE,
            MESSAGES,
            json!({"to": person(1), "from": "999", "body": "x"}),
        ),
        (key::BROADCAST, BROADCAST, hello_all(0, 5)),
        (key::BROADCAST, BROADCAST, hello_all(0, 257)),
        (key::BROADCAST, BROADCAST, bad_row),
        (key::BROADCAST, BROADCAST, no_such),
    ];

    for (n, (routing_key, path, body)) in inputs.iter().enumerate() {
        let over_http = rig.post(path, body).await;
        let (status, over_amqp) = neighbour.ask(routing_key, &format!("m{n}"), body).await;

        assert_eq!(u64::from(over_http.status), status, "{body}");
        assert_eq!(without_ids(over_http.body), without_ids(over_amqp), "{body}");
    }
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn the_message_id_is_the_idempotency_key_at_both_doors() {
    let rig = Rig::start().await;
    let mut neighbour = Neighbour::of(&rig).await;

    let (status, first) = neighbour.ask(key::MESSAGE, "order-1", &hello(&person(1))).await;
    let (_, again) = neighbour.ask(key::MESSAGE, "order-1", &hello(&person(1))).await;
    let over_http = rig
        .request("POST", MESSAGES)
        .header("idempotency-key", "order-1")
        .json(&hello(&person(1)))
        .send()
        .await;
    let (conflict, _) = neighbour.ask(key::MESSAGE, "order-1", &hello(&person(2))).await;

    assert_eq!((status, conflict), (202, 409));
    assert_eq!(first["data"], again["data"]);
    assert_eq!(over_http.data(202), first["data"]);
    assert_eq!(rig.count("message").await, 1);
    // A request that can never be kept is not thrown away either.
    assert_eq!(
        rejected(&rig).await.properties.headers["x-error-code"],
        "IDEMPOTENCY_CONFLICT"
    );
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn the_user_that_the_broker_checked_says_whose_message_it_is() {
    let rig = Rig::start().await;
    let user = rig
        .database
        .amqp_url
        .split("://")
        .nth(1)
        .unwrap()
        .split(':')
        .next()
        .unwrap()
        .to_owned();
    rig.sql(&format!("UPDATE organization SET amqp_user = '{user}'")).await;
    let mut neighbour = Neighbour::of(&rig).await;
    let message = Outgoing {
        headers: BTreeMap::new(),
        user_id: Some(user),
        ..neighbour.message(key::MESSAGE, "m1", hello(&person(1)).to_string().as_bytes())
    };

    neighbour.publish(message).await;

    assert_eq!(neighbour.answer().await.1, 202);
    assert_eq!(rig.count("message").await, 1);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_set_aside_untouched_with_the_reason() {
    let rig = Rig::start().await;
    let neighbour = Neighbour::of(&rig).await;
    let usable = hello(&person(1)).to_string().into_bytes();
    let check = async |message: Outgoing, code: &str| {
        let body = message.body.clone();
        neighbour.publish(message).await;
        let set_aside = rejected(&rig).await;
        assert_eq!(set_aside.properties.headers["x-error-code"], code);
        assert!(!set_aside.properties.headers["x-error"].is_empty());
        assert_eq!(set_aside.body, body);
        set_aside.ack().await.unwrap();
    };

    let nobody = Outgoing {
        headers: BTreeMap::new(),
        ..neighbour.message(key::MESSAGE, "m1", &usable)
    };
    check(nobody, "UNAUTHORIZED").await;
    let wrong_key = neighbour
        .message(key::MESSAGE, "m2", &usable)
        .header("x-api-key", "hunter2");
    check(wrong_key, "INVALID_API_KEY").await;
    check(neighbour.message(key::MESSAGE, "m3", b"\xff{"), "INVALID_JSON").await;
    check(neighbour.message(key::MESSAGE, "m4", b"{}"), "VALIDATION_ERROR").await;
    check(
        neighbour.message(key::MESSAGE, "m5", &vec![b'x'; 2 << 20]),
        "PAYLOAD_TOO_LARGE",
    )
    .await;
    let no_sender = json!({"to": person(1), "from": "999", "body": "x"}).to_string();
    check(
        neighbour.message(key::MESSAGE, "m6", no_sender.as_bytes()),
        "SENDER_NOT_FOUND",
    )
    .await;
    let past_the_exchange = Outgoing {
        exchange: String::new(),
        routing_key: rig.topology.queues.intake.clone(),
        ..neighbour.message(key::MESSAGE, "m7", &usable)
    };
    check(past_the_exchange, "VALIDATION_ERROR").await;

    assert_eq!(rig.count("message").await, 0);
    let depth = rig
        .admin
        .queue_depth(&rig.topology.queues.intake)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(depth.ready, 0);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn a_thousand_messages_are_taken_in_each_once_with_bad_ones_among_them() {
    let rig = Rig::start().await;
    let neighbour = Neighbour::of(&rig).await;
    let batch: Vec<Outgoing> = (0..1000)
        .map(|n| {
            let body = if n % 10 == 0 { text("5") } else { hello(&person(n)) };
            let message = neighbour.message(key::MESSAGE, &format!("m{n}"), body.to_string().as_bytes());
            Outgoing {
                reply_to: None,
                ..message
            }
        })
        .collect();

    let published = rig.publisher.publish(batch).await;

    assert!(published.iter().all(|message| message.is_confirmed()));
    until(SOON, "900 rows and 100 rejected messages", async || {
        let rejected = rig
            .admin
            .queue_depth(&rig.topology.queues.rejected)
            .await
            .unwrap()?
            .ready;
        (rig.count("message").await == 900 && rejected == 100).then_some(())
    })
    .await;
    assert_eq!(rig.count("(SELECT DISTINCT recipient FROM message) q").await, 900);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn an_answer_never_goes_into_a_queue_of_ours() {
    let rig = Rig::start().await;
    let neighbour = Neighbour::of(&rig).await;
    let body = hello(&person(1)).to_string();
    let message = Outgoing {
        reply_to: Some(rig.topology.queues.rt.clone()),
        ..neighbour.message(key::MESSAGE, "m1", body.as_bytes())
    };

    neighbour.publish(message).await;

    // The job for the row is the only thing there.
    assert_eq!(rig.rung(&rig.topology.queues.rt, 1).await.len(), 1);
    let depth = rig.admin.queue_depth(&rig.topology.queues.rt).await.unwrap().unwrap();
    assert_eq!(depth.ready, 0);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn while_the_ledger_is_away_messages_are_held_and_then_kept_once() {
    let rig = Rig::start().await;
    let neighbour = Neighbour::of(&rig).await;
    // As an operator would close the database: nobody may connect, and whoever is connected is thrown out.
    let name = rig
        .database
        .url
        .rsplit('/')
        .next()
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    let base = testkit::servers::Servers::ensure().unwrap().database_url;
    let operator = testkit::database::store(&base, 1);
    operator
        .raw(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        .await
        .unwrap();
    operator
        .raw(&format!(
            "SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await
        .unwrap();

    for n in 0..20 {
        let body = hello(&person(n)).to_string();
        neighbour
            .publish(neighbour.message(key::MESSAGE, &format!("m{n}"), body.as_bytes()))
            .await;
    }
    let refused = rig.post(MESSAGES, &hello(&person(50))).await;
    assert_eq!(refused.headers["retry-after"], "1");
    refused.error(503, "UNAVAILABLE");
    operator
        .raw(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
        .await
        .unwrap();

    until(SOON, "all 20 rows", async || {
        let rows = rig.database.store.raw("SELECT count(*) AS n FROM message").await.ok()?;
        (rows[0]["n"] == 20).then_some(())
    })
    .await;
    let depth = rig
        .admin
        .queue_depth(&rig.topology.queues.rejected)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(depth.ready, 0);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn a_key_that_is_bound_to_addresses_is_refused_as_a_broker_does_not_tell_them() {
    let rig = Rig::start().await;
    let mut neighbour = Neighbour::of(&rig).await;
    rig.sql("UPDATE api_key SET allowed_from = '{0.0.0.0/0}'").await;

    let (status, body) = neighbour.ask(key::MESSAGE, "m1", &hello(&person(1))).await;

    assert_eq!((status, &body["error"]["code"]), (403, &json!("ADDRESS_NOT_ALLOWED")));
    assert_eq!(rig.count("message").await, 0);
    neighbour.finish().await;
    rig.finish().await;
}

#[tokio::test]
async fn a_message_that_breaks_the_messaging_limit_gets_the_same_answer_at_both_doors() {
    let rig = Rig::with(testkit::seed::Choice {
        tier: "TIER_250",
        ..testkit::seed::Choice::default()
    })
    .await;
    let mut neighbour = Neighbour::of(&rig).await;
    let scope = rig.tenant.scope;
    rig.sql(&format!(
        "INSERT INTO limit_member SELECT {scope}, '+1555' || lpad(i::text, 7, '0'), now(), now() + interval '1 hour', 1 FROM generate_series(1, 250) i;
         UPDATE limit_scope SET members = 250 WHERE id = {scope}"
    ))
    .await;

    let over_http = rig.post(MESSAGES, &hello(&person(1))).await;
    let (status, over_amqp) = neighbour.ask(key::MESSAGE, "m1", &hello(&person(1))).await;

    assert_eq!((over_http.status, status), (429, 429));
    assert_eq!(without_ids(over_http.body), without_ids(over_amqp));
    assert_eq!(rig.count("message WHERE state = 60 AND reason = 'tier_limit'").await, 2);
    neighbour.finish().await;
    rig.finish().await;
}
