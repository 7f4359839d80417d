//! Meta answers badly, late, or not at all, to a share of the messages.

use anyhow::Result;
use domain::State;
use simulator::FaultKind;

use super::scene::{Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;

/// Shares of the messages that are struck, in percent.
pub(super) const SHARES: [u32; 3] = [1, 10, 50];

/// How long a call is held that gets no answer; the connection is closed then.
const HELD_MS: u64 = 2_000;
/// Refusals of a storm, whatever their share; each slows the number down or holds it.
const STORM: u64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Timeout,
    Reset,
    ErrorAccepted,
    ErrorNotAccepted,
    Storm,
    Truncated,
    Html,
}

pub(super) const ALL: [(&str, &str, Fault); 7] = [
    ("meta-timeout", "Meta accepts and never answers", Fault::Timeout),
    ("meta-reset", "Meta accepts and breaks the connection", Fault::Reset),
    (
        "meta-5xx-accepted",
        "Meta accepts and answers 500",
        Fault::ErrorAccepted,
    ),
    (
        "meta-5xx-refused",
        "Meta answers 500 and does not accept",
        Fault::ErrorNotAccepted,
    ),
    ("meta-429", "Meta throttles (130429)", Fault::Storm),
    (
        "meta-truncated",
        "Meta accepts and its answer breaks off",
        Fault::Truncated,
    ),
    ("meta-html", "Meta accepts and answers with a page", Fault::Html),
];

/// Fewer processes: what is tried here goes on inside one.
const ROLES: [&str; 5] = ["ingest", "scheduler", "receipts", "sender", "sender"];

pub(super) async fn play(fault: Fault, percent: u32, size: Size) -> Result<Figures> {
    let mut scene = Scene::begin(plan(), &ROLES, Ways::HttpAndAmqp, size).await?;
    let share = f64::from(percent) / 100.0;
    let mut struck = simulator::Fault::new(kind(fault)).with_probability(share);
    if fault == Fault::Storm {
        struck = struck.times(STORM);
    }
    scene.run.stack.meta.set_faults([struck])?;
    if opens_the_circuit(fault, percent) {
        // The senders' circuit breaker lets a few calls through now and then, and the rest waits until Meta is well again.
        let (posted, tried) = (|| scene.run.stack.meta.report().posts, size.messages as u64 / 8);
        let before = posted();
        let tried = async || Ok(scene.taken() >= size.messages && posted() >= before + tried);
        scene
            .until("messages to be taken in, and some to be tried", tried)
            .await?;
    } else {
        // At Meta, not only taken in: what is handed in may wait.
        scene.until_posted_more(size.messages as u64).await?;
    }
    if percent == 1 {
        // A share so small may strike late.
        let struck = || scene.run.stack.meta.report().faults.values().sum::<u64>();
        scene.until("a fault to strike", async || Ok(struck() > 0)).await?;
    }
    scene.fault();
    let faults = scene.run.stack.meta.report().faults.values().sum();
    scene.run.stack.meta.set_faults([])?;
    let expectations = Expectations::default();
    let expectations = match fault {
        // A refusal that cannot be told from an acceptance, and no webhook that tells either.
        Fault::ErrorNotAccepted => expectations.or(State::Unknown),
        _ => expectations,
    };
    scene.end_with(faults, &expectations).await
}

/// Whether so many calls end in a 5xx that hardly any are made.
fn opens_the_circuit(fault: Fault, percent: u32) -> bool {
    matches!(fault, Fault::ErrorAccepted | Fault::ErrorNotAccepted) && percent >= 30
}

fn kind(fault: Fault) -> FaultKind {
    match fault {
        Fault::Timeout => FaultKind::TimeoutAfterAccept { hold_ms: HELD_MS },
        Fault::Reset => FaultKind::LostResponse,
        Fault::ErrorAccepted => FaultKind::Http500Accepted,
        Fault::ErrorNotAccepted => FaultKind::Http500NotAccepted,
        Fault::Storm => FaultKind::Throttle,
        Fault::Truncated => FaultKind::TruncatedJson,
        Fault::Html => FaultKind::Html200,
    }
}
