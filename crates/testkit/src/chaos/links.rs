//! A link breaks again and again, or stands still: both ends live on, each with its own idea of what happened.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use domain::State;
use tokio::time::sleep;

use super::scene::{ROLES, Scene, plan};
use super::{Figures, Size};
use crate::history::Expectations;
use crate::load::Ways;
use crate::proxy::{Ending, Ends, Faults, Latency, Proxy, Way};
use crate::stack::Stack;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Broken(Link),
    Still(Link),
    Slow,
}

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Database,
    Broker,
    Meta,
    /// Customers' requests, and Meta's webhooks.
    Ingest,
}

pub(super) const ALL: [(&str, &str, Fault); 7] = [
    (
        "link-postgres",
        "connections to PostgreSQL break anywhere, either way",
        Fault::Broken(Link::Database),
    ),
    (
        "link-rabbitmq",
        "connections to RabbitMQ break anywhere, either way",
        Fault::Broken(Link::Broker),
    ),
    (
        "link-meta",
        "calls of Meta break anywhere, either way",
        Fault::Broken(Link::Meta),
    ),
    (
        "link-ingest",
        "requests and webhooks break anywhere, either way",
        Fault::Broken(Link::Ingest),
    ),
    (
        "link-postgres-still",
        "the link to PostgreSQL stands still for a while",
        Fault::Still(Link::Database),
    ),
    (
        "link-rabbitmq-still",
        "the link to RabbitMQ stands still until heartbeats miss",
        Fault::Still(Link::Broker),
    ),
    ("links-slow", "every link is slow and comes in slices", Fault::Slow),
];

/// Longer than slots are given out ahead, so that every claim under way has lost its slot when its answer comes.
const STILL: Duration = Duration::from_secs(4);
/// Longer than two heartbeats of the broker's clients.
const SILENT: Duration = Duration::from_secs(30);

pub(super) async fn play(fault: Fault, size: Size) -> Result<Figures> {
    let mut stack = Stack::prepare(plan()).await?;
    let links: &[Link] = match &fault {
        Fault::Broken(Link::Ingest) => &[],
        Fault::Broken(link) | Fault::Still(link) => &[*link],
        Fault::Slow => &[Link::Database, Link::Broker, Link::Meta],
    };
    let mut proxies = Vec::new();
    for link in links {
        proxies.push(lead_through(&mut stack, *link).await?);
    }
    stack.build_door().await?;
    for role in ROLES {
        stack.start_role(role).await?;
    }
    let mut scene = Scene::on(stack, Ways::HttpAndAmqp, size)?;
    scene.until_posted_more(20).await?;
    if fault == Fault::Slow {
        for proxy in &proxies {
            proxy.set(Faults::both_ways(slow())).await;
        }
        scene.fault();
        scene.until_posted_more(size.messages as u64).await?;
        let passed: u64 = proxies.iter().map(|proxy| proxy.tally().to_client).sum();
        ensure!(passed > 0, "nothing came through the slow links");
        return scene.end(&Expectations::default()).await;
    }
    let rounds = match fault {
        Fault::Still(Link::Broker) => 2,
        // Each of the four ways to break.
        _ => size.faults.max(4),
    };
    while scene.faults() < rounds {
        scene.fault();
        match fault {
            Fault::Still(link) => {
                let still = Way {
                    stalled: true,
                    ..Way::default()
                };
                proxies[0].set(Faults::both_ways(still)).await;
                sleep(if link == Link::Broker { SILENT } else { STILL }).await;
                proxies[0].heal().await;
            }
            _ => break_once(&scene, proxies.first()).await?,
        }
        scene.until_posted_more(size.rate as u64).await?;
    }
    // A call that broke off before it reached Meta cannot be told from one that did.
    let expectations = match fault {
        Fault::Broken(Link::Meta) => Expectations::default().or(State::Unknown),
        _ => Expectations::default(),
    };
    let broken = match proxies.first() {
        Some(proxy) => proxy.tally().broken,
        None => scene.run.stack.door()?.tally().broken,
    };
    let struck = broken.max(scene.faults() as u64);
    scene.end_with(struck, &expectations).await
}

/// Every process to come reaches this server through a proxy.
async fn lead_through(stack: &mut Stack, link: Link) -> Result<Proxy> {
    let (variable, url) = match link {
        Link::Database => ("TURNPIKE_DATABASE_URL", stack.database.url.clone()),
        Link::Broker => ("TURNPIKE_AMQP_URL", stack.amqp_url.clone()),
        Link::Meta | Link::Ingest => ("TURNPIKE_META_BASE_URL", stack.meta.base_url()),
    };
    let (proxy, through) = Proxy::before(&url).await?;
    stack.settings = stack.settings.clone().with(variable, through);
    Ok(proxy)
}

/// Every connection at once, or some in the middle of what passes; each time at another place: within a frame, a header, a row, the answer
/// to a commit.
async fn break_once(scene: &Scene, proxy: Option<&Proxy>) -> Result<()> {
    let proxy = match proxy {
        Some(proxy) => proxy,
        None => scene.run.stack.door()?,
    };
    let round = scene.faults() as u64;
    let way = |how| Way {
        ends: Some(Ends { after: 37 * round, how }),
        ..Way::default()
    };
    let mut faults = Faults::default();
    match round % 4 {
        0 => {
            proxy.cut();
            return Ok(());
        }
        1 => faults.to_client = way(Ending::Reset),
        2 => faults.to_upstream = way(Ending::Reset),
        _ => faults.to_client = way(Ending::HalfClose),
    }
    let before = proxy.tally().broken;
    proxy.set(faults).await;
    scene
        .until("a connection that breaks", async || Ok(proxy.tally().broken > before))
        .await
        .context("the link was not used")?;
    proxy.heal().await;
    Ok(())
}

fn slow() -> Way {
    Way {
        latency: Latency::between(Duration::from_millis(1), Duration::from_millis(15)),
        slice: NonZeroUsize::new(100),
        ..Way::default()
    }
}
