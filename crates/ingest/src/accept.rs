//! Taking submissions in: one core behind both doors, in batches.
//!
//! ```text
//! look up keys, numbers ─▶ ask for facts ─▶ plan (pure) ─▶ keep the batch (one commit) ─▶ answers
//!                                                                      └─▶ jobs, which nobody waits for
//! ```
//!
//! **Invariants.** An answer that says something was taken is given after its commit. The ids of a submission are chosen when it comes
//! in, so repeating one whose commit is in doubt cannot keep it twice. A lost job is nobody's error: the alarm rings again.

mod balance;
mod broadcast;
mod callback;
mod cards;
mod credit;
mod fallback;
mod gate;
mod keeping;
mod media;
mod message;
mod plan;
mod policies;
mod questions;
mod quota;
mod sender;
mod submission;
mod tier;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use domain::destination::Policy;
use domain::job::Released;
use domain::{NumberId, OrganizationId};
use futures_util::try_join;
use runtime::Clock;
use runtime::crash::{CrashPoint, crash_at};
use store::Store;
use store::intake::{NewAnswer, Start};
use store::policies::KnownPolicies;
use tracing::{error, warn};

use crate::answer::Answer;
use crate::jobs::Jobs;
use crate::problem::{Code, Problem};

pub(crate) use broadcast::summarize;
use cards::Cards;
use keeping::Closing;
pub(crate) use plan::reason_json;
use plan::{Known, Plan};
use policies::Tally;
pub use submission::{Key, Submission};

/// Takes submissions in. Clones are the same.
#[derive(Debug, Clone)]
pub struct Core {
    store: Store,
    clock: Clock,
    jobs: Jobs,
    cards: Cards,
    policies: KnownPolicies,
    outbound: Arc<Policy>,
}

/// What became of one submission in a round; `None`: somebody took its key meanwhile, ask again.
type Outcome = (usize, Option<Answer>);

impl Core {
    /// A core that keeps in `store` and rings with `jobs`.
    pub fn new(store: Store, clock: Clock, jobs: Jobs) -> Self {
        Self {
            store,
            clock,
            jobs,
            cards: Cards::default(),
            policies: KnownPolicies::default(),
            outbound: Arc::default(),
        }
    }

    /// The same, with exceptions from what a `webhook_url` or a link may be.
    #[must_use]
    pub fn allowing(mut self, outbound: Policy) -> Self {
        self.outbound = Arc::new(outbound);
        self
    }

    /// Takes a batch in and gives each submission, in order, the answer that is its own, as if it had come alone.
    pub async fn accept(&self, submissions: &[Submission]) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = submissions.iter().map(|_| None).collect();
        let mut open: Vec<usize> = (0..submissions.len()).collect();
        while !open.is_empty() {
            let (round, mut later) = one_per_key(submissions, &open);
            for (place, answer) in self.round_or_one_by_one(submissions, &round).await {
                match answer {
                    Some(answer) => answers[place] = Some(answer),
                    None => later.push(place),
                }
            }
            later.sort_unstable();
            open = later;
        }
        let all = answers.into_iter();
        all.map(|answer| answer.expect("a submission leaves the open ones with its answer"))
            .collect()
    }

    /// A round; when it fails for a reason that may lie in one submission, each by itself, so that one cannot sink the others.
    async fn round_or_one_by_one(&self, submissions: &[Submission], round: &[usize]) -> Vec<Outcome> {
        let failed = match self.round(submissions, round).await {
            Ok(outcomes) => return outcomes,
            Err(error) => error,
        };
        if round.len() == 1 || failed.is_unavailable() {
            let answer = |place: &usize| (*place, Some(failure(&submissions[*place], &failed)));
            return round.iter().map(answer).collect();
        }
        warn!(
            rows = round.len(),
            "keeping a batch failed, trying its submissions one by one: {}",
            chain(&failed)
        );
        let mut outcomes = Vec::with_capacity(round.len());
        for place in round {
            match self.round(submissions, &[*place]).await {
                Ok(outcome) => outcomes.extend(outcome),
                Err(error) => outcomes.push((*place, Some(failure(&submissions[*place], &error)))),
            }
        }
        outcomes
    }

    async fn round(&self, submissions: &[Submission], round: &[usize]) -> Result<Vec<Outcome>, store::Error> {
        let started = Instant::now();
        let now = self.clock.now();
        let intake = self.store.intake().await?;
        let at = |place: usize| &submissions[place];
        let (keys, organizations) = keys_and_organizations(round.iter().map(|place| at(*place)));
        let (before, numbers) = try_join!(intake.answers(&keys), intake.numbers(&organizations, now))?;

        let mut outcomes = Vec::with_capacity(round.len());
        let mut new = Vec::with_capacity(round.len());
        for place in round {
            match earlier_answer(at(*place), &before) {
                Some(answer) => outcomes.push((*place, Some(answer))),
                None => new.push(*place),
            }
        }

        let policies = intake.policies(&self.policies, &numbers).await?;
        let choosing = sender::choosing(new.iter().map(|place| at(*place)), &numbers);
        let room = intake.credit(&choosing, now).await?;
        let asking = questions::Asking {
            numbers: &numbers,
            policies: &policies,
            room: &room,
            now,
        };
        let asked = asking.of(&new.iter().map(|place| at(*place)).collect::<Vec<_>>());
        let facts = intake.facts(&asked, now).await?;
        let known = Known {
            numbers: &numbers,
            facts: &facts,
            policies: &policies,
            room: &room,
            links: &self.outbound,
            now,
        };
        let mut payers = self.cards.payers(&intake, &numbers).await?;
        let mut plans = Vec::with_capacity(new.len());
        let mut tally = Tally::default();
        for place in new {
            let planned =
                callback::check(at(place), &self.outbound).and_then(|()| plan::of(at(place), &known, &mut tally));
            match planned.and_then(|plan| balance::pass(plan, &mut payers)) {
                Ok(plan) => {
                    tally.keep(&plan);
                    plans.push((place, plan));
                }
                Err(problem) => {
                    tally.forget();
                    outcomes.push((place, Some(problem.into())));
                }
            }
        }

        let used: HashSet<NumberId> = plans.iter().map(|(_, plan)| plan.number()).collect();
        let used: Vec<NumberId> = used.into_iter().collect();
        let free = intake.credit(&used, now).await?;
        let closing = Closing {
            submissions,
            policies: &policies,
            free,
            now,
        };
        crash_at(CrashPoint::I1);
        let (plans, taken) = self.keep(intake, plans, &closing).await?;
        crash_at(CrashPoint::I2);

        let mut released = Vec::new();
        let throughput: HashMap<NumberId, u32> = numbers.iter().map(|number| (number.id, number.throughput)).collect();
        for (place, plan) in plans {
            let key = at(place)
                .key
                .as_ref()
                .map(|key| (at(place).organization, key.text.clone()));
            if key.is_some_and(|key| taken.contains(&key)) {
                outcomes.push((place, None));
                continue;
            }
            plan.rows.iter().flat_map(|row| &row.flags).for_each(flagged);
            released.extend(plan.queued(&throughput));
            outcomes.push((place, Some(plan.answer)));
        }
        self.jobs.ring(released);
        metrics::histogram!("turnpike_ingest_batch_seconds").record(started.elapsed().as_secs_f64());
        metrics::counter!("turnpike_ingest_submissions_total").increment(u64::try_from(round.len()).unwrap_or(0));
        Ok(outcomes)
    }
}

fn flagged(check: &&'static str) {
    metrics::counter!("turnpike_ingest_flagged_total", "check" => *check).increment(1);
}

/// The first submission of every key, and those that must wait until it has its answer.
fn one_per_key(submissions: &[Submission], open: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut seen = HashSet::new();
    open.iter().partition(|place| {
        let submission = &submissions[**place];
        let key = submission.key.as_ref();
        key.is_none_or(|key| seen.insert((submission.organization, key.text.as_str())))
    })
}

fn keys_and_organizations<'a>(
    submissions: impl Iterator<Item = &'a Submission>,
) -> (Vec<(OrganizationId, String)>, Vec<OrganizationId>) {
    let (mut keys, mut organizations) = (Vec::new(), HashSet::new());
    for submission in submissions {
        organizations.insert(submission.organization);
        keys.extend(
            submission
                .key
                .as_ref()
                .map(|key| (submission.organization, key.text.clone())),
        );
    }
    (keys, organizations.into_iter().collect())
}

/// The answer that a submission's key got before, or that the key belongs to another request.
fn earlier_answer(submission: &Submission, before: &[NewAnswer]) -> Option<Answer> {
    let key = submission.key.as_ref()?;
    let earlier = before
        .iter()
        .find(|answer| answer.organization == submission.organization && answer.key == key.text)?;
    if earlier.request_hash != key.request_hash {
        return Some(conflict().into());
    }
    Some(replayed(earlier))
}

/// The answer to a request under a key that belongs to another one.
pub(crate) fn conflict() -> Problem {
    Problem::new(
        Code::IdempotencyConflict,
        "This idempotency key was used for another request; use a new key, or send the same request again.",
    )
}

/// An answer that was given before, again.
pub(crate) fn replayed(earlier: &NewAnswer) -> Answer {
    Answer {
        status: earlier.status,
        body: serde_json::from_str(&earlier.answer).unwrap_or_else(|_| Problem::internal().to_json()),
        recorded: true,
        replayed: true,
        pagination: None,
        retry_after: None,
    }
}

fn failure(submission: &Submission, failed: &store::Error) -> Answer {
    if failed.is_lock_timeout() && submission.key.is_some() {
        let problem = Problem::new(
            Code::IdempotencyInFlight,
            "A request with this idempotency key is being processed; ask again in a moment.",
        );
        return problem.retry_after(1).into();
    }
    let (id, why) = (submission.public_id(), chain(failed));
    error!(request.first_id = %id, "keeping the request of {id} failed: {why}");
    Problem::from(failed).into()
}

/// The error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

impl Plan {
    /// The rows that go to the broker now.
    fn queued(&self, throughput: &HashMap<NumberId, u32>) -> Vec<Released> {
        let rows = self.rows.iter().filter(|row| matches!(row.start, Start::Queued { .. }));
        let released = rows.map(|row| Released {
            id: row.id,
            number: row.number,
            lane: row.lane,
            throughput: throughput.get(&row.number).copied().unwrap_or(1),
        });
        released.collect()
    }
}
