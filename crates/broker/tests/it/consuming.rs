//! Consuming: what is settled is settled, what is not comes again, and the end of a session is never silent.

use std::collections::BTreeSet;
use std::time::Duration;

use broker::{Connection, Delivery, Error, ack_all, requeue_all};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::harness::{Rig, SOON, bodies, next, set};
use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_under_the_consumer_ends_its_session_and_a_new_one_works() {
    let rig = Rig::new().await;
    let (connection, mut subscription) = rig.consume(10).await;

    rig.admin.delete_queue(&rig.topology.queues.rt).await.unwrap();

    for _ in 0..2 {
        let ended = tokio::time::timeout(SOON, subscription.next())
            .await
            .expect("the end is told");
        assert!(matches!(ended, Err(Error::Ended { .. })), "{ended:?}");
    }
    connection.close().await.unwrap();
    let connection = Connection::open(&rig.address, "test").await.unwrap();
    connection.declare(&rig.topology).await.unwrap();
    let mut subscription = connection.consume(&rig.topology.queues.rt, 10).await.unwrap();
    rig.publish(&["again"]).await;
    assert_eq!(bodies(&mut subscription, 1).await, set(&["again"]));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requeued_delivery_comes_again_and_a_rejected_one_does_not() {
    let rig = Rig::new().await;
    rig.publish(&["requeued", "rejected"]).await;
    let (_connection, mut subscription) = rig.consume(10).await;

    for _ in 0..2 {
        let delivery = next(&mut subscription).await;
        if delivery.body == b"requeued" {
            delivery.requeue().await
        } else {
            delivery.reject().await
        }
        .unwrap();
    }

    let again = next(&mut subscription).await;
    assert_eq!((again.body.as_slice(), again.redelivered), (&b"requeued"[..], true));
    again.ack().await.unwrap();
    rig.publish(&["marker"]).await;
    assert_eq!(next(&mut subscription).await.body, b"marker");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_prefetch_is_out_unsettled() {
    let rig = Rig::new().await;
    let many: Vec<String> = (0..20).map(|index| index.to_string()).collect();
    rig.publish(&many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (_connection, mut subscription) = rig.consume(5).await;

    let mut out = Vec::new();
    for _ in 0..5 {
        out.push(next(&mut subscription).await);
    }
    rig.wait_ready(&rig.topology.queues.rt, 15).await;
    out.pop().unwrap().ack().await.unwrap();

    out.push(next(&mut subscription).await);
    rig.wait_ready(&rig.topology.queues.rt, 14).await;
    let sixth = tokio::time::timeout(Duration::from_millis(50), subscription.next()).await;
    assert!(sixth.is_err(), "a sixth is out: {sixth:?}");
    ack_all(out).await.unwrap();
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_acks_settles_exactly_its_deliveries() {
    let rig = Rig::new().await;
    rig.publish(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]).await;
    let (connection, mut subscription) = rig.consume(100).await;
    let mut deliveries = Vec::new();
    for _ in 0..10 {
        deliveries.push(next(&mut subscription).await);
    }
    let is_any = |bodies: &'static [&'static str]| {
        move |delivery: &Delivery| bodies.iter().any(|body| body.as_bytes() == delivery.body)
    };

    // Two of the oldest in one frame, two behind a gap one by one, and later the gap with what follows it.
    let (first, rest): (Vec<_>, Vec<_>) = deliveries.into_iter().partition(is_any(&["0", "1", "4", "6"]));
    ack_all(first).await.unwrap();
    let (second, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(is_any(&["2", "3", "5", "9"]));
    ack_all(second).await.unwrap();

    assert_eq!(rest.len(), 2);
    drop(rest);
    drop(subscription);
    connection.close().await.unwrap();
    let left = rig.take_all(&rig.topology.queues.rt, 2).await;
    assert_eq!(left.into_iter().collect::<BTreeSet<_>>(), set(&["7", "8"]));
    rig.wait_ready(&rig.topology.queues.rt, 0).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_and_requeues_at_the_same_time_do_not_overtake_each_other() {
    let rig = Rig::new().await;
    let many: Vec<String> = (0..200).map(|index| index.to_string()).collect();
    rig.publish(&many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (connection, mut subscription) = rig.consume(200).await;
    let mut settling = tokio::task::JoinSet::new();
    let mut batch = Vec::new();
    let mut requeued = BTreeSet::new();
    for index in 0..200 {
        let delivery = next(&mut subscription).await;
        if index % 10 == 3 {
            requeued.insert(delivery.body.clone());
            settling.spawn(delivery.requeue());
        } else {
            batch.push(delivery);
        }
        if batch.len() == 17 {
            settling.spawn(ack_all(std::mem::take(&mut batch)));
        }
    }
    settling.spawn(ack_all(batch));

    while let Some(settled) = settling.join_next().await {
        settled.unwrap().unwrap();
    }

    // The requeued ones are out again already, to this same consumer.
    rig.publish(&["marker"]).await;
    let mut again = BTreeSet::new();
    loop {
        let delivery = next(&mut subscription).await;
        if delivery.body == b"marker" {
            break delivery.ack().await.unwrap();
        }
        assert!(delivery.redelivered);
        again.insert(delivery.body.clone());
        delivery.ack().await.unwrap();
    }
    assert_eq!(again, requeued);
    connection.close().await.unwrap();
    rig.wait_ready(&rig.topology.queues.rt, 0).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_a_cut_connection_cannot_be_settled_and_comes_again() {
    let rig = Rig::new().await;
    rig.publish(&["precious"]).await;
    let (proxy, address) = Proxy::start(&rig.url).await;
    let connection = Connection::open(&address, "test").await.unwrap();
    let mut subscription = connection.consume(&rig.topology.queues.rt, 10).await.unwrap();
    let stale = next(&mut subscription).await;

    proxy.cut();
    let ended = tokio::time::timeout(SOON, subscription.next())
        .await
        .expect("the end is told");
    assert!(ended.is_err(), "{ended:?}");
    drop((subscription, connection));
    let (_connection, mut subscription) = rig.consume(10).await;
    let fresh = next(&mut subscription).await;

    assert!(stale.ack().await.is_err());
    assert_eq!((fresh.body.as_slice(), fresh.redelivered), (&b"precious"[..], true));
    fresh.requeue().await.unwrap();
    assert_eq!(bodies(&mut subscription, 1).await, set(&["precious"]));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_nothing_new_comes_and_what_is_out_can_still_be_settled() {
    let rig = Rig::new().await;
    rig.publish(&["a", "b", "c"]).await;
    let (connection, mut subscription) = rig.consume(10).await;
    let in_hand = next(&mut subscription).await;

    subscription.stop().await.unwrap();
    rig.publish(&["late"]).await;
    let mut prefetched = Vec::new();
    while let Some(delivery) = subscription.next().await.unwrap() {
        prefetched.push(delivery);
    }
    assert!(
        subscription.next().await.unwrap().is_none(),
        "asking again after the end is harmless"
    );

    assert!(prefetched.iter().all(|delivery| delivery.body != b"late"));
    in_hand.ack().await.unwrap();
    requeue_all(prefetched).await.unwrap();
    connection.close().await.unwrap();
    let left: BTreeSet<String> = rig.take_all(&rig.topology.queues.rt, 3).await.into_iter().collect();
    assert_eq!(left, set(&["b", "c", "late"]));
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_stops_with_the_token_and_requeues_what_found_no_room() {
    let rig = Rig::new().await;
    rig.publish(&["1", "2", "3", "4", "5"]).await;
    let (connection, mut subscription) = rig.consume(10).await;
    let (sender, mut receiver) = mpsc::channel(2);
    let stop = CancellationToken::new();

    let forwarding = subscription.forward(&sender, &stop);
    let stopping = async {
        testkit::until(SOON, "a full channel", async || (receiver.len() == 2).then_some(())).await;
        stop.cancel();
    };
    let (forwarded, ()) = tokio::join!(forwarding, stopping);
    forwarded.unwrap();

    rig.wait_ready(&rig.topology.queues.rt, 3).await;
    drop(sender);
    let mut passed_on = Vec::new();
    while let Some(delivery) = receiver.recv().await {
        passed_on.push(delivery);
    }
    assert_eq!(passed_on.len(), 2);
    ack_all(passed_on).await.unwrap();
    connection.close().await.unwrap();
    rig.wait_ready(&rig.topology.queues.rt, 3).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarding_ends_when_nobody_receives() {
    let rig = Rig::new().await;
    rig.publish(&["kept"]).await;
    let (connection, mut subscription) = rig.consume(10).await;
    let (sender, receiver) = mpsc::channel(2);
    drop(receiver);

    let forwarding = async move { subscription.forward(&sender, &CancellationToken::new()).await };
    tokio::spawn(forwarding).await.unwrap().unwrap();

    connection.close().await.unwrap();
    rig.wait_ready(&rig.topology.queues.rt, 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_queues_share_a_connection_each_with_its_own_prefetch() {
    let rig = Rig::new().await;
    let (publisher, shutdown) = rig.publisher(&rig.address);
    let bulk = |body: &str| broker::Outgoing::new(&rig.topology.exchanges.send, broker::key::BULK, body, body);
    let batch = vec![
        rig.job("r1"),
        rig.job("r2"),
        rig.job("r3"),
        bulk("b1"),
        bulk("b2"),
        bulk("b3"),
    ];
    assert!(
        publisher
            .publish(batch)
            .await
            .iter()
            .all(|message| message.is_confirmed())
    );
    let connection = Connection::open(&rig.address, "test").await.unwrap();
    let mut rt = connection.consume(&rig.topology.queues.rt, 2).await.unwrap();
    let mut bulk = connection.consume(&rig.topology.queues.bulk, 1).await.unwrap();

    let out = vec![next(&mut rt).await, next(&mut rt).await, next(&mut bulk).await];

    rig.wait_ready(&rig.topology.queues.rt, 1).await;
    rig.wait_ready(&rig.topology.queues.bulk, 2).await;
    ack_all(out).await.unwrap();
    assert_eq!(bodies(&mut rt, 1).await, set(&["r3"]));
    assert_eq!(bodies(&mut bulk, 2).await, set(&["b2", "b3"]));
    shutdown.drain(SOON).await;
    rig.finish().await;
}
