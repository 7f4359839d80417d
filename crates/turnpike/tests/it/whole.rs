//! The way a newcomer walks: migrate, apply, simulator, run, send, status. Nothing but the executable.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::database;

use crate::apply::ACME;
use crate::invocation::{Said, borrowed, call, call_with_input, http};
use crate::roles::{clean_up, variables};
use crate::running::Running;

const DEADLINE: Duration = Duration::from_secs(20);

fn json(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_database_to_a_message_that_was_read() {
    let database = database::empty().await;
    let mut variables = variables(&database, "whole");
    variables.push(("ACME_META_TOKEN", "EAAB-token".to_owned()));
    let file = std::env::temp_dir().join(format!("turnpike-whole-{}.toml", std::process::id()));
    std::fs::write(&file, ACME).unwrap();
    let path = file.to_str().unwrap();

    // Given an installation,
    assert_eq!(call(&["migrate"], &borrowed(&variables)).code, Some(0));
    let applied = json(&call(&["apply", path, "--json"], &borrowed(&variables)));
    let items = applied["items"].as_array().unwrap();
    let key = items.iter().find_map(|item| item["key"].as_str()).unwrap().to_owned();
    let mut simulator = Running::start(
        &["simulator", "--listen", "127.0.0.1:0", "--declaration", path],
        &variables,
    );
    let meta = simulator.word_after("listening on ");
    std::fs::remove_file(&file).unwrap();
    variables.push(("TURNPIKE_META_BASE_URL", meta.clone()));
    let mut pipeline = Running::start(&["run"], &variables);
    let api = pipeline.word_after("listening on ");
    let webhooks = json!({"webhook_url": format!("{api}/webhooks/meta")});
    let configured = http()
        .put(format!("{meta}/_sim/config"))
        .json(&webhooks)
        .send()
        .await
        .unwrap();
    assert!(configured.status().is_success(), "{configured:?}");
    pipeline.word_after("ready: ");
    let terminal = [("TURNPIKE_URL", api.as_str()), ("TURNPIKE_API_KEY", key.as_str())];

    // when a message and a broadcast are sent from a terminal,
    let template = ["--template", "order_update", "--param", "Ana", "--param", "A-17"];
    let sent = call(
        &[&["send", "--to", "+16660000000", "--wait", "--json"], &template[..]].concat(),
        &terminal,
    );
    let recipients = "to,1,2\n+16660000001,Ben,A-18\n+16660000002,\"Cleo, the second\",A-19\n";
    let arguments = ["broadcast", "--template", "order_update", "--to-file", "-", "--json"];
    let broadcast = json(&call_with_input(&arguments, &terminal, recipients));

    // then both arrive, and the referee has nothing to object.
    let sent = json(&sent);
    assert_ne!(sent["data"]["status"], "pending", "--wait waits: {sent}");
    let id = sent["data"]["message_id"].as_str().unwrap();
    testkit::until(DEADLINE, "the message to be read", async || {
        let message = json(&call(&["status", id, "--json"], &terminal));
        (message["data"]["status"] == "read").then_some(())
    })
    .await;
    assert_eq!(broadcast["data"]["summary"]["failed"], 0, "{broadcast}");
    let report = testkit::until(DEADLINE, "three messages at the simulator", async || {
        let report: Value = http()
            .get(format!("{meta}/_sim/report"))
            .send()
            .await
            .ok()?
            .json()
            .await
            .ok()?;
        (report["accepted"] == 3).then_some(report)
    })
    .await;
    assert_eq!(report["ok"], true, "{report}");
    let (status, said) = pipeline.stop();
    assert!(status.success(), "{status}:\n{said}");
    assert!(!said.contains(" ERROR "), "{said}");
    clean_up(&database, "whole").await;
}
