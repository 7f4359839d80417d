//! Records how attempts ended, many at once.

use std::sync::Arc;
use std::time::Duration;

use domain::webhook::Disabled;
use runtime::{Clock, batch};
use store::Store;
use store::webhooks::Outcome;
use tokio::sync::{Notify, mpsc};
use tracing::warn;

const MOST: usize = 256;
const WINDOW: Duration = Duration::from_millis(2);
/// Tries, one second apart. What is not recorded then is delivered again when its lease ends.
const TRIES: u32 = 20;

/// Records until the last attempt has ended, and says whenever there is room for more.
pub(super) async fn run(store: Store, clock: Clock, mut outcomes: mpsc::Receiver<Outcome>, freed: Arc<Notify>) {
    while let Some(batch) = batch::next(&mut outcomes, MOST, WINDOW).await {
        for attempt in 1..=TRIES {
            match store.record_deliveries(&batch, rand::random(), clock.now()).await {
                Ok(disabled) => {
                    disabled.into_iter().for_each(tell);
                    break;
                }
                Err(error) if attempt < TRIES => {
                    warn!("{error} failed, trying again in a second");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Err(error) => warn!(
                    deliveries = batch.len(),
                    "{error} failed for good, {} webhooks are delivered again when their lease ends",
                    batch.len()
                ),
            }
        }
        freed.notify_one();
    }
}

fn tell((endpoint, why): (domain::EndpointId, Disabled)) {
    let words = match why {
        Disabled::Gone => "it answered 410",
        Disabled::Failing | Disabled::Operator => "it has taken nothing for days",
    };
    metrics::counter!("turnpike_endpoints_disabled_total", "reason" => why.as_str()).increment(1);
    warn!(
        webhook.endpoint = %endpoint,
        "webhook endpoint {endpoint} is disabled: {words}; `turnpike webhook update {endpoint} --enable` when it is well again"
    );
}
