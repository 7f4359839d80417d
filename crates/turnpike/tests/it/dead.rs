//! `turnpike dead` on a real broker: what is looked at stays, what is redriven reaches its lane, what is dropped is gone.

use std::time::Duration;

use broker::{Address, Admin, Outgoing, Publisher, Topology};
use domain::job::{Job, VERSION};
use domain::{Lane, MessageId, NumberId};
use serde_json::Value;
use testkit::servers::Servers;
use tokio_util::sync::CancellationToken;

use crate::invocation::{Said, call};

const SOON: Duration = Duration::from_secs(20);

struct Broker {
    url: String,
    address: Address,
    topology: Topology,
    admin: Admin,
}

impl Broker {
    async fn start(name: &str) -> Self {
        let servers = tokio::task::spawn_blocking(Servers::ensure).await.unwrap().unwrap();
        let address = Address::parse(&servers.amqp_url).unwrap();
        let topology = Topology::new(&format!("dead-{name}-{}", std::process::id()));
        let admin = Admin::open(&address).await.unwrap();
        admin.declare(&topology).await.unwrap();
        Self {
            url: servers.amqp_url,
            address,
            topology,
            admin,
        }
    }

    /// Sets these bodies aside, each under its own id.
    async fn set_aside(&self, letters: &[(&str, Vec<u8>)]) {
        let (publisher, driver) = Publisher::new();
        let stop = CancellationToken::new();
        let letters = letters.iter().map(|(id, body)| {
            Outgoing::to_queue(self.topology.queues.dead.as_str(), *id, body.clone()).header("x-error", "no job")
        });
        let letters: Vec<Outgoing> = letters.collect();
        let count = u32::try_from(letters.len()).unwrap();
        let publishing = async {
            testkit::until(SOON, "a connection", async || publisher.is_connected().then_some(())).await;
            let published = publisher.publish(letters).await;
            assert!(
                published.iter().all(|published| published.is_confirmed()),
                "{published:?}"
            );
            stop.cancel();
        };
        let ((), ended) = tokio::join!(publishing, driver.session(&self.address, &self.topology, &stop, || {}));
        ended.unwrap();
        self.until_waiting(&self.topology.queues.dead, count).await;
    }

    async fn until_waiting(&self, queue: &str, count: u32) {
        testkit::until(SOON, &format!("{count} in {queue}"), async || {
            let depth = self.admin.queue_depth(queue).await.unwrap().unwrap();
            (depth.ready == count).then_some(())
        })
        .await;
    }

    async fn dead(&self, arguments: &[&str]) -> Said {
        let arguments: Vec<String> = std::iter::once("dead")
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect();
        let (url, prefix) = (self.url.clone(), self.topology.prefix().to_owned());
        let calling = move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            call(
                &arguments,
                &[("TURNPIKE_AMQP_URL", &url), ("TURNPIKE_AMQP_PREFIX", &prefix)],
            )
        };
        tokio::task::spawn_blocking(calling).await.unwrap()
    }

    async fn finish(self) {
        self.admin.delete(&self.topology).await.unwrap();
        self.admin.close().await.unwrap();
    }
}

fn job() -> Vec<u8> {
    let job = Job {
        v: VERSION,
        number: NumberId(1),
        lane: Lane::Bulk,
        ids: vec![MessageId(uuid::Uuid::from_u128(7))],
    };
    job.encode()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leaves_the_letters_where_they_are() {
    let broker = Broker::start("list").await;
    broker.set_aside(&[("one", job()), ("two", b"hello".to_vec())]).await;

    for _ in 0..2 {
        let said = broker.dead(&["list", "--json"]).await;

        assert_eq!(said.code, Some(0), "{said:?}");
        let mut letters = serde_json::from_str::<Value>(&said.stdout).unwrap()["data"].clone();
        let letters = letters.as_array_mut().unwrap();
        letters.sort_by_key(|letter| letter["id"].to_string());
        let seen: Vec<_> = letters
            .iter()
            .map(|letter| (letter["id"].as_str().unwrap(), &letter["readable"]))
            .collect();
        assert_eq!(seen, [("one", &Value::Bool(true)), ("two", &Value::Bool(false))]);
        assert_eq!(letters[1]["reason"], "no job");
        broker.until_waiting(&broker.topology.queues.dead, 2).await;
    }
    broker.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_is_redriven_to_its_lane_and_the_rest_stays_until_it_is_dropped() {
    let broker = Broker::start("redrive").await;
    broker.set_aside(&[("one", job()), ("two", b"hello".to_vec())]).await;

    let said = broker.dead(&["redrive", "--all"]).await;

    assert_eq!(said.code, Some(1), "one cannot be read: {said:?}");
    assert_eq!(said.stdout, "redriven    1\nunreadable  1\n");
    broker.until_waiting(&broker.topology.queues.bulk, 1).await;
    broker.until_waiting(&broker.topology.queues.dead, 1).await;

    assert_eq!(broker.dead(&["drop", "three"]).await.stdout, "dropped  0\n");
    broker.until_waiting(&broker.topology.queues.dead, 1).await;
    assert_eq!(broker.dead(&["drop", "two"]).await.stdout, "dropped  1\n");
    broker.until_waiting(&broker.topology.queues.dead, 0).await;
    broker.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_chosen_by_leaving_everything_out() {
    let said = call(&["dead", "drop"], &[]);

    assert_eq!(said.code, Some(64), "{said:?}");
}
