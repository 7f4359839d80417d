//! Roles as processes: they say when they are ready and where, answer for their health, and stop in order.

use testkit::database::{self, TestDatabase};

use crate::invocation::{borrowed, call, http, ledger};
use crate::running::Running;

/// What every role needs, with a prefix of its own on the shared broker and free ports.
pub(crate) fn variables(database: &TestDatabase, prefix: &str) -> Vec<(&'static str, String)> {
    let mut variables = ledger(database);
    variables.extend([
        ("TURNPIKE_AMQP_URL", database.amqp_url.clone()),
        ("TURNPIKE_AMQP_PREFIX", format!("{prefix}-{}", std::process::id())),
        ("TURNPIKE_HTTP_ADDR", "127.0.0.1:0".to_owned()),
        ("TURNPIKE_META_APP_SECRET", "app-secret".to_owned()),
        ("TURNPIKE_META_VERIFY_TOKEN", "verify-token".to_owned()),
    ]);
    variables
}

/// Removes what a test declared on the shared broker.
pub(crate) async fn clean_up(database: &TestDatabase, prefix: &str) {
    let address = broker::Address::parse(&database.amqp_url).unwrap();
    let admin = broker::Admin::open(&address).await.unwrap();
    let topology = broker::Topology::new(&format!("{prefix}-{}", std::process::id()));
    admin.delete(&topology).await.unwrap();
    admin.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_alone_gets_ready_answers_for_its_health_and_stops_in_order() {
    let database = database::fresh().await;
    let variables = variables(&database, "roles");
    for role in ["ingest", "scheduler", "sender", "receipts", "notifier"] {
        let mut program = Running::start(&[role], &variables);
        let admin = program.word_after("health and metrics are at ");
        assert_eq!(program.word_after("ready: "), role);

        let ready = http().get(format!("{admin}/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 200, "{role}: {}", ready.text().await.unwrap());
        let metrics = http().get(format!("{admin}/metrics")).send().await.unwrap();
        assert_eq!(metrics.status(), 200, "{role}");
        let (status, said) = program.stop();

        assert!(status.success(), "{role}: {status}:\n{said}");
        assert!(
            said.contains("stopped, everything in hand was finished"),
            "{role}:\n{said}"
        );
        // Not WARN: a broker that is slow to say goodbye is worth a word, and no fault of the role.
        assert!(!said.contains(" ERROR "), "{role}:\n{said}");
    }
    clean_up(&database, "roles").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_runs_all_roles_on_a_database_that_it_migrated_itself() {
    let database = database::empty().await;

    let mut program = Running::start(&["run", "--migrate"], &variables(&database, "all"));
    let admin = program.word_after("health and metrics are at ");
    let api = program.word_after("listening on ");
    program.word_after("ready: ");

    let report = http().get(format!("{admin}/readyz")).send().await.unwrap();
    assert_eq!(report.status(), 200, "{}", report.text().await.unwrap());
    let refused = http().get(format!("{api}/api/v1/messages/x")).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = "hub.mode=subscribe&hub.challenge=42&hub.verify_token=verify-token";
    let answer = http()
        .get(format!("{api}/webhooks/meta?{challenge}"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "42");
    let (status, said) = program.stop();

    assert!(status.success(), "{status}:\n{said}");
    clean_up(&database, "all").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told_at_start() {
    let database = database::fresh().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let mut variables = variables(&database, "taken");
    variables.retain(|(name, _)| *name != "TURNPIKE_HTTP_ADDR");
    variables.push(("TURNPIKE_HTTP_ADDR", taken.clone()));

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
