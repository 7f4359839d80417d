//! RabbitMQ is restarted, killed, emptied, or out of memory.

use anyhow::Result;
use broker::{Address, Admin, Topology};

use super::scene::{ROLES, Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;
use crate::servers::rabbitmq::PrivateRabbit;
use crate::stack::{Plan, Stack};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Restart,
    Kill,
    Purge,
    Delete,
    Memory,
}

pub(super) const ALL: [(&str, &str, Fault); 5] = [
    ("broker-restart", "RabbitMQ is restarted", Fault::Restart),
    ("broker-kill", "RabbitMQ is killed", Fault::Kill),
    ("broker-purge", "RabbitMQ's send queues are purged", Fault::Purge),
    ("broker-delete", "RabbitMQ's send queues are deleted", Fault::Delete),
    ("broker-memory", "RabbitMQ is out of memory for a while", Fault::Memory),
];

pub(super) async fn play(fault: Fault, size: Size) -> Result<Figures> {
    let mut server = tokio::task::spawn_blocking(|| PrivateRabbit::start("chaos")).await??;
    let plan = Plan {
        amqp_url: Some(server.amqp_url.clone()),
        ..plan()
    };
    let mut scene = Scene::begin(plan, &ROLES, Ways::HttpAndAmqp, size).await?;
    scene.until_posted_more(20).await?;
    while scene.faults() < size.faults {
        scene.fault();
        match fault {
            Fault::Purge => purge(&scene.run.stack).await?,
            Fault::Delete => delete(&scene.run.stack).await?,
            Fault::Restart | Fault::Kill | Fault::Memory => {
                let broken = tokio::task::spawn_blocking(move || strike(fault, server));
                server = broken.await??;
            }
        }
        scene.until_posted_more(size.rate as u64).await?;
    }
    let figures = scene.end(&Expectations::default()).await;
    drop(server);
    figures
}

fn strike(fault: Fault, mut server: PrivateRabbit) -> Result<PrivateRabbit> {
    match fault {
        Fault::Restart => server.restart()?,
        Fault::Kill => {
            server.kill()?;
            server.start_again()?;
        }
        Fault::Memory => {
            server.runs_out_of_memory()?;
            // Longer than any publish waits for its confirm.
            std::thread::sleep(std::time::Duration::from_secs(8));
            server.has_memory()?;
        }
        Fault::Purge | Fault::Delete => {}
    }
    Ok(server)
}

/// Throws away every job that waits.
async fn purge(stack: &Stack) -> Result<()> {
    let topology = Topology::new(&stack.prefix);
    let admin = Admin::open(&Address::parse(&stack.amqp_url)?).await?;
    for queue in [&topology.queues.rt, &topology.queues.bulk] {
        admin.purge(queue).await?;
    }
    Ok(admin.close().await?)
}

async fn delete(stack: &Stack) -> Result<()> {
    let topology = Topology::new(&stack.prefix);
    let admin = Admin::open(&Address::parse(&stack.amqp_url)?).await?;
    for queue in [&topology.queues.rt, &topology.queues.bulk] {
        admin.delete_queue(queue).await?;
    }
    Ok(admin.close().await?)
}
