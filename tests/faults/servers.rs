//! PostgreSQL and RabbitMQ crash, or are restarted, while messages come in and go out.

use std::time::Duration;

use testkit::history::Expectations;
use testkit::servers::postgres::PrivatePostgres;
use testkit::servers::rabbitmq::PrivateRabbit;
use testkit::stack::Plan;
use tokio::task::JoinHandle;

use super::{Run, pace};

const MESSAGES: usize = 2000;

async fn postgres(name: &'static str) -> (PrivatePostgres, Plan) {
    let server = tokio::task::spawn_blocking(move || PrivatePostgres::start(name))
        .await
        .unwrap()
        .unwrap();
    let plan = Plan {
        database_url: Some(server.database_url.clone()),
        ..pace(300)
    };
    (server, plan)
}

/// Hands in more messages while `breaking` goes on, some of which will not be answered.
async fn hand_in_meanwhile<T>(run: &mut Run, breaking: JoinHandle<anyhow::Result<T>>) -> T {
    let mut first = MESSAGES + run.client.told.len() + run.client.in_doubt;
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    while !breaking.is_finished() {
        pace.tick().await;
        // No answer is an answer too: the customer notes that it is in doubt. The people are others each time.
        let _ = run.client.broadcast(&run.stack, first, 20).await;
        first += 20;
    }
    breaking.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_restarted_under_load_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let (mut server, plan) = postgres("restarted").await;
    let mut run = Run::start(plan, 2).await.unwrap();

    run.load(MESSAGES).await.unwrap();
    for posted in [300, 1000] {
        run.until_posted(posted).await.unwrap();
        let restarting = tokio::task::spawn_blocking(move || server.restart_fast().map(|()| server));
        server = hand_in_meanwhile(&mut run, restarting).await;
    }

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
    drop(run);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_killed_under_load_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let (mut server, plan) = postgres("killed").await;
    let mut run = Run::start(plan, 2).await.unwrap();

    run.load(MESSAGES).await.unwrap();
    run.until_posted(500).await.unwrap();
    let restarting = tokio::task::spawn_blocking(move || {
        server.kill()?;
        std::thread::sleep(Duration::from_secs(1));
        server.start_again().map(|()| server)
    });
    server = hand_in_meanwhile(&mut run, restarting).await;

    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
    drop(run);
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_killed_under_load_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let mut server = tokio::task::spawn_blocking(|| PrivateRabbit::start("killed"))
        .await
        .unwrap()
        .unwrap();
    let plan = Plan {
        amqp_url: Some(server.amqp_url.clone()),
        ..pace(300)
    };
    let mut run = Run::start(plan, 2).await.unwrap();

    run.load(MESSAGES).await.unwrap();
    run.until_posted(500).await.unwrap();
    let restarting = tokio::task::spawn_blocking(move || {
        server.kill()?;
        server.start_again().map(|()| server)
    });
    server = hand_in_meanwhile(&mut run, restarting).await;

    run.until_quiet().await.unwrap();
    assert_eq!(run.client.in_doubt, 0, "the API answers while the broker is away");
    run.check(&Expectations::default()).await.unwrap();
    drop(run);
    drop(server);
}
