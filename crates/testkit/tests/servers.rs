//! The servers for everybody, for real.

use std::thread;

use broker::{Address, Admin, Topology};
use testkit::servers::Servers;
use testkit::servers::rabbitmq::PrivateRabbit;

#[test]
fn everybody_who_asks_gets_the_same_servers() {
    let first = Servers::ensure().unwrap();

    let others: Vec<Servers> = thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| Servers::ensure().unwrap())).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).collect()
    });

    for other in others {
        assert_eq!(other.database_url, first.database_url);
        assert_eq!(other.amqp_url, first.amqp_url);
        assert!(!other.started, "they were running already");
    }
}

async fn has_queue(url: &str, queue: &str) -> Result<bool, broker::Error> {
    let admin = Admin::open(&Address::parse(url)?).await?;
    let found = admin.queue_depth(queue).await?.is_some();
    admin.close().await?;
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_node_is_gone_until_it_starts_again_with_its_durable_queues() {
    let mut rabbit = PrivateRabbit::start("kill").unwrap();
    let url = rabbit.amqp_url.clone();
    let topology = Topology::new("kept");
    let admin = Admin::open(&Address::parse(&url).unwrap()).await.unwrap();
    admin.declare(&topology).await.unwrap();

    rabbit.kill().unwrap();
    assert!(has_queue(&url, &topology.queues.rt).await.is_err(), "it still answers");
    rabbit.start_again().unwrap();

    assert_eq!(rabbit.amqp_url, url);
    assert!(has_queue(&url, &topology.queues.rt).await.unwrap());
    drop(rabbit);
    assert!(
        has_queue(&url, &topology.queues.rt).await.is_err(),
        "it outlived its owner"
    );
}
