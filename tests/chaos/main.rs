//! The battery in short: a few rows of `cargo xtask chaos`, one for each kind of process, with a few faults each. All of them, with more
//! faults, take an hour.

use std::time::Duration;

use testkit::chaos::{Row, Size};
use testkit::history::summary;

/// Plays a row and judges it. The seed is fixed: what is random here is the machine.
async fn play(name: &str) {
    let _turn = testkit::exclusive();
    let size = Size {
        seed: 7,
        faults: 2,
        rate: 30.0,
        messages: 60,
        standstill: Duration::ZERO,
        rolls: 1,
    };
    let row = Row::named(name).expect("a row of the battery");

    let replay = format!("replay: cargo xtask chaos --short --only {name} --seed {}", size.seed);
    let figures = row.play(&size).await;

    let figures = figures.unwrap_or_else(|error| panic!("{replay}\n{error:#}"));
    assert!(figures.broken.is_empty(), "{replay}\n{}", summary(&figures.broken));
    assert!(figures.faults >= 2 && figures.messages > 0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ingest_that_dies_between_commit_and_answer_keeps_each_message_once() {
    play("crash-i2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduler_that_dies_between_commit_and_publish_loses_no_row() {
    play("crash-s2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_dies_with_claims_and_an_open_delivery_posts_each_once() {
    play("crash-w3").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_dies_over_an_answer_posts_nothing_twice() {
    play("crash-w8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipts_that_dies_over_a_webhook_applies_it_once() {
    play("crash-h4").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_leaves_nothing_uncertain() {
    play("rolling-restart").await;
}
