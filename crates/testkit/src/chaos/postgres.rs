//! PostgreSQL is restarted, killed, or does its work and is not heard of.

use std::time::Duration;

use anyhow::Result;

use super::scene::{ROLES, Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;
use crate::proxy::{Ending, Ends, Faults, Proxy, Way};
use crate::servers::postgres::PrivatePostgres;
use crate::stack::{Plan, Stack};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Restart,
    Kill,
    Cut,
}

pub(super) const ALL: [(&str, &str, Fault); 3] = [
    ("postgres-restart", "PostgreSQL is restarted (fast)", Fault::Restart),
    ("postgres-kill", "PostgreSQL is killed and recovers", Fault::Kill),
    (
        "postgres-cut",
        "every connection to PostgreSQL breaks in its next answer, a COMMIT's too",
        Fault::Cut,
    ),
];

pub(super) async fn play(fault: Fault, size: Size) -> Result<Figures> {
    if fault == Fault::Cut {
        return cut(size).await;
    }
    let mut server = tokio::task::spawn_blocking(|| PrivatePostgres::start("chaos")).await??;
    let plan = Plan {
        database_url: Some(server.database_url.clone()),
        ..plan()
    };
    let mut scene = Scene::begin(plan, &ROLES, Ways::HttpAndAmqp, size).await?;
    scene.until_posted_more(20).await?;
    while scene.faults() < size.faults {
        scene.fault();
        let broken = tokio::task::spawn_blocking(move || strike(fault, server));
        server = broken.await??;
        scene.until_posted_more(size.rate as u64).await?;
    }
    let figures = scene.end(&Expectations::default()).await;
    drop(server);
    figures
}

fn strike(fault: Fault, mut server: PrivatePostgres) -> Result<PrivatePostgres> {
    if fault == Fault::Kill {
        server.kill()?;
        std::thread::sleep(Duration::from_secs(1));
        server.start_again()?;
    } else {
        server.restart_fast()?;
    }
    Ok(server)
}

/// What was asked for is done, committed, and its answer breaks off: nobody but the server knows.
async fn cut(size: Size) -> Result<Figures> {
    let mut stack = Stack::prepare(plan()).await?;
    let (proxy, through) = Proxy::before(&stack.database.url).await?;
    stack.settings = stack.settings.clone().with("TURNPIKE_DATABASE_URL", through);
    stack.build_door().await?;
    for role in ROLES {
        stack.start_role(role).await?;
    }
    let mut scene = Scene::on(stack, Ways::HttpAndAmqp, size)?;
    scene.until_posted_more(20).await?;
    while scene.faults() < size.faults {
        scene.fault();
        let before = proxy.tally().broken;
        let broken = Way {
            ends: Some(Ends {
                after: 11 * scene.faults() as u64,
                how: Ending::Reset,
            }),
            ..Way::default()
        };
        let faults = Faults {
            to_client: broken,
            ..Faults::default()
        };
        proxy.set(faults).await;
        // As many as one of each kind of process, each in its next answer.
        scene
            .until("answers that break off", async || {
                Ok(proxy.tally().broken >= before + 10)
            })
            .await?;
        proxy.heal().await;
        scene.until_posted_more(size.rate as u64).await?;
    }
    let struck = proxy.tally().broken;
    scene.end_with(struck, &Expectations::default()).await
}
