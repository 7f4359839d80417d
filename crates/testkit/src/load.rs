//! A steady load: customers who hand in messages by the clock, over HTTP and AMQP, whatever happens to the pipeline meanwhile.
//!
//! They behave as the documentation asks customers to: every request has an idempotency key, and whoever gets no answer, or no confirm,
//! asks again under the same key. So nothing is in doubt at the end, and everything that was handed in has to be there.
//!
//! **Invariant:** by the clock. A pipeline that stands still is handed as much as one that runs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use broker::{Address, Outgoing, Publisher, Topology, key};
use reqwest::Client as Http;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::seed;
use crate::stack::Stack;

/// Between two tries.
const AGAIN: Duration = Duration::from_millis(200);
/// For one try. Longer than a request ever takes that is answered.
const ANSWER: Duration = Duration::from_secs(20);
/// Recipients of each broadcast.
const PER_BROADCAST: usize = 10;
/// Messages that make one round of the mix.
const ROUND: usize = 30;

/// Which ways messages take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ways {
    /// A third each: single messages over HTTP, single messages over AMQP, broadcasts over HTTP.
    HttpAndAmqp,
    /// A third single messages, the rest broadcasts. Where the broker's queues are thrown away, and what waits in them with them.
    Http,
}

/// A load that goes on until it is told to stop.
#[derive(Debug)]
pub struct Load {
    stop: CancellationToken,
    drained: CancellationToken,
    orders: JoinHandle<Result<usize>>,
    publishing: JoinHandle<()>,
    customers: Arc<Customers>,
}

#[derive(Debug)]
struct Customers {
    http: Http,
    api: String,
    api_key: String,
    publisher: Publisher,
    intake: String,
    ledger: Mutex<Client>,
}

/// One request.
#[derive(Debug, Clone, Copy)]
enum Order {
    Single { person: usize },
    Published { person: usize },
    Broadcast { first: usize },
}

impl Load {
    /// Begins: so many messages a second, from the person `first` on, each to another one.
    ///
    /// # Errors
    /// When the broker's address cannot be read.
    pub fn start(stack: &Stack, ways: Ways, per_second: f64, first: usize) -> Result<Self> {
        let topology = Topology::new(&stack.prefix);
        let (publisher, driver) = Publisher::new();
        let customers = Arc::new(Customers {
            // A connection for each request, so that replicas share them evenly whenever they come.
            http: Http::builder()
                .no_proxy()
                .timeout(ANSWER)
                .pool_max_idle_per_host(0)
                .build()?,
            api: stack.api.clone(),
            api_key: stack.tenant.api_key.clone(),
            publisher,
            intake: topology.exchanges.intake.clone(),
            ledger: Mutex::default(),
        });
        let (stop, drained) = (CancellationToken::new(), CancellationToken::new());
        let address = Address::parse(&stack.amqp_url)?;
        let publishing = tokio::spawn({
            let drained = drained.clone();
            async move {
                while !drained.is_cancelled() {
                    // It may be away; whoever publishes notices and asks again.
                    let _ = driver.session(&address, &topology, &drained, || ()).await;
                    sleep(AGAIN).await;
                }
            }
        });
        let orders = tokio::spawn(hand_in(Arc::clone(&customers), ways, per_second, first, stop.clone()));
        Ok(Self {
            stop,
            drained,
            orders,
            publishing,
            customers,
        })
    }

    /// How many messages were taken in so far.
    pub fn taken(&self) -> usize {
        let ledger = self.customers.ledger();
        ledger.told.len() + ledger.published.len()
    }

    /// Stops handing in, waits until the last request is answered, and gives out the customers' ledger.
    ///
    /// # Errors
    /// When a request is still not answered after `patience`, or was answered with a no.
    pub async fn finish(self, patience: Duration) -> Result<Client> {
        self.stop.cancel();
        let orders = timeout(patience, self.orders).await;
        let orders = orders.with_context(|| format!("a request got no answer for {patience:?}"))?;
        self.drained.cancel();
        self.publishing.await?;
        let handed_in = orders??;
        let ledger = self.customers.ledger().clone();
        let taken = ledger.told.len() + ledger.published.len();
        ensure!(
            taken == handed_in,
            "{handed_in} messages were handed in, and {taken} answered"
        );
        Ok(ledger)
    }
}

/// Hands in until the stop, each order in a task of its own. How many messages.
async fn hand_in(
    customers: Arc<Customers>,
    ways: Ways,
    per_second: f64,
    first: usize,
    stop: CancellationToken,
) -> Result<usize> {
    let begun = Instant::now();
    let mut under_way = JoinSet::new();
    let mut count = 0;
    'rounds: loop {
        for order in round(ways, first + count) {
            let due = begun + Duration::from_secs_f64(count as f64 / per_second);
            tokio::select! {
                () = stop.cancelled() => break 'rounds,
                () = sleep_until(due) => {}
            }
            let customers = Arc::clone(&customers);
            under_way.spawn(async move { customers.order(order).await });
            count += order.messages();
            while let Some(done) = under_way.try_join_next() {
                done??;
            }
        }
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(count)
}

/// A round of the mix, for the people from `first` on.
fn round(ways: Ways, first: usize) -> Vec<Order> {
    let singles = match ways {
        Ways::HttpAndAmqp => ROUND - PER_BROADCAST,
        Ways::Http => PER_BROADCAST,
    };
    let mut orders: Vec<_> = (0..singles)
        .map(|n| match ways {
            Ways::HttpAndAmqp if n % 2 == 1 => Order::Published { person: first + n },
            Ways::HttpAndAmqp | Ways::Http => Order::Single { person: first + n },
        })
        .collect();
    let mut rest = first + singles;
    while rest + PER_BROADCAST <= first + ROUND {
        orders.push(Order::Broadcast { first: rest });
        rest += PER_BROADCAST;
    }
    orders
}

impl Order {
    fn messages(self) -> usize {
        match self {
            Self::Single { .. } | Self::Published { .. } => 1,
            Self::Broadcast { .. } => PER_BROADCAST,
        }
    }
}

impl Customers {
    fn ledger(&self) -> std::sync::MutexGuard<'_, Client> {
        self.ledger.lock().expect("nobody panics while holding it")
    }

    async fn order(&self, order: Order) -> Result<()> {
        match order {
            Order::Single { person } => {
                let path = "/api/v1/messages/whatsapp";
                let answer = self.ask(path, &format!("order-{person}"), &message(person)).await?;
                self.ledger().note(&answer["data"]["message_id"]).map(drop)
            }
            Order::Published { person } => {
                let key = format!("order-{person}");
                self.publish(&key, &message(person)).await;
                self.ledger().published.insert(key);
                Ok(())
            }
            Order::Broadcast { first } => {
                let people: Vec<_> = (first..first + PER_BROADCAST)
                    .map(|person| json!({"to": seed::recipient(person)}))
                    .collect();
                let body = json!({"recipients": people, "template_name": "hello", "template_language": "en_US"});
                let path = "/api/v1/messages/whatsapp/broadcast";
                let answer = self.ask(path, &format!("broadcast-{first}"), &body).await?;
                let results = answer["data"]["results"].as_array().context("results of a broadcast")?;
                let mut ledger = self.ledger();
                results
                    .iter()
                    .try_for_each(|result| ledger.note(&result["message_id"]).map(drop))
            }
        }
    }

    /// Asks until there is an answer. Without one, with one of 5xx, and with 409 while the first request is still at work, under the
    /// same key again.
    async fn ask(&self, path: &str, key: &str, body: &Value) -> Result<Value> {
        loop {
            let request = self.http.post(format!("{}{path}", self.api));
            let request = request
                .header("x-api-key", &self.api_key)
                .header("idempotency-key", key);
            if let Ok(answer) = request.json(body).send().await {
                let status = answer.status().as_u16();
                if let Ok(answer) = answer.json().await
                    && status < 500
                    && status != 409
                {
                    ensure!(
                        (200..300).contains(&status),
                        "{path} was answered with {status}: {answer}"
                    );
                    return Ok(answer);
                }
            }
            sleep(AGAIN).await;
        }
    }

    /// Publishes until the broker confirms.
    async fn publish(&self, key: &str, body: &Value) {
        let outgoing = Outgoing::new(&self.intake, key::MESSAGE, key.to_owned(), body.to_string());
        let outgoing = outgoing.header("x-api-key", &self.api_key);
        while !self.publisher.publish(vec![outgoing.clone()]).await[0].is_confirmed() {
            sleep(AGAIN).await;
        }
    }
}

fn message(person: usize) -> Value {
    json!({"to": seed::recipient(person), "type": "template", "template": {"name": "hello", "language": {"code": "en_US"}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_takes_every_way_and_names_each_person_once() {
        for ways in [Ways::HttpAndAmqp, Ways::Http] {
            let orders = round(ways, 60);

            let people: Vec<_> = orders
                .iter()
                .flat_map(|order| match *order {
                    Order::Single { person } | Order::Published { person } => person..person + 1,
                    Order::Broadcast { first } => first..first + PER_BROADCAST,
                })
                .collect();
            assert!(people.windows(2).all(|pair| pair[0] < pair[1]), "{people:?}");
            assert_eq!(people.len(), orders.iter().map(|order| order.messages()).sum::<usize>());
        }
    }
}
