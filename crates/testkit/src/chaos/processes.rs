//! Processes are restarted in order, or stand still and come back.

use anyhow::{Context, Result, ensure};
use domain::State;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use super::scene::{ROLES, Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Rolling,
    Standstill,
}

pub(super) const ALL: [(&str, &str, Fault); 2] = [
    (
        "rolling-restart",
        "every process stopped in order and replaced",
        Fault::Rolling,
    ),
    (
        "standstill",
        "a sender stands still past its leases, then goes on",
        Fault::Standstill,
    ),
];

pub(super) async fn play(fault: Fault, size: Size) -> Result<Figures> {
    let scene = Scene::begin(plan(), &ROLES, Ways::HttpAndAmqp, size).await?;
    scene.until_posted_more(20).await?;
    match fault {
        Fault::Rolling => rolling(scene, size).await,
        Fault::Standstill => standstill(scene, size).await,
    }
}

/// The oldest of the fleet goes, a new one comes, until all are new; again and again.
async fn rolling(mut scene: Scene, size: Size) -> Result<Figures> {
    for _ in 0..size.rolls {
        for _ in ROLES {
            let stack = &mut scene.run.stack;
            let role = stack.programs.first().context("a fleet")?.name().to_owned();
            stack.start_role(&role).await?;
            stack.stop(0).await?;
            scene.fault();
        }
    }
    let figures = scene.end(&Expectations::default()).await?;
    ensure!(
        figures.uncertain == 0,
        "{} attempts were uncertain though every process finished what it had in hand",
        figures.uncertain
    );
    Ok(figures)
}

async fn standstill(mut scene: Scene, size: Size) -> Result<Figures> {
    let place = scene.run.stack.place_of("sender").context("a sender")?;
    let id = scene.run.stack.programs[place].id();
    scene.run.stack.programs[place].signal(Signal::SIGSTOP)?;
    scene.fault();
    sleep(size.standstill).await;
    scene.until_posted_more(20).await?;
    let place = scene.run.stack.programs.iter().position(|program| program.id() == id);
    let stopped = &scene.run.stack.programs[place.context("it only stood still")?];
    stopped.signal(Signal::SIGCONT)?;
    scene.until_posted_more(20).await?;
    // A call that was under way may have been broken off by its timeout; its webhook tells.
    scene.end(&Expectations::default().or(State::Unknown)).await
}
