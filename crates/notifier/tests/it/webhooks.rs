//! Webhooks: who gets which, signed how, how often, and what stops them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use chrono::TimeDelta;
use domain::EndpointId;
use domain::webhook::Secret;
use notifier::{Courier, CourierOptions, deliver};
use outbound::{Client, ClientConfig};
use runtime::health::Health;
use runtime::{Clock, Drained, Shutdown};
use serde_json::{Value, json};
use store::webhooks::{DeliveryState, NewEndpoint, Outcome, Parcel, Stretch};
use testkit::{database, hostile, until};
use tokio::time::timeout;
use uuid::Uuid;

use crate::listener::Listener;
use crate::receiver::Receiver;
use crate::world::{SOON, World};

/// Couriers that run until they are stopped.
pub(crate) struct Couriers(Vec<Shutdown>);

impl Couriers {
    pub(crate) fn start(world: &World, count: usize) -> Self {
        Self::with_policy(world, count, "http, any-port, 127.0.0.1")
    }

    fn with_policy(world: &World, count: usize, policy: &str) -> Self {
        let start = |_| {
            let client = Client::new(ClientConfig::new(policy.parse().unwrap())).unwrap();
            // Connections of its own, as a process has them.
            let store = database::store(&world.database.url, 4);
            let courier = Courier::new(store, client, Clock::system(), CourierOptions::default());
            let (shutdown, health) = (Shutdown::new(), Health::new());
            let word = shutdown.clone();
            shutdown.spawn("webhooks", async move { deliver(courier, word, &health).await });
            shutdown
        };
        Self((0..count).map(start).collect())
    }

    /// Stops them without waiting.
    pub(crate) fn abandon(self) {
        self.0.iter().for_each(Shutdown::trigger);
    }

    async fn stop(self) {
        for shutdown in self.0 {
            assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
        }
    }
}

impl World {
    async fn endpoint(&self, url: &str, events: &[&str]) -> EndpointId {
        let endpoint = NewEndpoint {
            id: EndpointId::new(Clock::system().now()),
            url: url.to_owned(),
            description: None,
            events: events.iter().map(|&event| event.to_owned()).collect(),
            concurrency: 5,
            secret: None,
        };
        let kept = self
            .database
            .store
            .insert_endpoint(self.tenant.organization, &endpoint, Clock::system().now());
        assert!(kept.await.unwrap());
        endpoint.id
    }

    async fn secret(&self, endpoint: EndpointId) -> Secret {
        let now = Clock::system().now();
        let found = self
            .database
            .store
            .endpoint_secret(self.tenant.organization, endpoint, now);
        found.await.unwrap().unwrap()
    }

    async fn messages(&self, count: usize, state: u8) {
        self.run(&format!(
            "CALL make_messages({}, {count}, {state}::smallint)",
            self.tenant.organization
        ))
        .await;
    }

    /// Waits until so many deliveries of an endpoint are in a state.
    async fn until_deliveries(&self, endpoint: EndpointId, state: DeliveryState, count: usize) {
        let what = format!("{count} {} deliveries", state.as_str());
        until(SOON, &what, async || {
            let store = &self.database.store;
            let found = store
                .deliveries(self.tenant.organization, endpoint, Some(state), None, 1000)
                .await;
            (found.unwrap().len() == count).then_some(())
        })
        .await;
    }

    /// Lets the time of every waiting delivery come now.
    async fn make_due(&self) {
        self.run("UPDATE webhook_delivery SET wake_at = now() WHERE state = 1; UPDATE webhook_endpoint SET rests_until = '-infinity'")
            .await;
    }
}

#[tokio::test]
async fn an_endpoint_gets_the_events_it_wants_signed_and_complete() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let all = world.endpoint(&format!("{}/all", receiver.url), &["*"]).await;
    let failed = world
        .endpoint(&format!("{}/failed", receiver.url), &["message.failed", "number.*"])
        .await;
    let couriers = Couriers::start(&world, 1);

    world.messages(3, 20).await;
    world.messages(2, 60).await;
    world
        .run("UPDATE message_content SET metadata = '{\"order\": 17}'")
        .await;
    world.until_deliveries(all, DeliveryState::Delivered, 5).await;
    world.until_deliveries(failed, DeliveryState::Delivered, 2).await;
    couriers.stop().await;

    let received = receiver.received();
    assert_eq!(received.len(), 7, "each once");
    let (all, failed) = (world.secret(all).await, world.secret(failed).await);
    let mut sequences = BTreeSet::new();
    for webhook in &received {
        let (mine, other) = if webhook.path == "/all" {
            (&all, &failed)
        } else {
            (&failed, &all)
        };
        assert!(webhook.is_signed_with(mine) && !webhook.is_signed_with(other));
        assert_eq!(webhook.body["id"], webhook.id);
        let data = &webhook.body["data"];
        assert_eq!(webhook.kind(), format!("message.{}", data["status"].as_str().unwrap()));
        assert!(data["to"].as_str().unwrap().starts_with("+1666"), "{data}");
        assert_eq!(data["from"], world.tenant.phone);
        if webhook.path == "/all" {
            sequences.insert(webhook.body["sequence"].as_i64().unwrap());
        } else {
            assert_eq!(webhook.kind(), "message.failed");
        }
    }
    assert_eq!(sequences, (1..=5).collect());
    world.finish().await;
}

#[tokio::test]
async fn what_changes_at_once_in_many_broadcasts_is_one_row_and_every_route_names_the_broadcast_of_each() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["message.*"]).await;
    let mut listener = Listener::bind(&world, "acme0.message.*").await;
    let (organization, flows) = (world.tenant.organization, [Uuid::now_v7(), Uuid::now_v7()]);
    for flow in flows
        .map(|flow| format!("'{flow}'"))
        .into_iter()
        .chain(["NULL".to_owned()])
    {
        let sql = format!("CALL make_messages({organization}, 2, 20::smallint, NULL, {flow})");
        world.run(&sql).await;
    }

    // All of them at once, a row as it was written before broadcasts shared one, and that of a single message.
    world.run("CALL climb(every_id())").await;
    let written = world
        .rows("SELECT size FROM event WHERE kind = 'message.sending' ORDER BY id")
        .await;
    assert_eq!(written, [json!({"size": 6})]);
    world
        .run(
            "UPDATE event SET flow_id = flow_ids[1], flow_ids = NULL
             WHERE id = (SELECT min(id) FROM event WHERE kind = 'message.pending')",
        )
        .await;
    let couriers = Couriers::start(&world, 1);
    assert_eq!(world.tell_all().await.told, 12);
    world.until_deliveries(endpoint, DeliveryState::Delivered, 12).await;
    couriers.stop().await;

    let broadcasts: HashMap<String, Value> = world
        .rows("SELECT id, flow_id FROM message")
        .await
        .iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), row["flow_id"].clone()))
        .collect();
    let page = world.database.store.events_after(organization, 0, 100).await.unwrap();
    let read: Vec<Value> = page
        .events()
        .map(|event| serde_json::from_slice(&event.encode()).unwrap())
        .collect();
    let heard: Vec<Value> = listener.hear(12).await.into_iter().map(|event| event.body).collect();
    let received: Vec<Value> = receiver.received().into_iter().map(|webhook| webhook.body).collect();
    for told in [read, heard, received] {
        assert_eq!(told.len(), 12);
        for event in told {
            let data = &event["data"];
            assert_eq!(
                data["broadcast_id"],
                broadcasts[data["message_id"].as_str().unwrap()],
                "{event}"
            );
        }
    }
    listener.close(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn an_endpoint_hears_nothing_from_before_it_was_there_unless_it_is_replayed() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    world.messages(4, 20).await;
    world.database.store.number_events(100).await.unwrap();
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    let couriers = Couriers::start(&world, 1);

    world.messages(1, 60).await;
    world.until_deliveries(endpoint, DeliveryState::Delivered, 1).await;
    assert_eq!(receiver.received()[0].body["sequence"], 5);
    let (store, organization) = (&world.database.store, world.tenant.organization);
    let stretch = store.stretch(organization, None, None).await.unwrap().unwrap();
    assert_eq!(stretch, Stretch { first: 1, last: 5 });
    assert_eq!(
        store
            .replay(organization, endpoint, Stretch { first: 2, last: 5 })
            .await
            .unwrap(),
        4
    );

    until(SOON, "four more webhooks", async || {
        (receiver.received().len() == 5).then_some(())
    })
    .await;
    let sequences: BTreeSet<i64> = receiver
        .received()
        .iter()
        .map(|webhook| webhook.body["sequence"].as_i64().unwrap())
        .collect();
    assert_eq!(sequences, (2..=5).collect());
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_claimed_is_handed_out_even_when_it_came_at_that_moment() {
    const EVENTS: i64 = 1_500;
    let world = World::new().await;
    world.messages(usize::try_from(EVENTS).unwrap(), 20).await;
    while world.database.store.number_events(100).await.unwrap() > 0 {}
    let endpoint = world.endpoint("http://127.0.0.1:9/hook", &["*"]).await;
    world.run("UPDATE webhook_endpoint SET concurrency = 50").await;
    let (store, organization) = (world.database.store.clone(), world.tenant.organization);

    let coming = tokio::spawn(async move {
        for n in 1..=EVENTS {
            let stretch = Stretch { first: n, last: n };
            assert_eq!(store.replay(organization, endpoint, stretch).await.unwrap(), 1);
        }
    });
    let mut handed_out = BTreeSet::new();
    let claiming = async {
        let store = &world.database.store;
        while handed_out.len() < usize::try_from(EVENTS).unwrap() {
            let parcels = store.claim_deliveries(SOON * 10, 100).await.unwrap();
            let outcomes: Vec<_> = parcels.iter().map(delivered).collect();
            store
                .record_deliveries(&outcomes, 0.5, Clock::system().now())
                .await
                .unwrap();
            handed_out.extend(parcels.iter().map(|parcel| parcel.sequence));
        }
    };
    timeout(SOON, claiming)
        .await
        .expect("everything that was claimed to be handed out");
    coming.await.unwrap();
    world.finish().await;
}

fn delivered(parcel: &Parcel) -> Outcome {
    Outcome {
        endpoint: parcel.endpoint,
        sequence: parcel.sequence,
        attempt: parcel.attempt,
        delivered: true,
        again_at: None,
        gone: false,
        http_status: Some(200),
        took_ms: 1,
        error: None,
    }
}

#[tokio::test]
async fn a_refused_webhook_is_tried_again_later_with_the_same_id_and_not_at_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    receiver.answer(&[500, 307]);
    let couriers = Couriers::start(&world, 1);

    world.messages(1, 20).await;
    for (attempts, status) in [(1, 500), (2, 307)] {
        let store = &world.database.store;
        let waiting = until(SOON, "a delivery that waits for its next attempt", async || {
            let found = store
                .deliveries(world.tenant.organization, endpoint, None, None, 10)
                .await
                .unwrap();
            let first = found.first()?.clone();
            // While an attempt is under way, the row still tells of the one before.
            (first.attempts == attempts
                && first.http_status == Some(status)
                && first.ended_at.is_some()
                && first.state == DeliveryState::Pending
                && first.error.is_some())
            .then_some(first)
        })
        .await;
        let wait = waiting.next_at.unwrap() - waiting.ended_at.unwrap();
        let expected = [TimeDelta::seconds(5), TimeDelta::minutes(5)][usize::try_from(attempts).unwrap() - 1];
        assert!(wait > expected * 8 / 10 && wait < expected * 12 / 10, "{wait}");
        world.make_due().await;
    }
    world.until_deliveries(endpoint, DeliveryState::Delivered, 1).await;

    let store = &world.database.store;
    let log = store
        .deliveries(world.tenant.organization, endpoint, None, None, 10)
        .await
        .unwrap();
    let earlier = log[0].earlier.as_array().unwrap();
    let answered: Vec<_> = earlier.iter().map(|attempt| attempt["http_status"].as_i64()).collect();
    assert_eq!((answered, log[0].http_status), (vec![Some(500), Some(307)], Some(200)));
    assert!(
        earlier
            .iter()
            .all(|attempt| attempt["error"].is_string() && attempt["took_ms"].is_number())
    );
    let ended: Vec<chrono::DateTime<chrono::Utc>> = earlier
        .iter()
        .map(|attempt| attempt["ended_at"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(ended[0] < ended[1] && ended[1] < log[0].ended_at.unwrap());

    let received = receiver.received();
    assert_eq!(received.len(), 3, "the redirect was not followed");
    assert!(
        received
            .iter()
            .all(|webhook| webhook.id == received[0].id && webhook.body == received[0].body)
    );
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn what_was_given_up_can_be_replayed_one_or_all() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    receiver.answer(&[500; 3]);
    // Their last attempt is due.
    world
        .run("ALTER TABLE webhook_delivery ALTER attempts SET DEFAULT 7")
        .await;
    let couriers = Couriers::start(&world, 1);
    world.messages(3, 20).await;
    world.until_deliveries(endpoint, DeliveryState::Failed, 3).await;

    let (store, organization) = (&world.database.store, world.tenant.organization);
    assert_eq!(
        store
            .replay(organization, endpoint, Stretch { first: 2, last: 2 })
            .await
            .unwrap(),
        1
    );
    world.until_deliveries(endpoint, DeliveryState::Delivered, 1).await;
    assert_eq!(store.replay_failed(organization, endpoint).await.unwrap(), 2);

    world.until_deliveries(endpoint, DeliveryState::Delivered, 3).await;
    assert_eq!(receiver.received().len(), 6);
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn a_message_may_bring_its_own_address() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let couriers = Couriers::start(&world, 1);

    world.messages(2, 10).await;
    world
        .run(&format!(
            "INSERT INTO message_content (id, content, webhook_url) SELECT id, '', '{0}/orders?n=' || row_number() OVER (ORDER BY id) FROM message;
             UPDATE message SET calls_back = true; UPDATE message SET state = 20, wake_at = now(), changed_at = now(), scheduled_at = now() + interval '1 h';
             UPDATE message SET state = 60, wake_at = NULL, reason = 'expired', changed_at = now()",
            receiver.url
        ))
        .await;
    until(SOON, "two webhooks", async || {
        (receiver.received().len() >= 2).then_some(())
    })
    .await;

    let endpoints = world
        .database
        .store
        .endpoints(world.tenant.organization, None, Clock::system().now())
        .await
        .unwrap();
    assert_eq!(endpoints.len(), 1, "one for both addresses");
    assert!(endpoints[0].of_messages);
    assert_eq!(endpoints[0].url, receiver.url);
    let secret = world.secret(endpoints[0].id).await;
    let mut paths = BTreeSet::new();
    for webhook in receiver.received() {
        assert!(webhook.is_signed_with(&secret));
        assert_eq!(webhook.kind(), "message.failed");
        paths.insert(webhook.path);
    }
    assert_eq!(
        paths,
        BTreeSet::from(["/orders?n=1".to_owned(), "/orders?n=2".to_owned()])
    );
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn during_a_rotation_both_secrets_sign() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    let (old, new) = (world.secret(endpoint).await, Secret::new(&[9; 32]));
    let now = Clock::system().now();
    let rotate = world.database.store.rotate_endpoint_secret(
        world.tenant.organization,
        endpoint,
        &new,
        now + TimeDelta::hours(1),
    );
    assert!(rotate.await.unwrap());
    let couriers = Couriers::start(&world, 1);

    world.messages(1, 20).await;
    world.until_deliveries(endpoint, DeliveryState::Delivered, 1).await;
    world.run("UPDATE webhook_endpoint SET old_secret_until = now()").await;
    world.messages(1, 20).await;
    world.until_deliveries(endpoint, DeliveryState::Delivered, 2).await;

    let received = receiver.received();
    assert!(received[0].is_signed_with(&old) && received[0].is_signed_with(&new));
    assert!(!received[1].is_signed_with(&old) && received[1].is_signed_with(&new));
    assert_eq!(world.secret(endpoint).await, new);
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn an_endpoint_that_fails_for_days_or_says_so_is_disabled_with_a_notice() {
    let world = World::new().await;
    let (receiver, witness) = (Receiver::start().await, Receiver::start().await);
    let failing = world
        .endpoint(&format!("{}/failing", receiver.url), &["message.*"])
        .await;
    world.endpoint(&witness.url, &["webhook_endpoint.*"]).await;
    world
        .run(&format!(
            "UPDATE webhook_endpoint SET failures = 3, failing_since = now() - interval '6 days' WHERE id = '{failing}'"
        ))
        .await;
    receiver.answer(&[503]);
    let couriers = Couriers::start(&world, 1);

    world.messages(1, 20).await;
    let notice = async |count: usize| {
        until(SOON, "a notice", async || witness.received().get(count - 1).cloned())
            .await
            .body
    };
    let first = notice(1).await;
    assert_eq!(
        (&first["type"], &first["data"]["reason"]),
        (&json!("webhook_endpoint.disabled"), &json!("failing"))
    );
    assert_eq!(first["data"]["endpoint_id"], failing.to_string());

    // Nothing is left for it, until it is enabled again.
    world.messages(3, 20).await;
    let gone = world
        .endpoint(&format!("{}/gone", receiver.url), &["message.failed"])
        .await;
    receiver.answer(&[410]);
    world.messages(1, 60).await;
    let second = notice(2).await;
    assert_eq!(
        (&second["data"]["reason"], &second["data"]["endpoint_id"]),
        (&json!("gone"), &json!(gone.to_string()))
    );
    assert_eq!(receiver.received().len(), 2);
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn many_notifiers_together_respect_an_endpoints_concurrency_and_deliver_each_once() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    receiver.hang();
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    let couriers = Couriers::start(&world, 3);

    world.messages(120, 20).await;
    // As many as may be under way are, and with all of them unanswered no notifier finds another one to deliver.
    until(SOON, "as many webhooks as may be under way", async || {
        (receiver.most_under_way() == 5).then_some(())
    })
    .await;
    let store = &world.database.store;
    assert_eq!(store.claim_deliveries(Duration::from_secs(60), 100).await.unwrap(), []);
    receiver.let_go();
    world.until_deliveries(endpoint, DeliveryState::Delivered, 120).await;

    let ids: BTreeSet<String> = receiver.received().into_iter().map(|webhook| webhook.id).collect();
    assert_eq!((ids.len(), receiver.received().len()), (120, 120));
    assert!(receiver.most_under_way() <= 5, "{}", receiver.most_under_way());
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn what_a_dead_notifier_had_claimed_is_delivered_when_its_lease_ends() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    world.messages(5, 20).await;
    let store = &world.database.store;
    store.number_events(100).await.unwrap();
    store.fan_out(100).await.unwrap();
    // Somebody claims and is never heard of again.
    let claimed = store.claim_deliveries(Duration::from_millis(300), 100).await.unwrap();
    assert_eq!(claimed.len(), 5);
    assert_eq!(store.claim_deliveries(Duration::from_secs(60), 100).await.unwrap(), []);

    let couriers = Couriers::start(&world, 1);
    world.until_deliveries(endpoint, DeliveryState::Delivered, 5).await;
    assert_eq!(receiver.received().len(), 5);
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn a_receiver_that_fails_rests_and_is_then_asked_gently() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url, &["*"]).await;
    receiver.answer(&[500; 40]);
    let couriers = Couriers::start(&world, 1);
    world.messages(60, 20).await;

    let found = async || {
        let now = Clock::system().now();
        let mut found = world
            .database
            .store
            .endpoints(world.tenant.organization, Some(endpoint), now)
            .await
            .unwrap();
        found.remove(0)
    };
    until(SOON, "a rest", async || found().await.rests_until).await;
    let before = receiver.received().len();
    assert!(
        (5..=10).contains(&before),
        "it was asked {before} times before it rested"
    );
    world.run("UPDATE webhook_endpoint SET rests_until = '-infinity'").await;
    until(SOON, "one more failure", async || {
        (receiver.received().len() > before).then_some(())
    })
    .await;
    until(SOON, "another rest", async || found().await.rests_until).await;
    assert_eq!(receiver.received().len(), before + 1, "one at a time");
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn a_stored_address_that_points_inside_is_never_called() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let inside = receiver.url.replace("127.0.0.1", "localhost");
    let mut endpoints = Vec::new();
    // As if they had been stored before the operator thought better of it.
    for url in [receiver.url.as_str(), &inside].iter().chain(hostile::ADDRESSES) {
        endpoints.push(world.endpoint(url, &["*"]).await);
    }
    let couriers = Couriers::with_policy(&world, 1, "");
    world.messages(1, 20).await;

    for endpoint in endpoints {
        world.until_deliveries(endpoint, DeliveryState::Failed, 1).await;
    }
    assert!(receiver.received().is_empty());
    couriers.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn a_test_reaches_its_endpoint_and_no_other() {
    let world = World::new().await;
    let receiver = Receiver::start().await;
    let asked = world
        .endpoint(&format!("{}/asked", receiver.url), &["message.read"])
        .await;
    let other = world.endpoint(&format!("{}/other", receiver.url), &["*"]).await;
    let couriers = Couriers::start(&world, 1);

    assert!(
        world
            .database
            .store
            .test_endpoint(world.tenant.organization, asked)
            .await
            .unwrap()
    );
    world.messages(1, 20).await;
    world.until_deliveries(asked, DeliveryState::Delivered, 1).await;
    world.until_deliveries(other, DeliveryState::Delivered, 1).await;

    let kinds: Vec<(String, Value)> = receiver
        .received()
        .into_iter()
        .map(|webhook| (webhook.path.clone(), webhook.body["type"].clone()))
        .collect();
    assert_eq!(kinds.len(), 2);
    assert!(
        kinds.contains(&("/asked".to_owned(), json!("webhook_endpoint.test"))),
        "{kinds:?}"
    );
    couriers.stop().await;
    world.finish().await;
}
