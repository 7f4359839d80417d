//! The one task that posts webhooks: takes updates, waits for their time, packs, signs, posts, repeats what failed.
//!
//! **Invariant:** an update leaves the engine only answered with 200, given up, or dropped by a reset.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::outbox::Outbox;
use super::update::Scheduled;
use super::{payload, signature};
use crate::config::{Config, Webhooks};
use crate::state::State;

/// What the engine is told.
#[derive(Debug)]
pub(crate) enum Command {
    /// Deliver these.
    Schedule(Vec<Scheduled>),
    /// Drop everything that is waiting or under way, reset the referee, and say so.
    Reset(oneshot::Sender<()>),
}

/// A body on its way.
#[derive(Debug)]
struct Post {
    body: Bytes,
    /// Updates inside, by name.
    contents: BTreeMap<&'static str, u64>,
    /// Sign the first delivery wrongly.
    spoil: bool,
    tries: u32,
    first_tried_ns: u64,
    waiters: Vec<oneshot::Sender<()>>,
}

pub(crate) struct Engine {
    state: Arc<State>,
    client: reqwest::Client,
    outbox: Outbox,
    retries: BTreeMap<(u64, u64), Post>,
    retried: u64,
    ready: VecDeque<Post>,
    under_way: JoinSet<(Post, bool)>,
}

impl Engine {
    pub(crate) fn new(state: Arc<State>, client: reqwest::Client) -> Self {
        Self {
            state,
            client,
            outbox: Outbox::default(),
            retries: BTreeMap::new(),
            retried: 0,
            ready: VecDeque::new(),
            under_way: JoinSet::new(),
        }
    }

    /// Runs until told to stop; what is under way then is dropped.
    pub(crate) async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>, shutdown: CancellationToken) {
        loop {
            let wake_ns = self.start_due();
            let sleep = async {
                match wake_ns {
                    Some(ns) => tokio::time::sleep_until(self.state.clock.instant(ns).into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                command = commands.recv() => match command {
                    Some(command) => self.obey(command, &mut commands),
                    None => return,
                },
                Some(ended) = self.under_way.join_next(), if !self.under_way.is_empty() => {
                    if let Ok((post, ok)) = ended {
                        self.finish(post, ok);
                    }
                }
                () = sleep => {}
            }
        }
    }

    /// Takes a command and whatever else has arrived, so that a flood costs one pass and not one pass each.
    fn obey(&mut self, first: Command, commands: &mut mpsc::UnboundedReceiver<Command>) {
        let mut next = Some(first);
        while let Some(command) = next {
            match command {
                Command::Schedule(updates) => updates.into_iter().for_each(|update| self.outbox.push(update)),
                Command::Reset(done) => {
                    self.outbox.clear();
                    self.retries.clear();
                    self.ready.clear();
                    self.under_way = JoinSet::new();
                    self.state.referee().reset();
                    self.state.note_change();
                    let _ = done.send(()); // the asker may have gone away
                }
            }
            next = commands.try_recv().ok();
        }
    }

    /// Starts every POST that is due and has a free slot; returns when to look again (`None`: when something happens).
    fn start_due(&mut self) -> Option<u64> {
        let config = self.state.config();
        let now_ns = self.state.clock.now_ns();
        let flush_ns = config.webhooks.batch_flush_ms * 1_000_000;
        while let Some(entry) = self.retries.first_entry()
            && entry.key().0 <= now_ns
        {
            self.ready.push_back(entry.remove());
        }
        while self.under_way.len() < config.webhooks.concurrency {
            let post = match self.ready.pop_front() {
                Some(post) => post,
                None => match self.outbox.next_batch(now_ns, config.webhooks.batch_max, flush_ns) {
                    Some(batch) => pack(batch, &config.webhooks, now_ns),
                    None => break,
                },
            };
            self.start(post, &config);
        }
        if self.under_way.len() >= config.webhooks.concurrency {
            return None;
        }
        let retry = self.retries.first_key_value().map(|((due_ns, _), _)| *due_ns);
        [retry, self.outbox.wakes_at_ns(flush_ns)].into_iter().flatten().min()
    }

    fn start(&mut self, mut post: Post, config: &Config) {
        let Some(url) = &config.webhook_url else {
            self.give_up(post);
            return;
        };
        let spoiled = post.spoil && post.tries == 0;
        let signature = signature::sign(
            if spoiled {
                "not the app secret"
            } else {
                &config.app_secret
            },
            &post.body,
        );
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "facebookexternalua")
            .header(signature::HEADER, signature)
            .timeout(Duration::from_millis(config.webhooks.timeout_ms))
            .body(post.body.clone());
        post.tries += 1;
        self.under_way.spawn(async move {
            let ok = match request.send().await {
                Ok(response) => response.status() == reqwest::StatusCode::OK,
                Err(error) => {
                    debug!(%error, "posting a webhook failed, it will be repeated");
                    false
                }
            };
            (post, ok)
        });
    }

    fn finish(&mut self, mut post: Post, ok: bool) {
        for waiter in post.waiters.drain(..) {
            let _ = waiter.send(()); // the POST that waited may have been cut meanwhile
        }
        self.state.referee().webhook_posted(ok, post.tries > 1);
        if ok {
            self.state.referee().webhook_delivered(&post.contents);
        } else {
            let settings = self.state.config().webhooks.clone();
            let now_ns = self.state.clock.now_ns();
            let due_ns = now_ns.saturating_add(gap_ns(post.tries, &settings));
            if due_ns.saturating_sub(post.first_tried_ns) > settings.give_up_after_ms.saturating_mul(1_000_000) {
                self.give_up(post);
            } else {
                self.retried += 1;
                self.retries.insert((due_ns, self.retried), post);
            }
        }
        self.state.note_change();
    }

    fn give_up(&mut self, post: Post) {
        self.state.referee().webhook_given_up(post.contents.values().sum());
        self.state.note_change();
    }
}

fn pack(batch: Vec<Scheduled>, settings: &Webhooks, now_ns: u64) -> Post {
    let body = payload::pack(&batch, settings.contacts).into();
    let mut contents = BTreeMap::new();
    for scheduled in &batch {
        *contents.entry(scheduled.update.name()).or_default() += 1;
    }
    Post {
        body,
        contents,
        spoil: batch.iter().any(|scheduled| scheduled.bad_signature),
        tries: 0,
        first_tried_ns: now_ns,
        waiters: batch.into_iter().filter_map(|scheduled| scheduled.tried).collect(),
    }
}

/// The wait after so many failed tries: doubling, up to a bound.
fn gap_ns(tries: u32, settings: &Webhooks) -> u64 {
    let doubled = settings
        .retry_first_ms
        .saturating_mul(1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX));
    doubled.min(settings.retry_most_ms).saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_between_repetitions_grow_up_to_a_bound() {
        let settings = Webhooks {
            retry_first_ms: 100,
            retry_most_ms: 1_000,
            ..Webhooks::default()
        };

        let gaps: Vec<u64> = [1, 2, 3, 4, 5, 80]
            .iter()
            .map(|&tries| gap_ns(tries, &settings) / 1_000_000)
            .collect();

        assert_eq!(gaps, [100, 200, 400, 800, 1_000, 1_000]);
    }
}
