//! Each gate of admission, with a clock that is moved by hand.

use chrono::TimeDelta;
use domain::{Category, FlowId, MessageId, Reason, State};
use store::admission::{AdmitVerdict, Settlement};
use testkit::seed::{Choice, recipient};

use crate::bench::{Bench, PACING, slot, word};

const STANDARD: Choice = Choice {
    place: 0,
    tier: "TIER_UNLIMITED",
    throughput: 80,
};

fn limited(tier: &'static str) -> Choice {
    Choice {
        tier,
        throughput: 1000,
        ..STANDARD
    }
}

/// Between two slots of a number of 80/s.
fn every() -> TimeDelta {
    TimeDelta::microseconds((1e6 / domain::pace::slots_per_second(80)).round() as i64)
}

#[tokio::test]
async fn slots_begin_after_the_lead_and_keep_the_pace_and_what_does_not_fit_stays_queued() {
    let bench = Bench::new(STANDARD).await;
    let mut ids = Vec::new();
    for n in 0..100 {
        ids.push(bench.queued(n, Category::Utility).await);
    }

    let rows = bench.admit(&ids).await;

    let (sent, waiting): (Vec<_>, Vec<_>) = rows
        .iter()
        .partition(|row| matches!(row.verdict, AdmitVerdict::Send { .. }));
    assert_eq!(
        (sent.len(), waiting.len()),
        (75, 25),
        "a second of 75.2 slots a second, from 5 ms on"
    );
    assert_eq!(slot(sent[0]), bench.now + TimeDelta::milliseconds(5));
    for pair in sent.windows(2) {
        let apart = slot(pair[1]) - slot(pair[0]);
        assert!((apart - every()).abs() <= TimeDelta::microseconds(1), "{apart}");
    }
    assert_eq!(bench.state(ids[0]).await, State::Sending);
    assert_eq!(
        bench.wake_at(ids[0]).await,
        slot(sent[0]) + domain::pace::LEASE,
        "the lease counts from the slot"
    );
    assert_eq!(
        bench.state(ids[99]).await,
        State::Queued,
        "a row that found no slot is untouched"
    );
    let AdmitVerdict::Throughput { ask_at } = waiting[0].verdict else {
        panic!("{waiting:?}")
    };
    let next_slot = slot(sent[74]) + every();
    assert!((ask_at + TimeDelta::seconds(1) - next_slot).abs() <= TimeDelta::microseconds(1));
}

#[tokio::test]
async fn the_next_batch_continues_where_the_last_one_ended() {
    let mut bench = Bench::new(STANDARD).await;
    let (first, second) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(2, Category::Utility).await,
    );

    let one = slot(&bench.admit(&[first]).await[0]);
    bench.pass(TimeDelta::milliseconds(1)).await;
    let two = slot(&bench.admit(&[second]).await[0]);

    assert!(
        (two - one - every()).abs() <= TimeDelta::microseconds(1),
        "{}",
        two - one
    );
}

#[tokio::test]
async fn a_row_is_claimed_once_however_often_it_is_named() {
    let bench = Bench::new(STANDARD).await;
    let id = bench.queued(1, Category::Utility).await;

    let rows = bench.admit(&[id, id, id]).await;

    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(bench.verdict(id).await, "not queued");
    assert_eq!(bench.row(id).await["attempt"], 1);
    assert_eq!(bench.verdict(MessageId::new(bench.now)).await, "not queued");
}

#[tokio::test]
async fn a_scope_takes_as_many_newcomers_as_its_limit_and_again_when_a_membership_ends() {
    let mut bench = Bench::new(limited("3")).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(bench.queued(n, Category::Utility).await);
    }

    let verdicts: Vec<_> = bench.admit(&ids).await.iter().map(|row| word(&row.verdict)).collect();

    assert_eq!(verdicts, ["send", "send", "send", "tier_limit", "tier_limit"]);
    assert_eq!(bench.members().await, 3);
    assert_eq!(bench.state(ids[3]).await, State::Parked);
    assert!(
        bench.wake_at(ids[3]).await - bench.now > TimeDelta::hours(24),
        "it waits for the first membership to end"
    );

    let known = bench.queued(2, Category::Utility).await;
    assert_eq!(
        bench.verdict(known).await,
        "send",
        "who was written to already costs nothing"
    );

    bench.pass(TimeDelta::hours(24)).await;
    bench.requeue(ids[3]).await;
    assert_eq!(
        bench.verdict(ids[3]).await,
        "tier_limit",
        "Meta counts from delivery, so a minute on top"
    );
    let first_end = bench.wake_at(ids[3]).await;
    bench.set_clock(first_end).await;
    bench.requeue(ids[3]).await;
    assert_eq!(bench.verdict(ids[3]).await, "send");
    assert!(bench.members().await <= 3);
}

#[tokio::test]
async fn an_open_window_takes_no_place_in_the_messaging_limit() {
    let bench = Bench::new(limited("1")).await;
    let number = bench.tenant.number;
    let (now, person) = (bench.now.to_rfc3339(), recipient(1));
    bench
        .run(&format!(
            "INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({number}, '{person}', '{now}')"
        ))
        .await;

    for (to, category, verdict) in [
        (1, Category::Utility, "send"),
        (1, Category::Service, "send"),
        (2, Category::Utility, "send"),
        (3, Category::Utility, "tier_limit"),
    ] {
        let id = bench.queued(to, category).await;
        assert_eq!(bench.verdict(id).await, verdict, "to recipient {to}");
    }
    assert_eq!(bench.members().await, 1);
}

#[tokio::test]
async fn a_session_message_finds_its_window_closed_with_a_margin() {
    let mut bench = Bench::new(STANDARD).await;
    let stranger = bench.queued(2, Category::Service).await;
    assert_eq!(bench.verdict(stranger).await, "no_inbound_history");
    assert_eq!(bench.state(stranger).await, State::Failed);
    let number = bench.tenant.number;
    let (now, person) = (bench.now.to_rfc3339(), recipient(1));
    bench
        .run(&format!(
            "INSERT INTO contact (number_id, recipient, last_inbound_at) VALUES ({number}, '{person}', '{now}')"
        ))
        .await;
    let (in_time, late) = (
        bench.queued(1, Category::Service).await,
        bench.queued(1, Category::Service).await,
    );

    bench.pass(TimeDelta::hours(24) - TimeDelta::seconds(61)).await;
    assert_eq!(bench.verdict(in_time).await, "send");
    bench.pass(TimeDelta::seconds(1)).await;
    assert_eq!(bench.verdict(late).await, "window_expired");
}

#[tokio::test]
async fn messages_to_one_person_are_spaced_after_the_burst() {
    let mut bench = Bench::new(limited("TIER_UNLIMITED")).await;
    let mut ids = Vec::new();
    for _ in 0..21 {
        ids.push(bench.queued(1, Category::Utility).await);
    }

    let rows = bench.admit(&ids).await;

    assert!(rows[..20].iter().all(|row| word(&row.verdict) == "send"), "{rows:?}");
    assert_eq!(word(&rows[20].verdict), "pair_limit");
    let wake_at = bench.wake_at(ids[20]).await;
    assert!(wake_at > bench.now && wake_at <= bench.now + TimeDelta::seconds(6));
    bench.set_clock(wake_at).await;
    bench.requeue(ids[20]).await;
    assert_eq!(bench.verdict(ids[20]).await, "send");
}

#[tokio::test]
async fn pauses_cancels_and_ends_are_obeyed() {
    let bench = Bench::new(STANDARD).await;
    let number = bench.tenant.number;
    let flow = FlowId::new(bench.now);
    let (organization, now) = (bench.tenant.organization, bench.now.to_rfc3339());
    bench
        .run(&format!(
            "INSERT INTO flow (id, kind, organization_id, number_id, starts_at, last_seq, created_at)
             VALUES ('{flow}', 'broadcast', {organization}, {number}, '{now}', 9, '{now}')"
        ))
        .await;
    let of_flow = async |status: &str| {
        let id = bench.queued(1, Category::Utility).await;
        bench
            .run(&format!(
                "UPDATE flow SET status = '{status}'; UPDATE message SET flow_id = '{flow}', seq = 1 WHERE id = '{id}'"
            ))
            .await;
        (bench.verdict(id).await, bench.state(id).await)
    };

    assert_eq!(of_flow("running").await, ("send".to_owned(), State::Sending));
    assert_eq!(of_flow("paused").await, ("flow_paused".to_owned(), State::Parked));
    assert_eq!(of_flow("canceled").await, ("canceled".to_owned(), State::Canceled));

    let late = bench.queued(2, Category::Utility).await;
    bench
        .run(&format!("UPDATE message SET expires_at = '{now}' WHERE id = '{late}'"))
        .await;
    assert_eq!(bench.verdict(late).await, "expired");
    assert_eq!(bench.state(late).await, State::Expired);

    let held = bench.queued(3, Category::Utility).await;
    bench
        .run(&format!(
            "UPDATE number_gate SET paused_until = '{now}'::timestamptz + interval '1 s' WHERE number_id = {number}"
        ))
        .await;
    assert_eq!(bench.verdict(held).await, "sender_paused");
    assert_eq!(bench.state(held).await, State::Parked);
}

#[tokio::test]
async fn the_facts_of_a_batch_are_those_of_queued_rows() {
    let bench = Bench::new(STANDARD).await;
    let (queued, claimed) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(2, Category::Utility).await,
    );
    bench.admit(&[claimed]).await;
    let organization = bench.tenant.organization;
    let (now, person) = (bench.now.to_rfc3339(), recipient(1));
    bench.run(&format!("INSERT INTO suppression VALUES ({organization}, '{person}', 'stop_word', '{now}'); UPDATE number_gate SET paused_until = 'infinity'")).await;

    let rows = bench
        .store
        .load(&[queued, claimed, MessageId::new(bench.now)])
        .await
        .unwrap();

    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.id, row.number), (queued, bench.tenant.number));
    assert!(row.opted_out && !row.restricted && row.template.is_none() && row.content.is_none());
    assert_eq!(
        row.paused_until,
        Some(row.expires_at),
        "a pause without end is one to the message's own end"
    );
    assert_eq!(
        (row.number_status.as_str(), row.throughput, row.read_at),
        ("CONNECTED", 80, bench.now)
    );
}

#[tokio::test]
async fn only_queued_rows_are_settled_and_none_sleeps_beyond_its_end() {
    let bench = Bench::new(STANDARD).await;
    let (dropped, parked, claimed) = (
        bench.queued(1, Category::Utility).await,
        bench.queued(2, Category::Utility).await,
        bench.queued(3, Category::Utility).await,
    );
    bench
        .store
        .admit(uuid::Uuid::new_v4(), &[claimed], PACING)
        .await
        .unwrap();
    let settlement = |id, state, until| Settlement {
        id,
        state,
        until,
        reason: domain::Reason::OptedOut,
    };

    let settled = bench
        .store
        .settle(&[
            settlement(dropped, State::Failed, None),
            settlement(parked, State::Parked, Some(bench.now + TimeDelta::days(400))),
            settlement(claimed, State::Failed, None),
        ])
        .await
        .unwrap();

    assert_eq!(settled.len(), 2, "{settled:?}");
    assert_eq!(bench.state(dropped).await, State::Failed);
    assert_eq!(bench.row(dropped).await["wake_at"], serde_json::Value::Null);
    assert_eq!(bench.wake_at(parked).await, bench.now + TimeDelta::days(30));
    assert_eq!(bench.state(claimed).await, State::Sending);
}

#[tokio::test]
async fn a_window_that_closes_before_the_claim_leaves_a_message_with_a_fallback_to_the_next_look() {
    let bench = Bench::new(STANDARD).await;
    let [plain, with_fallback] = [
        bench.queued(1, Category::Service).await,
        bench.queued(2, Category::Service).await,
    ];
    bench
        .run(&format!(
            "UPDATE message SET has_fallback = true WHERE id = '{with_fallback}'"
        ))
        .await;

    assert_eq!(bench.verdict(plain).await, "no_inbound_history");
    assert_eq!(bench.verdict(with_fallback).await, "no_inbound_history");

    assert_eq!(bench.state(plain).await, State::Failed);
    assert_eq!(bench.state(with_fallback).await, State::Parked);
    assert_eq!(bench.wake_at(with_fallback).await, bench.now);
}

#[tokio::test]
async fn a_message_falls_back_once_and_only_while_it_waits() {
    let bench = Bench::new(STANDARD).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(bench.queued(n, Category::Service).await);
    }
    bench
        .run(
            "UPDATE message SET has_fallback = true;
             INSERT INTO message_content (id, content, fallback_content, fallback_template_id, fallback_category)
             SELECT m.id, '{}', '{}', t.id, t.category FROM message m, template t WHERE t.name = 'sale'",
        )
        .await;
    bench
        .run(&format!("UPDATE message SET state = 30 WHERE id = '{}'", ids[0]))
        .await;
    bench
        .run(&format!(
            "UPDATE message SET has_fallback = false WHERE id = '{}'",
            ids[1]
        ))
        .await;
    bench
        .run(&format!("UPDATE message SET state = 10 WHERE id = '{}'", ids[2]))
        .await;
    let asked: Vec<_> = ids.iter().map(|id| (*id, Reason::WindowExpired)).collect();

    let mut fell_back = bench.store.fall_back(&asked).await.unwrap();
    fell_back.sort();
    let mut expected = ids[2..].to_vec();
    expected.sort();

    assert_eq!(fell_back, expected);
    assert_eq!(bench.row(ids[3]).await["category"], Category::Marketing.code());
    assert_eq!(bench.store.fall_back(&asked).await.unwrap(), []);
}
