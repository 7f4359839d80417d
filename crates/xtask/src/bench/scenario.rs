//! The scenarios: what is handed in, how long it takes, what it costs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::ValueEnum;
use runtime::Clock;
use testkit::figures;

use super::load::{Broadcasts, Singles};
use super::measurement::{Measurement, Pace, Percentiles};
use super::rig::{Events, Machines, Plan, Rig};
use super::usage::{Group, Snapshot, Watch};
use super::{Options, statements};

/// Recipients of a broadcast: as many as one request may have.
const PER_REQUEST: usize = 256;
/// HTTP connections that a closed load uses.
const CONNECTIONS: usize = 4;
/// Warms up connections, prepared statements and caches; its recipients are nobody else's.
const WARM_UP: usize = 64;
const WARM_UP_FROM: usize = 9_000_000;
/// Meta's time to answer where a number's pace is measured, in milliseconds.
const PACED_LATENCY: u64 = 150;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A backlog handed in over HTTP, 256 recipients in a request
    Broadcast,
    /// A backlog of single messages handed in over AMQP
    Intake,
    /// As broadcast, with three status webhooks for every message, until the last is applied
    Webhooks,
    /// One number of 80, then of 1,000 messages a second, Meta answering after 150 ms
    Pace,
    /// Broadcasts by the clock, at half the rate that `broadcast` reached
    Open,
}

/// One thing to measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scenario {
    pub(super) kind: Kind,
    pub(super) senders: usize,
    pub(super) messages: usize,
    /// The number's messages per second, where that is what is measured.
    pub(super) limit: u32,
    pub(super) events: Events,
}

impl Scenario {
    /// What these options ask for, in order.
    pub(super) fn all(options: &Options) -> Vec<Self> {
        let mut scenarios = Vec::new();
        for &senders in &options.senders {
            for &kind in options.kinds() {
                let messages = options.messages.unwrap_or(match kind {
                    Kind::Broadcast => 100_000,
                    Kind::Intake | Kind::Webhooks | Kind::Pace | Kind::Open => 50_000,
                }) as usize;
                let limits: &[u32] = if kind == Kind::Pace {
                    &[80, 1000]
                } else {
                    &[options.throughput]
                };
                for (&limit, &events) in limits
                    .iter()
                    .flat_map(|limit| options.events.iter().map(move |events| (limit, events)))
                {
                    let messages = match kind {
                        Kind::Pace => limit as usize * options.seconds as usize,
                        _ => messages,
                    };
                    scenarios.push(Self {
                        kind,
                        senders,
                        messages,
                        limit,
                        events,
                    });
                }
            }
        }
        scenarios
    }

    /// The same in every call, so that results can be compared.
    pub(super) fn name(&self, options: &Options) -> String {
        let what = match self.kind {
            Kind::Broadcast => "broadcast over HTTP".to_owned(),
            Kind::Intake => "singles over AMQP".to_owned(),
            Kind::Webhooks => "broadcast and statuses".to_owned(),
            Kind::Pace => format!("one number of {}/s", self.limit),
            Kind::Open => format!("open load, {} a request", options.open_recipients),
        };
        let latency = match (self.kind, options.latency) {
            (Kind::Pace, _) | (_, 0) => String::new(),
            (_, latency) => format!(", Meta {latency} ms"),
        };
        let senders = if self.senders == 1 {
            "1 sender".to_owned()
        } else {
            format!("{} senders", self.senders)
        };
        format!("{what}{latency}, {senders}{}", self.events.words())
    }

    /// Measures once. `half` is half the rate of the last `broadcast`, for the open load.
    pub(super) async fn run(&self, machines: &Machines, options: &Options, half: Option<f64>) -> Result<Measurement> {
        let is_paced = self.kind == Kind::Pace;
        let plan = Plan {
            senders: self.senders,
            numbers: if is_paced { 1 } else { options.numbers },
            throughput: self.limit,
            latency: if is_paced { PACED_LATENCY } else { options.latency },
            webhooks: self.kind == Kind::Webhooks,
            statements: options.statements,
            explain: options.explain,
            sql: options.sql()?,
            events: self.events,
        };
        let rig = Rig::start(machines, plan).await?;
        warm_up(&rig, is_paced).await?;
        let messages = match (self.kind, options.rate.or(half)) {
            (Kind::Open, Some(rate)) => (rate * f64::from(options.seconds)).ceil() as usize,
            _ => self.messages,
        };
        let load = self.prepare(&rig, messages, options, half).await?;
        if options.statements {
            figures::forget_statements(&rig.database.store).await?;
        }

        let groups: Vec<Group> = [machines.groups(), rig.roles(), vec![rig.meta.group()]].concat();
        let watch = Watch::start(rig.roles());
        let before = Snapshot::take()?;
        let (began, stopwatch) = (Clock::system().now(), Instant::now());
        let answers = load.run().await?;
        let handed_in = stopwatch.elapsed();
        rig.until_idle(patience(messages)).await?;
        let told_later = match self.events {
            Events::Told | Events::Heard => Some(rig.until_told(patience(messages)).await?),
            Events::Off | Events::Written => None,
        };
        let after = Snapshot::take()?;
        let memory = watch.finish();

        let began = began.timestamp_micros() as f64 / 1e6;
        let run = figures::of_run(&rig.database.store, began).await?;
        let report = rig.meta.report().await?;
        ensure!(
            run.accepted == messages as u64 && run.messages == run.accepted,
            "{} of {messages} messages were accepted; others (by state and reason): {}\n{}",
            run.accepted,
            run.others,
            rig.logs()
        );
        let mut notes = vec![
            format!("handed in after {:.1} s", handed_in.as_secs_f64()),
            format!("{:.2} claims a message", run.claims as f64 / messages as f64),
        ];
        if let Some(later) = told_later {
            notes.push(format!("all told {:.1} s later", later.as_secs_f64()));
        }
        if !report.ok {
            notes.push(format!("VIOLATIONS {:?}", report.violations.counts));
        }
        if self.kind == Kind::Webhooks {
            notes.push(format!(
                "{} read, {} updates in {} POSTs",
                run.read, report.webhooks.delivered, report.webhooks.posts_ok
            ));
        }
        let ended = run
            .last_recorded_at
            .into_iter()
            .chain(run.last_applied_at)
            .fold(began, f64::max);
        let seconds = ended - began;
        let per_thousand = |time: Duration| time.as_secs_f64() * 1e6 / messages as f64;
        let mut cpu: std::collections::BTreeMap<String, f64> = groups
            .iter()
            .map(|group| {
                let used = after
                    .of_trees(&group.roots)
                    .saturating_sub(before.of_trees(&group.roots));
                (group.name.clone(), per_thousand(used))
            })
            .collect();
        cpu.insert(
            "client".to_owned(),
            per_thousand(after.of_ourselves() - before.of_ourselves()),
        );
        if options.statements {
            statements::print(
                &self.name(options),
                &figures::statements(&rig.database.store).await?,
                messages,
            );
        }
        Ok(Measurement {
            scenario: self.name(options),
            messages: messages as u64,
            seconds,
            per_second: messages as f64 / seconds,
            cpu,
            memory,
            post_ms: post_percentiles(&run),
            answer_ms: Percentiles::of(answers),
            pace: if is_paced { Some(self.pace(&rig).await?) } else { None },
            notes,
        })
    }

    async fn prepare(&self, rig: &Rig, messages: usize, options: &Options, half: Option<f64>) -> Result<Load> {
        Ok(match self.kind {
            Kind::Broadcast | Kind::Webhooks | Kind::Pace => {
                Load::Closed(Broadcasts::prepare(rig, 0, messages, PER_REQUEST)?)
            }
            Kind::Intake => Load::Singles(Singles::prepare(rig, 0, messages).await?),
            Kind::Open => {
                let Some(rate) = options.rate.or(half) else {
                    anyhow::bail!("an open load needs a rate: measure `broadcast` in the same call, or give --rate");
                };
                let every = Duration::from_secs_f64(f64::from(options.open_recipients) / rate);
                Load::Open(
                    Broadcasts::prepare(rig, 0, messages, options.open_recipients as usize)?,
                    every,
                )
            }
        })
    }

    /// As the stand-in for Meta saw it, the warm-up left out.
    async fn pace(&self, rig: &Rig) -> Result<Pace> {
        let arrivals = rig.meta.arrivals().await?;
        let mut times: Vec<u64> = arrivals
            .iter()
            .skip(WARM_UP.min(self.limit as usize))
            .map(|(at, _)| *at)
            .collect();
        times.sort_unstable();
        let busiest_second = times
            .iter()
            .enumerate()
            .map(|(first, from)| times[first..].partition_point(|at| *at < from + 1_000_000_000))
            .max();
        let span = times.last().zip(times.first()).map_or(0, |(last, first)| last - first);
        Ok(Pace {
            limit: self.limit,
            used: times.len().saturating_sub(1) as f64 / (span as f64 / 1e9) / f64::from(self.limit),
            busiest_second: busiest_second.unwrap_or_default() as u64,
        })
    }
}

/// A load, ready to go.
enum Load {
    Closed(Broadcasts),
    Open(Broadcasts, Duration),
    Singles(Singles),
}

impl Load {
    /// Milliseconds of each HTTP request.
    async fn run(self) -> Result<Vec<f64>> {
        match self {
            Self::Closed(broadcasts) => broadcasts.closed(CONNECTIONS).await,
            Self::Open(broadcasts, every) => broadcasts.open(every).await,
            Self::Singles(singles) => singles.publish().await.map(|()| Vec::new()),
        }
    }
}

/// A few messages by every way, so that what is done once is not measured.
async fn warm_up(rig: &Rig, is_paced: bool) -> Result<()> {
    let broadcasts = if is_paced { 1 } else { rig.phones.len() };
    let messages = WARM_UP * broadcasts;
    Broadcasts::prepare(rig, WARM_UP_FROM, messages, WARM_UP)?
        .closed(1)
        .await?;
    if !is_paced {
        Singles::prepare(rig, WARM_UP_FROM + messages, WARM_UP)
            .await?
            .publish()
            .await?;
    }
    rig.until_idle(Duration::from_secs(60)).await
}

/// Long enough for a slow machine, and an end for one that hangs.
fn patience(messages: usize) -> Duration {
    Duration::from_secs(60) + Duration::from_millis(10) * u32::try_from(messages).unwrap_or(u32::MAX)
}

fn post_percentiles(run: &figures::Run) -> Option<Percentiles> {
    Some(Percentiles {
        p50: run.post_p50_ms?,
        p90: run.post_p90_ms?,
        p99: run.post_p99_ms?,
        most: run.post_most_ms?,
    })
}
