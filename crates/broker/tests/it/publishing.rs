//! Publishing: what is confirmed is there, what is not there is not confirmed, and nothing hangs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use broker::{Connection, Error, Failure, Outgoing, Published, Publisher, Unroutable, key};
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, ConnectionProperties};
use runtime::Drained;
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::until;
use tokio_util::sync::CancellationToken;

use crate::harness::{Rig, SOON, confirmed, next, set};
use crate::proxy::Proxy;

const FAILED: fn(Failure) -> Published = Published::Failed;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_consumed_with_its_properties_and_gone_after_the_ack() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    let message = Outgoing {
        correlation_id: Some("c-1".into()),
        ..rig.job("hello")
    }
    .header("x-error", "none");

    assert_eq!(publisher.publish(vec![message]).await, [Published::Confirmed]);

    let (connection, mut subscription) = rig.consume(10).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(
        (
            delivery.body.as_slice(),
            delivery.routing_key.as_str(),
            delivery.redelivered
        ),
        (&b"hello"[..], "rt", false)
    );
    assert_eq!(delivery.properties.message_id.as_deref(), Some("hello"));
    assert_eq!(delivery.properties.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(delivery.properties.content_type.as_deref(), Some("application/json"));
    assert_eq!(
        delivery.properties.headers,
        [("x-error".to_owned(), "none".to_owned())].into()
    );
    delivery.ack().await.unwrap();
    connection.close().await.unwrap();
    drop(subscription);
    rig.wait_ready(&rig.topology.queues.rt, 0).await;

    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_no_queue_takes_fails_and_its_neighbours_do_not() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    let nobody = format!("{}.nobody", rig.topology.prefix());
    let fine = Outgoing {
        unroutable: Unroutable::IsFine,
        ..Outgoing::to_queue(&nobody, "d", "d")
    };
    let batch = vec![
        rig.job("a"),
        Outgoing::to_queue(&nobody, "b", "b"),
        Outgoing::new(&rig.topology.exchanges.intake, "letter", "c", "c"),
        fine,
        rig.job("e"),
    ];

    let published = publisher.publish(batch).await;

    let unroutable = FAILED(Failure::Unroutable);
    assert_eq!(
        published,
        [
            Published::Confirmed,
            unroutable,
            unroutable,
            Published::Confirmed,
            Published::Confirmed
        ]
    );
    rig.wait_ready(&rig.topology.queues.rt, 2).await;
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_an_unknown_lane_is_kept_among_the_unrouted() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    let stray = Outgoing::new(&rig.topology.exchanges.send, "no-such-lane", "stray", "stray");

    assert_eq!(publisher.publish(vec![stray]).await, [Published::Confirmed]);

    assert_eq!(rig.take_all(&rig.topology.queues.unrouted, 1).await, ["stray"]);
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_the_session_goes_on() {
    let rig = Rig::new().await;
    let full = format!("{}.full", rig.topology.prefix());
    let connection = lapin::Connection::connect(&rig.url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = connection.create_channel().await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    channel
        .queue_declare(full.as_str().into(), QueueDeclareOptions::durable(), arguments)
        .await
        .unwrap();
    let (publisher, shutdown) = rig.publisher(&rig.address);

    let first = publisher.publish(vec![Outgoing::to_queue(&full, "1", "1")]).await;
    let second = publisher.publish(vec![Outgoing::to_queue(&full, "2", "2")]).await;
    let elsewhere = publisher.publish(vec![rig.job("3")]).await;

    assert_eq!(
        (first, second),
        (vec![Published::Confirmed], vec![FAILED(Failure::Refused)])
    );
    assert_eq!(elsewhere, [Published::Confirmed]);
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.admin.delete_queue(&full).await.unwrap();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_too_long_fails_alone() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);

    let published = publisher
        .publish(vec![rig.job(&"x".repeat(256)), rig.job("short")])
        .await;

    assert_eq!(published, [FAILED(Failure::TooLong), Published::Confirmed]);
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_publishing_fails_within_seconds_and_offering_at_once() {
    let (publisher, _driver) = Publisher::new();
    let started = Instant::now();

    publisher.offer(vec![Outgoing::to_queue("q", "1", "1")]);
    let published = publisher.publish(vec![Outgoing::to_queue("q", "1", "1")]).await;

    assert_eq!(published, [FAILED(Failure::Disconnected)]);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_connect_is_an_error() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let address = broker::Address::parse(&format!("amqp://{closed}")).unwrap();
    let (_publisher, driver) = Publisher::new();

    let ended = driver
        .session(&address, &broker::Topology::new("x"), &CancellationToken::new(), || {})
        .await;

    assert!(
        matches!(ended, Err(Error::Refused { .. } | Error::Silent { .. })),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_fails_the_batch_in_time_and_the_next_session_publishes() {
    let rig = Rig::new().await;
    let (proxy, address) = Proxy::start(&rig.url).await;
    let (publisher, shutdown) = rig.publisher(&address);
    assert_eq!(publisher.publish(vec![rig.job("before")]).await, [Published::Confirmed]);

    // Cut again and again while batches are under way, until one of them is hit.
    let mut accepted = BTreeSet::from(["before".to_owned()]);
    let mut offered = accepted.clone();
    let mut hit = false;
    for round in 0.. {
        let ids: Vec<String> = (0..500).map(|index| format!("{round}-{index}")).collect();
        let batch = ids.iter().map(|id| rig.job(id)).collect();
        let started = Instant::now();
        let (published, ()) = tokio::join!(publisher.publish(batch), async {
            tokio::task::yield_now().await;
            proxy.cut();
        });
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        hit |= confirmed(&published) < ids.len();
        let confirmed = ids
            .iter()
            .zip(&published)
            .filter(|(_, published)| published.is_confirmed());
        accepted.extend(confirmed.map(|(id, _)| id.clone()));
        offered.extend(ids);
        if hit {
            break;
        }
    }

    until(SOON, "a confirm over the next connection", async || {
        publisher.publish(vec![rig.job("after")]).await[0]
            .is_confirmed()
            .then_some(())
    })
    .await;
    accepted.insert("after".to_owned());
    offered.insert("after".to_owned());
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    let there = rig.ready(&rig.topology.queues.rt).await;
    let there: BTreeSet<String> = rig
        .take_all(&rig.topology.queues.rt, there.try_into().unwrap())
        .await
        .into_iter()
        .collect();
    assert!(
        there.is_superset(&accepted),
        "confirmed but not there: {:?}",
        accepted.difference(&there).collect::<Vec<_>>()
    );
    assert!(there.is_subset(&offered));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_falls_silent_fails_the_batch_at_the_deadline_and_ends_the_session() {
    let rig = Rig::new().await;
    let (proxy, address) = Proxy::start(&rig.url).await;
    let (publisher, driver) = Publisher::new();
    let topology = rig.topology.clone();
    let session = tokio::spawn(async move {
        driver
            .session(&address, &topology, &CancellationToken::new(), || {})
            .await
    });
    assert_eq!(publisher.publish(vec![rig.job("heard")]).await, [Published::Confirmed]);

    proxy.fall_silent();
    let started = Instant::now();
    let published = publisher.publish(vec![rig.job("unheard")]).await;

    assert_eq!(published, [FAILED(Failure::Unconfirmed)]);
    assert!(started.elapsed() < Duration::from_secs(7), "{:?}", started.elapsed());
    let ended = tokio::time::timeout(SOON, session)
        .await
        .expect("the session ends")
        .unwrap();
    assert!(
        matches!(ended, Err(Error::Unconfirmed { unconfirmed: 1, .. })),
        "{ended:?}"
    );
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_broker_is_found_again_and_has_kept_what_it_confirmed() {
    let own = tokio::task::spawn_blocking(|| (PrivateRabbit::start("broker-restart").unwrap(), testkit::shared()));
    let (mut rabbit, turn) = own.await.unwrap();
    let rig = Rig::at(rabbit.amqp_url.clone(), turn).await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    assert_eq!(publisher.publish(vec![rig.job("before")]).await, [Published::Confirmed]);

    let rabbit = tokio::task::spawn_blocking(move || {
        rabbit.restart().unwrap();
        rabbit
    });
    let rabbit = rabbit.await.unwrap();

    until(SOON, "a confirm of the restarted broker", async || {
        publisher.publish(vec![rig.job("after")]).await[0]
            .is_confirmed()
            .then_some(())
    })
    .await;
    let taken: BTreeSet<String> = rig.take_all(&rig.topology.queues.rt, 2).await.into_iter().collect();
    assert_eq!(taken, set(&["before", "after"]));
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    drop(rabbit);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_batches_with_strays_are_confirmed_exactly_as_the_queue_holds_them() {
    let rig = Rig::new().await;
    let publishers = [rig.publisher(&rig.address), rig.publisher(&rig.address)];
    let nobody = format!("{}.nobody", rig.topology.prefix());
    let batches = (0..40).map(|batch| {
        let messages: Vec<Outgoing> = (0..50 + batch)
            .map(|index| {
                let id = format!("{batch}-{index}");
                // A share of strays that differs per batch, some of them neighbours.
                if (index * 7 + batch) % 11 < batch % 4 {
                    Outgoing::to_queue(&nobody, &id, id.as_str())
                } else {
                    rig.job(&id)
                }
            })
            .collect();
        let publisher = publishers[batch % 2].0.clone();
        async move {
            let published = publisher.publish(messages.clone()).await;
            messages.into_iter().zip(published).collect::<Vec<_>>()
        }
    });

    let outcomes: Vec<(Outgoing, Published)> = futures_util::future::join_all(batches).await.concat();

    for (message, published) in &outcomes {
        let expected = if message.exchange.is_empty() {
            FAILED(Failure::Unroutable)
        } else {
            Published::Confirmed
        };
        assert_eq!(*published, expected, "{}", message.message_id);
    }
    let confirmed: BTreeSet<String> = outcomes
        .iter()
        .filter(|(_, published)| published.is_confirmed())
        .map(|(message, _)| message.message_id.clone())
        .collect();
    let taken = rig.take_all(&rig.topology.queues.rt, confirmed.len()).await;
    assert_eq!(taken.len(), confirmed.len());
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), confirmed);
    rig.wait_ready(&rig.topology.queues.rt, 0).await;
    for (_, shutdown) in &publishers {
        assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    }
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_in_before_the_stop_is_still_published() {
    let rig = Rig::new().await;
    let (publisher, driver) = Publisher::new();
    let stop = CancellationToken::new();
    let (address, topology, token) = (rig.address.clone(), rig.topology.clone(), stop.clone());
    let session = tokio::spawn(async move { driver.session(&address, &topology, &token, || {}).await });
    until(SOON, "a session", async || publisher.is_connected().then_some(())).await;

    for index in 0..20 {
        publisher.offer(vec![rig.job(&index.to_string())]);
    }
    stop.cancel();

    session.await.unwrap().unwrap();
    assert!(!publisher.is_connected());
    rig.wait_ready(&rig.topology.queues.rt, 20).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_reaches_the_direct_reply_to_and_a_made_up_one_does_no_harm() {
    let rig = Rig::new().await;
    let client = lapin::Connection::connect(&rig.url, ConnectionProperties::default())
        .await
        .unwrap();
    let channel = client.create_channel().await.unwrap();
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..Default::default()
    };
    let direct = "amq.rabbitmq.reply-to";
    let mut answers = channel
        .basic_consume(direct.into(), "".into(), no_ack, FieldTable::default())
        .await
        .unwrap();
    let question = BasicProperties::default()
        .with_reply_to(direct.into())
        .with_correlation_id("q-1".into());
    let intake = rig.topology.exchanges.intake.as_str();
    channel
        .basic_publish(
            intake.into(),
            key::MESSAGE.into(),
            BasicPublishOptions::default(),
            b"?",
            question,
        )
        .await
        .unwrap();

    let connection = Connection::open(&rig.address, "test").await.unwrap();
    let mut subscription = connection.consume(&rig.topology.queues.intake, 1).await.unwrap();
    let delivery = next(&mut subscription).await;
    let reply_to = delivery.properties.reply_to.clone().unwrap();
    let answer = Outgoing::reply(reply_to, delivery.properties.correlation_id.clone(), "a-1", "!");
    let invented = Outgoing::reply("amq.rabbitmq.reply-to.invented", None, "a-2", "!");
    let (publisher, shutdown) = rig.publisher(&rig.address);
    let published = publisher.publish(vec![invented, answer]).await;

    assert_eq!(published, [Published::Confirmed, Published::Confirmed]);
    let heard = tokio::time::timeout(SOON, answers.next())
        .await
        .expect("the answer comes")
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            heard.data.as_slice(),
            heard.properties.correlation_id().as_ref().unwrap().as_str()
        ),
        (&b"!"[..], "q-1")
    );
    delivery.ack().await.unwrap();
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_does_not_exist_ends_the_session_and_only_that() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    assert_eq!(publisher.publish(vec![rig.job("1")]).await, [Published::Confirmed]);

    let published = publisher
        .publish(vec![Outgoing::new("no-such-exchange", "k", "2", "2")])
        .await;
    assert_eq!(published, [FAILED(Failure::Unconfirmed)]);

    until(SOON, "a confirm on the next channel", async || {
        publisher.publish(vec![rig.job("3")]).await[0]
            .is_confirmed()
            .then_some(())
    })
    .await;
    assert_eq!(shutdown.drain(SOON).await, Drained::Clean);
    let taken = rig.take_all(&rig.topology.queues.rt, 2).await;
    assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), set(&["1", "3"]));
    rig.finish().await;
}
