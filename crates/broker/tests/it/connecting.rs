//! Connecting, declaring, and looking at queues.

use std::error::Error as _;

use broker::{Address, Admin, Connection, Depth, Error};

use crate::harness::Rig;

#[tokio::test(flavor = "multi_thread")]
async fn declaring_again_and_from_many_connections_at_once_changes_nothing() {
    let rig = Rig::new().await;
    rig.publish(&["kept"]).await;

    let declaring = (0..8).map(|_| async {
        let connection = Connection::open(&rig.address, "test").await?;
        connection.declare(&rig.topology).await?;
        connection.close().await
    });
    let declared = futures_util::future::join_all(declaring).await;

    assert!(declared.iter().all(Result::is_ok), "{declared:?}");
    rig.wait_ready(&rig.topology.queues.rt, 1).await;
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_prefix_can_be_declared_by_many_at_once() {
    let rig = Rig::new().await;
    rig.admin.delete(&rig.topology).await.unwrap();

    let declaring = (0..4).map(|_| async {
        let admin = Admin::open(&rig.address).await?;
        admin.declare(&rig.topology).await?;
        admin.close().await
    });
    let declared = futures_util::future::join_all(declaring).await;

    assert!(declared.iter().all(Result::is_ok), "{declared:?}");
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_differs_from_ours_is_named_in_the_error() {
    let rig = Rig::new().await;
    rig.admin.delete_queue(&rig.topology.queues.dead).await.unwrap();
    let client = lapin::Connection::connect(&rig.url, lapin::ConnectionProperties::default())
        .await
        .unwrap();
    let channel = client.create_channel().await.unwrap();
    let dead = rig.topology.queues.dead.as_str();
    let classic = lapin::options::QueueDeclareOptions::durable();
    channel
        .queue_declare(dead.into(), classic, lapin::types::FieldTable::default())
        .await
        .unwrap();

    let error = rig.admin.declare(&rig.topology).await.unwrap_err();

    let cause = error.source().unwrap().to_string();
    assert!(cause.contains(dead) && cause.contains("x-queue-type"), "{cause}");
    assert_eq!(
        rig.admin.queue_depth(dead).await.unwrap(),
        Some(Depth { ready: 0, consumers: 0 }),
        "the connection goes on"
    );
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_purge_tell_what_is_in_a_queue() {
    let rig = Rig::new().await;
    let queue = rig.topology.queues.rt.clone();
    rig.publish(&["a", "b", "c"]).await;
    rig.wait_ready(&queue, 3).await;

    assert_eq!(rig.admin.queue_depth("no-such-queue").await.unwrap(), None);
    assert_eq!(rig.admin.purge(&queue).await.unwrap(), 3);
    assert_eq!(rig.ready(&queue).await, 0);
    assert!(rig.admin.purge("no-such-queue").await.is_err());

    let (_connection, _subscription) = rig.consume(1).await;
    assert_eq!(
        rig.admin.queue_depth(&queue).await.unwrap(),
        Some(Depth { ready: 0, consumers: 1 })
    );
    rig.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused_without_showing_it() {
    let rig = Rig::new().await;
    let (scheme, rest) = rig.url.split_once("://").unwrap();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let address = Address::parse(&format!("{scheme}://guest:hunter2@{host}")).unwrap();

    let error = Connection::open(&address, "test").await.unwrap_err();

    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"), "{error:?}");
    rig.finish().await;
}
