//! A process dies at a named point, is started again, and dies there again.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use domain::State;
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use runtime::crash::{CrashPoint, VARIABLE};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::scene::{ROLES, Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;
use crate::program::Program;
use crate::run::with;
use crate::stack::Plan;

/// For a process to come to its point.
const SOON: Duration = Duration::from_secs(90);
/// Between two provocations.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn play(point: CrashPoint, size: Size) -> Result<Figures> {
    let mut rng = StdRng::seed_from_u64(size.seed ^ point as u64);
    let mut roles = ROLES.to_vec();
    let one = roles.iter().position(|role| *role == point.role());
    roles.remove(one.context("every point has a role of the fleet")?);
    let mut scene = Scene::begin(circumstances(point), &roles, Ways::HttpAndAmqp, size).await?;

    let begun = Instant::now();
    while scene.faults() < size.faults {
        let passes = rng.random_range(1..=most_passes(point));
        if die_once(point, passes, &mut scene).await? {
            scene.fault();
        }
        ensure!(
            begun.elapsed() < SOON * u32::try_from(size.faults)?,
            "{point:?}: {} deaths only",
            scene.faults()
        );
    }
    scene.run.stack.start_role(point.role()).await?;
    scene.end(&expectations(point)).await
}

/// Starts a process that is to die at the point when it passes it for that many times, and waits for its end. False when it came to
/// another end, which only a drain may.
async fn die_once(point: CrashPoint, passes: u64, scene: &mut Scene) -> Result<bool> {
    let armed = scene
        .run
        .stack
        .settings
        .clone()
        .with(VARIABLE, format!("{point:?}:{passes}"));
    let mark = format!("crash point {point:?}:");
    let program = match scene.run.stack.starting(point.role(), &armed).await? {
        Ok(program) => program,
        // It died before it said where it listens.
        Err(error) if format!("{error:#}").contains(&mark) => return Ok(true),
        Err(error) => return Err(error),
    };
    let id = program.id();
    scene.run.stack.add(program)?;
    if matches!(point, CrashPoint::H1 | CrashPoint::H2) {
        // Whoever delivers webhooks keeps its connections, and would stay with the other ingest for ever.
        let other = scene.run.stack.place_of("ingest").context("another ingest")?;
        scene.run.stack.stop(other).await?;
        scene.run.stack.start_role("ingest").await?;
    }

    let begun = Instant::now();
    loop {
        let programs = &mut scene.run.stack.programs;
        let place = programs.iter().position(|program| program.id() == id);
        let place = place.context("nobody else takes it")?;
        if programs[place].has_ended() {
            let lines = scene.run.stack.take(place).kill();
            let at_its_point = lines.iter().any(|line| line.contains(&mark));
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            scene.run.stack.last_words.extend(lines);
            if !at_its_point && point != CrashPoint::W12 {
                bail!("{} ended, and not at {point:?}:\n{last}", point.role());
            }
            return Ok(at_its_point);
        }
        if begun.elapsed() > SOON {
            let lines = programs[place].lines();
            let last = lines[lines.len().saturating_sub(15)..].join("\n");
            bail!("{} did not come to {point:?} within {SOON:?}:\n{last}", point.role());
        }
        provoke(point, scene, place).await?;
        sleep(AGAIN).await;
    }
}

/// Makes happen what does not happen by itself.
async fn provoke(point: CrashPoint, scene: &Scene, place: usize) -> Result<()> {
    let overdue = match point {
        // As if the jobs of all that wait had been lost long ago.
        CrashPoint::S4 => "state = 20",
        // The attempts go on; their leases are only called over.
        CrashPoint::R1 => "state = 30 AND claimed_at < now() - interval '50 ms'",
        CrashPoint::R2 => "state = 40",
        CrashPoint::W12 => {
            ask_to_stop(&scene.run.stack.programs[place]).await;
            return Ok(());
        }
        _ => return Ok(()),
    };
    scene.run.overdue(overdue).await
}

/// Once, and not before it works.
async fn ask_to_stop(program: &Program) {
    let lines = program.lines();
    let is_ready = lines.iter().any(|line| line.contains("ready: "));
    if is_ready && !lines.iter().any(|line| line.contains("waiting for")) {
        sleep(AGAIN * 3).await;
        // It may have ended meanwhile.
        let _ = program.signal(Signal::SIGTERM);
    }
}

/// How often the point may be passed before the end, so that not every death finds the same.
fn most_passes(point: CrashPoint) -> u64 {
    match point {
        CrashPoint::S1 => 20,
        CrashPoint::S2 | CrashPoint::S3 | CrashPoint::H1 | CrashPoint::H2 | CrashPoint::R3 => 3,
        CrashPoint::S4 | CrashPoint::R1 | CrashPoint::R2 => 2,
        CrashPoint::W12 => 1,
        _ => 8,
    }
}

fn circumstances(point: CrashPoint) -> Plan {
    let faults = |faults: Value| with_more(plan(), json!({ "faults": faults }));
    match point {
        // Numbers whose pace is just too slow, so that rows wait in the ledger to be released, in several jobs.
        CrashPoint::S1 | CrashPoint::S2 | CrashPoint::S3 => {
            let mut slow = plan();
            slow.tenant.throughput = 15;
            slow.more_numbers = 3;
            slow
        }
        CrashPoint::W12 => with_more(plan(), json!({"latency": {"min_ms": 300, "max_ms": 900}})),
        CrashPoint::R2 => faults(json!([
            {"kind": "lost_response", "recipients": ["*7"]},
            {"kind": "no_statuses", "recipients": ["*7"]}
        ])),
        CrashPoint::R3 => faults(json!([{"kind": "error", "code": 131_026, "probability": 0.3}])),
        _ => plan(),
    }
}

fn with_more(plan: Plan, more: Value) -> Plan {
    let mut simulator = plan.simulator.clone().unwrap_or_else(|| json!({}));
    for (name, value) in more.as_object().into_iter().flatten() {
        simulator[name] = value.clone();
    }
    with(plan, simulator)
}

fn expectations(point: CrashPoint) -> Expectations {
    // A call that had begun in another task of the process, and did not reach Meta, cannot be told from one that did.
    let usual = Expectations::default().or(State::Unknown);
    match point {
        CrashPoint::R2 => Expectations {
            silent: true,
            delivered: None,
            ..usual
        },
        CrashPoint::R3 => usual.or(State::Failed),
        _ => usual,
    }
}
