//! Processes die without a word, or stand still and come back.

use std::time::Duration;

use domain::State;
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use serde_json::json;
use testkit::client::Client;
use testkit::history::Expectations;
use testkit::seed;

use super::{Run, pace, slow};

const MESSAGES: usize = 2000;

/// The order in which a pipeline starts its programs.
const ROLES: [&str; 5] = ["ingest", "scheduler", "receipts", "sender", "sender"];

/// Kills a program and starts another in its place.
async fn replace(run: &mut Run, place: usize) {
    let program = run.stack.programs.remove(place);
    tokio::task::spawn_blocking(move || program.kill()).await.unwrap();
    run.stack.start_role(ROLES[place]).await.unwrap();
    let new = run.stack.programs.pop().unwrap();
    run.stack.programs.insert(place, new);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_killed_in_turn_under_load_costs_no_message_and_doubles_none() {
    let _turn = testkit::exclusive();
    let mut run = Run::start(slow(pace(300)), 2).await.unwrap();
    // The next ingest comes where the last one was.
    let addr = run.stack.api.trim_start_matches("http://").to_owned();
    run.stack.settings = run.stack.settings.clone().with("TURNPIKE_HTTP_ADDR", addr);

    run.load(MESSAGES).await.unwrap();
    for round in 0..10 {
        run.until_posted(150 * (round as u64 + 1)).await.unwrap();
        replace(&mut run, round % ROLES.len()).await;
    }

    run.until_quiet().await.unwrap();
    run.end_holds().await.unwrap();
    // A call that had begun when its sender died, and did not reach Meta, cannot be told from one that did.
    run.check(&Expectations::default().or(State::Unknown)).await.unwrap();
    let unknown = run.count(State::Unknown).await.unwrap();
    assert!(unknown < 20, "{unknown} messages ended as unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_an_ingest_died_over_is_answered_the_same_by_the_next() {
    let _turn = testkit::exclusive();
    let mut run = Run::start(pace(300), 1).await.unwrap();
    let addr = run.stack.api.trim_start_matches("http://").to_owned();
    run.stack.settings = run.stack.settings.clone().with("TURNPIKE_HTTP_ADDR", addr);
    let api = run.stack.api.clone();

    let mut broken = 0;
    for round in 0..5_usize {
        // Ten at once, and the process dies among them.
        let bodies: Vec<_> = (0..10)
            .map(|n| {
                let n = round * 10 + n;
                let body = json!({"to": seed::recipient(n), "type": "template",
                    "template": {"name": "hello", "language": {"code": "en_US"}}});
                (format!("order-{n}"), body)
            })
            .collect();
        let ingest = run.stack.programs.remove(0);
        let first_tries = bodies.iter().map(|(key, body)| {
            let (stack, api) = (&run.stack, &api);
            async move { Client::default().try_send(stack, api, key, body).await.unwrap() }
        });
        let killing = tokio::task::spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(2 + round as u64 * 3));
            ingest.kill();
        });
        let first_answers = join_all(first_tries).await;
        killing.await.unwrap();
        broken += first_answers.iter().filter(|answer| answer.is_none()).count();
        run.stack.start_role("ingest").await.unwrap();
        let new = run.stack.programs.pop().unwrap();
        run.stack.programs.insert(0, new);
        for ((key, body), first_answer) in bodies.iter().zip(first_answers) {
            let mut answer = None;
            while answer.is_none() {
                answer = run.client.try_send(&run.stack, &api, key, body).await.unwrap();
            }
            assert!(
                first_answer.is_none() || first_answer == answer,
                "{first_answer:?}, then {answer:?}"
            );
        }
    }

    assert!(broken > 0, "every request was answered before its ingest died");
    run.until_quiet().await.unwrap();
    run.check(&Expectations::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_stands_still_for_a_while_neither_doubles_nor_loses_what_it_held() {
    let _turn = testkit::exclusive();
    let mut run = Run::start(slow(pace(300)), 2).await.unwrap();

    run.load(MESSAGES).await.unwrap();
    for posted in [200, 600] {
        run.until_posted(posted).await.unwrap();
        let stopped = run.stack.programs.last().unwrap();
        stopped.signal(Signal::SIGSTOP).unwrap();
        // The other goes on meanwhile.
        run.until_posted(posted + 200).await.unwrap();
        // What the stopped one holds is taken for silent while it stands still.
        let silent = "UPDATE message SET wake_at = now() WHERE state = 30 AND claimed_at < now() - interval '500 ms'";
        run.stack.database.store.raw(silent).await.unwrap();
        run.until_posted(posted + 300).await.unwrap();
        run.stack.programs.last().unwrap().signal(Signal::SIGCONT).unwrap();
    }

    run.until_quiet().await.unwrap();
    run.end_holds().await.unwrap();
    // A call that was under way is proven by its webhook; one that had not begun is given back by whoever held it, late as it is.
    run.check(&Expectations::default().or(State::Unknown)).await.unwrap();
    assert_eq!(run.count(State::Unknown).await.unwrap(), 0);
}
