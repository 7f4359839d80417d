//! Each link of a sender, broken again and again under load: both ends live on, each with its own idea of what happened.

use std::num::NonZeroUsize;
use std::time::Duration;

use domain::{Delivery, State};
use simulator::{Fault, FaultKind};
use testkit::history::Expectations;
use testkit::proxy::{Arrivals, Ending, Ends, Faults, Latency, Proxy, Way};
use testkit::stack::{Plan, Stack};
use tokio::time::Instant;

use super::{Run, pace, slow};

const MESSAGES: usize = 2000;
const SENDERS: usize = 2;

/// Which server a sender reaches through the proxy.
#[derive(Debug, Clone, Copy)]
enum Server {
    Database,
    Broker,
    Meta,
}

/// A pipeline whose senders reach this server through a proxy.
async fn behind_a_proxy(server: Server, plan: Plan) -> (Run, Proxy) {
    let mut run = Run::without_senders(plan).await.unwrap();
    let (variable, url) = match server {
        Server::Database => ("TURNPIKE_DATABASE_URL", run.stack.database.url.clone()),
        Server::Broker => ("TURNPIKE_AMQP_URL", run.stack.database.amqp_url.clone()),
        Server::Meta => ("TURNPIKE_META_BASE_URL", run.stack.meta.base_url()),
    };
    let (proxy, through) = Proxy::before(&url).await.unwrap();
    run.stack.settings = run.stack.settings.clone().with(variable, through);
    run.senders(SENDERS).await.unwrap();
    (run, proxy)
}

/// Breaks the link while the load lasts, ten times in all: every connection at once, or in the middle of what passes either way.
async fn break_ten_times(run: &Run, proxy: &Proxy) {
    for round in 0..10_u64 {
        // While more than the broker holds is still to come, so that something passes.
        run.until_posted(MESSAGES as u64 * (round + 1) / 16).await.unwrap();
        // Each time at another place: within a frame, a header, a row, the answer to a commit.
        let after = 37 * (round + 1);
        let mut faults = Faults::default();
        match round % 4 {
            0 => {
                proxy.cut();
                continue;
            }
            1 => faults.to_client = reset_after(after),
            2 => faults.to_upstream = reset_after(after),
            _ => faults.to_client = half_closed_after(after),
        }
        strike(run, proxy, faults).await;
    }
}

fn reset_after(after: u64) -> Way {
    ending(after, Ending::Reset)
}

fn half_closed_after(after: u64) -> Way {
    ending(after, Ending::HalfClose)
}

fn ending(after: u64, how: Ending) -> Way {
    Way {
        ends: Some(Ends { after, how }),
        ..Way::default()
    }
}

/// Keeps faults in force until they broke something.
async fn strike(run: &Run, proxy: &Proxy, faults: Faults) {
    let before = proxy.tally().broken;
    proxy.set(faults.clone()).await;
    let begun = Instant::now();
    while proxy.tally().broken == before {
        let report = run.stack.meta.report();
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{faults:?} broke nothing, at {} posts: {:?}\n{}",
            report.posts,
            proxy.tally(),
            run.last_words()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    proxy.heal().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_postgresql_that_breaks_again_and_again_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Database, pace(300)).await;

    run.load(MESSAGES).await.unwrap();
    break_ten_times(&run, &proxy).await;

    run.until_quiet().await.unwrap();
    assert!(proxy.tally().broken >= 10, "{:?}", proxy.tally());
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_of_a_messaging_limit_is_still_there_after_refusals_and_broken_links() {
    let _turn = testkit::exclusive();
    // As many people as fit: a place that is lost leaves somebody waiting for a day, one that is counted twice lets one too many in.
    let mut plan = pace(300);
    plan.tenant.tier = "TIER_2K";
    let (mut run, proxy) = behind_a_proxy(Server::Database, plan).await;
    run.load(MESSAGES).await.unwrap();
    let refused = FaultKind::Error {
        code: 131_026,
        http_status: None,
    };
    let throttled = Fault::new(FaultKind::Throttle).with_probability(0.05).times(40);
    let faults = [throttled, Fault::new(refused).with_probability(0.05)];
    run.stack.meta.set_faults(faults).unwrap();

    break_ten_times(&run, &proxy).await;

    run.until_quiet().await.unwrap();
    let failed = run.count(State::Failed).await.unwrap();
    assert!(failed > 50, "{failed} refusals are too few to tell");
    run.check(&Expectations::default().or(State::Failed)).await.unwrap();
    let places = "SELECT members FROM limit_scope WHERE max_members IS NOT NULL";
    let places = run.stack.database.store.raw(places).await.unwrap();
    assert_eq!(
        places[0]["members"].as_u64(),
        Some(MESSAGES as u64 - failed),
        "who was refused gave the place back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_rabbitmq_that_breaks_again_and_again_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Broker, pace(300)).await;

    run.load(MESSAGES).await.unwrap();
    break_ten_times(&run, &proxy).await;

    run.until_quiet().await.unwrap();
    assert!(proxy.tally().broken >= 10, "{:?}", proxy.tally());
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_meta_that_breaks_again_and_again_doubles_nothing_and_webhooks_tell_what_was_accepted() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Meta, slow(pace(300))).await;

    run.load(MESSAGES).await.unwrap();
    break_ten_times(&run, &proxy).await;

    run.until_quiet().await.unwrap();
    assert!(proxy.tally().broken >= 10, "{:?}", proxy.tally());
    run.end_holds().await.unwrap();
    // What never reached Meta cannot be told from what did, so it is not sent again; what did was told by its webhooks.
    run.check(&Expectations::default().or(State::Unknown)).await.unwrap();
    let proven =
        "SELECT count(*) AS n FROM attempt a JOIN message m USING (id) WHERE a.outcome = 'unknown' AND m.state = 50";
    let proven = run.stack.database.store.raw(proven).await.unwrap();
    assert!(
        proven[0]["n"].as_i64() > Some(20),
        "too little was under way to prove anything: {proven:?}"
    );
    let unknown = run.count(State::Unknown).await.unwrap();
    assert!(unknown < MESSAGES as u64 / 10, "{unknown} messages ended as unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_behind_links_that_break_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let mut stack = Stack::prepare(pace(300)).await.unwrap();
    let (database, through_database) = Proxy::before(&stack.database.url).await.unwrap();
    let (broker, through_broker) = Proxy::before(&stack.database.amqp_url).await.unwrap();
    stack.settings = stack
        .settings
        .clone()
        .with("TURNPIKE_DATABASE_URL", through_database)
        .with("TURNPIKE_AMQP_URL", through_broker);
    let mut run = Run::of(stack).await.unwrap();
    run.senders(SENDERS).await.unwrap();

    let mut first = 0;
    for round in 0..10 {
        for _ in 0..5 {
            // What falls into a break is in doubt, and noted as such.
            let _ = run.client.broadcast(&run.stack, first, 40).await;
            first += 40;
        }
        let (proxy, other) = if round % 2 == 0 {
            (&database, &broker)
        } else {
            (&broker, &database)
        };
        strike(
            &run,
            proxy,
            Faults {
                to_client: reset_after(61 * (round + 1)),
                ..Faults::default()
            },
        )
        .await;
        other.cut();
    }

    run.until_quiet().await.unwrap();
    assert!(
        run.client.told.len() > 1000,
        "{} of {first} were taken",
        run.client.told.len()
    );
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_postgresql_that_stands_still_holds_messages_up_and_does_no_harm() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Database, pace(300)).await;
    let still = |to_upstream, to_client| Faults {
        to_upstream: Way {
            stalled: to_upstream,
            ..Way::default()
        },
        to_client: Way {
            stalled: to_client,
            ..Way::default()
        },
        ..Faults::default()
    };

    run.load(1000).await.unwrap();
    for (posted, faults) in [(100, still(false, true)), (300, still(true, false))] {
        run.until_posted(posted).await.unwrap();
        proxy.set(faults).await;
        // Longer than slots are given out ahead, so that every claim under way has lost its slot when its answer comes.
        let silence = run.stack.meta.report().posts + 100;
        let went_on = run
            .stack
            .meta
            .wait_for(Duration::from_secs(4), |report| report.posts >= silence)
            .await;
        assert!(went_on.is_err(), "something was posted without a ledger");
        proxy.heal().await;
    }

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_rabbitmq_that_falls_silent_is_noticed_and_replaced() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Broker, pace(300)).await;

    run.load(MESSAGES).await.unwrap();
    run.until_posted(200).await.unwrap();
    let before = proxy.tally().connections;
    let silent = Way {
        stalled: true,
        ..Way::default()
    };
    proxy.set(Faults::both_ways(silent)).await;
    // Nobody closes anything: only the missing heartbeats tell. Each sender has a connection to consume and one to publish.
    testkit::until(Duration::from_secs(40), "new connections", async || {
        (proxy.tally().connections >= before + 2 * SENDERS as u64).then_some(())
    })
    .await;
    proxy.heal().await;

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_that_cannot_be_reached_is_tried_again_and_nothing_is_uncertain() {
    let _turn = testkit::exclusive();
    let (mut run, proxy) = behind_a_proxy(Server::Meta, pace(300)).await;
    let refused = Faults {
        arrivals: Arrivals::Refused,
        ..Faults::default()
    };

    proxy.set(refused).await;
    run.load(300).await.unwrap();
    testkit::until(Duration::from_secs(20), "a refused connection", async || {
        let failures = run
            .stack
            .database
            .store
            .raw("SELECT count(*) AS n FROM message WHERE failures > 0")
            .await;
        (failures.ok()?[0]["n"].as_i64()? > 0).then_some(())
    })
    .await;
    proxy.heal().await;

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_links_that_come_in_slices_change_nothing() {
    let _turn = testkit::exclusive();
    let mut run = Run::without_senders(pace(300)).await.unwrap();
    let way = Way {
        latency: Latency::between(Duration::from_millis(1), Duration::from_millis(15)),
        slice: NonZeroUsize::new(100),
        ..Way::default()
    };
    let mut proxies = Vec::new();
    for (variable, url) in [
        ("TURNPIKE_DATABASE_URL", run.stack.database.url.clone()),
        ("TURNPIKE_AMQP_URL", run.stack.database.amqp_url.clone()),
        ("TURNPIKE_META_BASE_URL", run.stack.meta.base_url()),
    ] {
        let (proxy, through) = Proxy::before(&url).await.unwrap();
        proxy.set(Faults::both_ways(way.clone())).await;
        run.stack.settings = run.stack.settings.clone().with(variable, through);
        proxies.push(proxy);
    }
    run.senders(SENDERS).await.unwrap();

    run.load(500).await.unwrap();

    run.until_quiet().await.unwrap();
    for proxy in &proxies {
        assert!(proxy.tally().to_client > 0, "{:?}", proxy.tally());
    }
    let expectations = Expectations {
        delivered: Some(Delivery::Read),
        ..Expectations::default()
    };
    run.check(&expectations).await.unwrap();
}
