//! Roles as processes: they say when they are ready and where, answer for their health, and stop in order.

use std::time::Duration;

use testkit::database::{self, TestDatabase};
use testkit::program::{Program, Settings};

use crate::invocation::{borrowed, call, ledger};

const DEADLINE: Duration = Duration::from_secs(20);

fn settings(database: &TestDatabase, prefix: &str) -> Settings {
    Settings::new(
        &database.url,
        &database.amqp_url,
        &format!("{prefix}-{}", std::process::id()),
    )
    .with("TURNPIKE_HTTP_ADDR", "127.0.0.1:0")
    .with("TURNPIKE_META_APP_SECRET", "app-secret")
    .with("TURNPIKE_META_VERIFY_TOKEN", "verify-token")
}

/// Starts it and waits until it says that it is ready; the address of its health endpoint.
async fn started(arguments: Vec<&'static str>, settings: Settings) -> (Program, String) {
    let starting = tokio::task::spawn_blocking(move || {
        let serves = ["ingest", "run"].contains(&arguments[0]);
        let mut program = Program::start(&arguments, &settings, serves)?;
        let admin = program.wait_for_line(DEADLINE, |line| {
            let (_, url) = line.split_once("health and metrics are at ")?;
            url.split_whitespace().next().map(str::to_owned)
        })?;
        program.wait_for_line(DEADLINE, |line| line.contains("ready: ").then_some(()))?;
        anyhow::Ok((program, admin))
    });
    starting.await.unwrap().unwrap()
}

async fn stopped(program: Program) -> std::process::ExitStatus {
    tokio::task::spawn_blocking(move || program.stop())
        .await
        .unwrap()
        .unwrap()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .build()
        .unwrap()
}

/// Removes what a test declared on the shared broker.
async fn clean_up(database: &TestDatabase, prefix: &str) {
    let address = broker::Address::parse(&database.amqp_url).unwrap();
    let admin = broker::Admin::open(&address).await.unwrap();
    let topology = broker::Topology::new(&format!("{prefix}-{}", std::process::id()));
    admin.delete(&topology).await.unwrap();
    admin.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_alone_gets_ready_answers_for_its_health_and_stops_in_order() {
    let database = database::fresh().await;
    for role in ["ingest", "scheduler", "sender", "receipts", "notifier"] {
        let (program, admin) = started(vec![role], settings(&database, "roles")).await;

        let ready = http().get(format!("{admin}/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 200, "{role}: {}", ready.text().await.unwrap());
        let metrics = http().get(format!("{admin}/metrics")).send().await.unwrap();
        assert_eq!(metrics.status(), 200, "{role}");
        let ended = stopped(program).await;

        assert!(ended.success(), "{role}: {ended}");
    }
    clean_up(&database, "roles").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_runs_all_roles_on_a_database_that_it_migrated_itself() {
    let database = database::empty().await;

    let (program, admin) = started(vec!["run", "--migrate"], settings(&database, "all")).await;

    let report: serde_json::Value = http()
        .get(format!("{admin}/readyz"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(report["ready"], true, "{report}");
    let refused = http()
        .get(format!("{}/api/v1/messages/x", program.url))
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = format!(
        "{}/webhooks/meta?hub.mode=subscribe&hub.challenge=42&hub.verify_token=verify-token",
        program.url
    );
    assert_eq!(http().get(challenge).send().await.unwrap().text().await.unwrap(), "42");
    let ended = stopped(program).await;
    assert!(ended.success(), "{ended}");
    clean_up(&database, "all").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told_at_start() {
    let database = database::fresh().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut variables = ledger(&database);
    variables.extend([
        ("TURNPIKE_AMQP_URL", database.amqp_url.clone()),
        ("TURNPIKE_AMQP_PREFIX", format!("taken-{}", std::process::id())),
        ("TURNPIKE_META_APP_SECRET", "a".to_owned()),
        ("TURNPIKE_META_VERIFY_TOKEN", "b".to_owned()),
        ("TURNPIKE_HTTP_ADDR", taken.clone()),
    ]);

    let said = call(&["ingest"], &borrowed(&variables));

    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.stderr
            .contains(&format!("listening on {taken}; choose another TURNPIKE_HTTP_ADDR")),
        "{}",
        said.stderr
    );
    clean_up(&database, "taken").await;
}
