//! Meta says no, says nothing, or is not there.

use domain::Lane;
use serde_json::json;
use simulator::{Fault, FaultKind};
use testkit::seed::Choice;
use testkit::until;

use crate::stage::{SOON, Stage};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_sent_is_tried_again_later_and_goes_out_once() {
    let stage = Stage::new(Choice::default()).await;
    stage.run("UPDATE limit_scope SET max_members = 100").await;
    let id = stage.queued([1]).await[0];
    // A port that was free a moment ago: nobody listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sender = stage.sender_to(&format!("http://{closed}"));

    stage.ring(&[id], Lane::Rt).await;

    stage.until_states([("10 not_sent", 1)]).await;
    let row = stage.row(id).await;
    // Not the attempt: a busy machine may have given slots back, which uses attempt numbers up and counts as no failure.
    assert_eq!(row["failures"], 1);
    let members = stage.rows("SELECT members FROM limit_scope").await;
    assert_eq!(members[0]["members"], 0, "it costs nobody a place");
    sender.stop().await;

    let sender = stage.sender();
    until(SOON, "the retry", async || {
        stage.release_due().await;
        (stage.states().await.get("50") == Some(&1)).then_some(())
    })
    .await;
    assert_eq!(stage.row(id).await["failures"], 1);
    assert_eq!(stage.meta.report().posts, 1);
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_leaves_an_uncertain_row_that_is_never_posted_again() {
    let stage = Stage::new(Choice::default()).await;
    let ids = stage.queued(0..5).await;
    let faults = [
        FaultKind::LostResponse,
        FaultKind::Http500Accepted,
        FaultKind::Http500NotAccepted,
        FaultKind::TruncatedJson,
        FaultKind::ResetBeforeAccept,
    ];
    stage
        .meta
        .set_faults(faults.map(|kind| Fault::new(kind).times(1)))
        .unwrap();
    let sender = stage.sender();

    stage.ring(&ids, Lane::Bulk).await;
    stage.until_states([("40 outcome_unknown", 5)]).await;
    for _ in 0..3 {
        stage.ring(&ids, Lane::Bulk).await;
    }
    let behind = stage.queued([9]).await;
    stage.ring(&behind, Lane::Bulk).await;
    stage.until_states([("40 outcome_unknown", 5), ("50", 1)]).await;
    sender.stop().await;

    assert_eq!(
        stage.meta.report().posts,
        6,
        "five, and the one behind their doubled jobs"
    );
    let attempts = stage
        .rows("SELECT count(*) AS n FROM attempt WHERE outcome = 'unknown' AND error ? 'cause'")
        .await;
    assert_eq!(attempts[0]["n"], 5);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttle_holds_the_number_and_the_message_goes_when_the_hold_ends() {
    let stage = Stage::new(Choice::default()).await;
    stage
        .meta
        .set_faults([Fault::new(FaultKind::Throttle).times(1)])
        .unwrap();
    let id = stage.queued([1]).await[0];
    let sender = stage.sender();

    stage.ring(&[id], Lane::Rt).await;

    stage.until_states([("10 meta_130429", 1)]).await;
    let gate = stage
        .rows("SELECT pause_reason, paused_until > clock_timestamp() - interval '5 s' AS recent, slowed_to FROM number_gate")
        .await;
    assert_eq!(
        gate,
        [json!({"pause_reason": "meta_130429", "recent": true, "slowed_to": 0.5})]
    );
    assert_eq!(stage.row(id).await["failures"], 0);
    until(SOON, "the end of the hold", async || {
        stage.release_due().await;
        (stage.states().await.get("50") == Some(&1)).then_some(())
    })
    .await;
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_token_closes_the_account_before_many_run_into_it() {
    let stage = Stage::new(Choice::default()).await;
    let code = FaultKind::Error {
        code: 190,
        http_status: Some(401),
    };
    stage.meta.set_faults([Fault::new(code)]).unwrap();
    let sender = stage.sender();

    let first = stage.queued([1]).await;
    stage.ring(&first, Lane::Rt).await;
    stage.until_states([("10 meta_190", 1)]).await;
    let others = stage.queued(2..12).await;
    stage.ring(&others, Lane::Rt).await;

    stage
        .until_states([("10 meta_190", 1), ("10 account_restricted", 10)])
        .await;
    assert_eq!(stage.meta.report().posts, 1);
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_a_message_or_its_template_end_or_close_just_that() {
    let stage = Stage::new(Choice::default()).await;
    let error = |code| {
        Fault::new(FaultKind::Error {
            code,
            http_status: None,
        })
        .times(1)
    };
    let sender = stage.sender();

    stage.meta.set_faults([error(131_026)]).unwrap();
    let id = stage.queued([1]).await;
    stage.ring(&id, Lane::Rt).await;
    stage.until_states([("60 meta_131026", 1)]).await;
    stage.meta.set_faults([error(132_015)]).unwrap();
    let id = stage.queued([2]).await;
    stage.ring(&id, Lane::Rt).await;
    stage.until_states([("60 meta_131026", 1), ("10 meta_132015", 1)]).await;

    let template = stage
        .rows("SELECT status, revision FROM template WHERE name = 'hello'")
        .await;
    assert_eq!(template, [json!({"status": "PAUSED", "revision": 2})]);
    sender.stop().await;
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_that_is_cut_off_again_and_again_costs_time_and_nothing_else() {
    const MESSAGES: usize = 400;
    let choice = Choice {
        throughput: 200,
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    let ids = stage.queued(0..MESSAGES).await;
    let senders = [stage.sender(), stage.sender()];
    stage.ring(&ids, Lane::Bulk).await;

    for part in 1..=5 {
        // Between two cuts some must get through, or the test would only show that nothing works.
        let enough = (part * MESSAGES / 8) as u64;
        until(SOON, "some more POSTs", async || {
            stage.release_due().await;
            (stage.meta.report().posts >= enough).then_some(())
        })
        .await;
        assert!(stage.cut_ledger().await > 0);
    }

    until(SOON * 2, "every message accepted", async || {
        stage.release_due().await;
        (stage.states().await.get("50") == Some(&(MESSAGES as i64))).then_some(())
    })
    .await;
    for sender in senders {
        sender.stop().await;
    }
    let report = stage.meta.report();
    assert_eq!((report.posts, report.duplicates.message), (MESSAGES as u64, 0));
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_answers_nothing_but_5xx_is_left_alone_until_it_is_well_and_no_message_pays_for_it() {
    const MESSAGES: i64 = 600;
    let choice = Choice {
        throughput: 200,
        ..Choice::default()
    };
    let stage = Stage::new(choice).await;
    stage
        .meta
        .set_faults([Fault::new(FaultKind::Http500NotAccepted)])
        .unwrap();
    let ids = stage.queued(0..MESSAGES as usize).await;
    let sender = stage.sender();
    stage.ring(&ids, Lane::Bulk).await;

    // Whatever the pace allows, the first second's trouble is enough; from then on only single tries go out.
    until(SOON, "the rest of the messages to wait", async || {
        let states = stage.states().await;
        (states.get("10 meta_unavailable") > Some(&100)).then_some(())
    })
    .await;
    let sick = stage.meta.report().posts;
    assert!(sick < 300, "{sick} of {MESSAGES} were posted in vain");

    stage.meta.set_faults([]).unwrap();
    let ended = until(SOON * 3, "an end for each message", async || {
        stage.release_due().await;
        let states = stage.states().await;
        let ended = ["50", "40 outcome_unknown"]
            .iter()
            .filter_map(|state| states.get(*state));
        (ended.sum::<i64>() == MESSAGES).then_some(states)
    })
    .await;
    sender.stop().await;

    let report = stage.meta.report();
    assert_eq!((report.posts, report.duplicates.message), (MESSAGES as u64, 0));
    assert!(ended["50"] > MESSAGES / 2, "{ended:?}");
    let burnt = stage.rows("SELECT count(*) AS n FROM message WHERE failures > 0").await;
    assert_eq!(burnt[0]["n"], 0);
    stage.finish().await;
}
