//! Campaigns through the scheduler: filled in time, in order, within their limits, and exactly when they are stopped.

use chrono::{DateTime, TimeDelta, Utc};
use domain::campaign::Status;
use domain::{CampaignId, NumberId, OrganizationId, Recipient, State};
use serde_json::{Value, json};
use store::campaigns::{Campaign, Changed, Line, NewCampaign};

use crate::world::World;

/// A campaign of the template `hello` from these numbers, with these options on top.
pub(crate) async fn campaign(world: &World, numbers: &[NumberId], people: usize, more: Value) -> Campaign {
    let row = &world
        .store()
        .raw(&format!(
            "SELECT organization_id FROM sender_number WHERE id = {}",
            numbers[0]
        ))
        .await
        .unwrap()[0];
    let organization = OrganizationId(row["organization_id"].as_i64().unwrap());
    let mut options = json!({
        "variants": [{"name": "a", "template_name": "hello", "template_language": "en_US", "weight": 1}],
        "numbers": numbers,
    });
    options
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let new = NewCampaign {
        id: CampaignId::new(now(world).await),
        organization,
        name: "test".to_owned(),
        options: serde_json::from_value(options).unwrap(),
        created_at: now(world).await,
    };
    world.store().create_campaign(&new, None).await.unwrap();
    let mut adding = world.store().adding().await.unwrap();
    let mut chunk = adding.chunk(organization, new.id, None).await.unwrap().unwrap();
    let lines: Vec<Line> = (0..people)
        .map(|n| {
            let to = Recipient::parse(&testkit::seed::recipient(n)).unwrap();
            Line {
                number: numbers[new.options.number_of(to.as_str())],
                to,
                zone: None,
                params: None,
                metadata: None,
            }
        })
        .collect();
    chunk.add(&lines).await.unwrap();
    chunk.finish(0, None, "{}", now(world).await).await.unwrap();
    world.store().campaign(organization, new.id).await.unwrap().unwrap()
}

pub(crate) async fn start(world: &World, campaign: &Campaign) -> Campaign {
    let started = world.store().start_campaign(campaign.organization, campaign.id).await;
    match started.unwrap().unwrap() {
        Changed::Yes(campaign) => *campaign,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn look(world: &World, campaign: &Campaign) -> Campaign {
    let found = world.store().campaign(campaign.organization, campaign.id).await;
    found.unwrap().unwrap()
}

/// The ledger's clock, which a test may set.
pub(crate) async fn now(world: &World) -> DateTime<Utc> {
    world.store().raw("SELECT turnpike_now() AS now").await.unwrap()[0]["now"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// Every message of it: its place, and how often a recipient is there.
async fn nobody_twice(world: &World) {
    let twice = world
        .store()
        .raw("SELECT recipient FROM message GROUP BY 1 HAVING count(*) > 1")
        .await
        .unwrap();
    assert!(twice.is_empty(), "{twice:?}");
}

#[tokio::test]
async fn a_campaign_is_filled_a_little_ahead_and_goes_to_its_end() {
    let world = World::new().await;
    let number = world.number(0, 10).await;
    let made = campaign(&world, &[number], 350, json!({})).await;
    assert_eq!((made.status, made.audience), (Status::Adding, 350));
    assert_eq!(world.filler().run_once().await.unwrap().filled, 0, "it has not started");
    assert_eq!(start(&world, &made).await.status, Status::Running);

    // Ten seconds of the pace.
    assert_eq!(world.filler().run_once().await.unwrap().filled, 100);
    assert_eq!(world.filler().run_once().await.unwrap().filled, 0);
    let mut rounds = 0;
    while look(&world, &made).await.status != Status::Done {
        world.releaser().run_once().await.unwrap();
        world.run("CALL accept_queued()").await;
        world.filler().run_once().await.unwrap();
        world.campaigns().run_once().await.unwrap();
        rounds += 1;
        assert!(rounds < 100, "{:?}", world.states().await);
    }

    assert_eq!(world.states().await, [(State::Accepted, 350)].into());
    nobody_twice(&world).await;
    let kinds = world
        .store()
        .raw("SELECT kind FROM event WHERE kind LIKE 'campaign.%' ORDER BY id")
        .await
        .unwrap();
    let kinds: Vec<&str> = kinds.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["campaign.created", "campaign.started", "campaign.done"]);
    world.finish().await;
}

#[tokio::test]
async fn numbers_share_the_audience() {
    let world = World::new().await;
    let one = world.number(0, 80).await;
    let other = world.second_number().await;
    let made = campaign(&world, &[one, other], 400, json!({})).await;
    start(&world, &made).await;

    world.filler().run_once().await.unwrap();

    let parts = world.store().campaign_parts(made.id).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.filled).sum::<u32>(), 400);
    assert!(parts.iter().all(|part| part.filled > 120), "{parts:?}");
    nobody_twice(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn two_schedulers_fill_each_recipient_once() {
    let world = World::new().await;
    let number = world.number(0, 1000).await;
    let made = campaign(&world, &[number], 3_000, json!({})).await;
    start(&world, &made).await;

    let mut others: Vec<_> = (0..4).map(|_| world.filler()).collect();
    let passes = others.iter_mut().map(scheduler::Filler::run_once);
    let filled: usize = futures_util::future::join_all(passes)
        .await
        .into_iter()
        .map(|pass| pass.unwrap().filled)
        .sum();

    assert_eq!(filled, 3_000);
    nobody_twice(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn cancel_is_exact_and_counts_add_up() {
    let world = World::new().await;
    let number = world.number(0, 10).await;
    let made = campaign(&world, &[number], 500, json!({})).await;
    start(&world, &made).await;
    world.filler().run_once().await.unwrap();
    world.releaser().run_once().await.unwrap();
    world.run("CALL accept_queued()").await;
    world.filler().run_once().await.unwrap();
    let gone = world.states().await[&State::Accepted];

    let halted = world
        .store()
        .cancel_campaign(made.organization, made.id)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(halted.campaign.status, Status::Canceled);
    let tally = world.store().tally_campaign(&halted.campaign).await.unwrap();
    assert_eq!(tally.handed_over, gone as u64);
    assert_eq!(
        (tally.canceled, tally.waiting, tally.refused),
        (500 - gone as u64, 0, 0)
    );
    assert_eq!(world.filler().run_once().await.unwrap().filled, 0);
    assert!(world.releaser().run_once().await.unwrap().is_empty());
    // Again is harmless, and resuming it is not possible.
    world.store().cancel_campaign(made.organization, made.id).await.unwrap();
    let resumed = world
        .store()
        .resume_campaign(made.organization, made.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(resumed.campaign.status, Status::Canceled);
    world.finish().await;
}

#[tokio::test]
async fn a_pause_that_broke_off_is_settled_by_the_scheduler() {
    let world = World::new().await;
    let number = world.number(0, 10).await;
    let made = campaign(&world, &[number], 100, json!({})).await;
    start(&world, &made).await;
    world.filler().run_once().await.unwrap();
    // As if whoever paused it had died before its flows.
    world
        .run("UPDATE campaign SET status = 'paused', paused_at = now() - interval '1 min'; UPDATE campaign_part SET is_open = false")
        .await;

    assert_eq!(world.campaigns().run_once().await.unwrap().settled, 1);

    assert!(world.releaser().run_once().await.unwrap().is_empty());
    let resumed = world
        .store()
        .resume_campaign(made.organization, made.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(resumed.campaign.status, Status::Running);
    assert!(world.releaser().run_once().await.unwrap().released > 0);
    world.finish().await;
}

#[tokio::test]
async fn what_a_gate_refuses_is_a_failed_row_with_its_reason() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let made = campaign(&world, &[number], 10, json!({})).await;
    world
        .run(&format!(
            "INSERT INTO suppression SELECT organization_id, '{}', 'api', now() FROM sender_number",
            testkit::seed::recipient(3)
        ))
        .await;
    start(&world, &made).await;

    world.filler().run_once().await.unwrap();

    let counts = world.store().campaign_counts(made.id).await.unwrap();
    let refused: Vec<_> = counts.iter().filter(|count| count.reason.is_some()).collect();
    assert_eq!(refused.len(), 1, "{counts:?}");
    assert_eq!(
        (refused[0].rows, refused[0].reason.as_ref().unwrap().code().as_ref()),
        (1, "opted_out")
    );
    world.finish().await;
}

#[tokio::test]
async fn a_campaign_of_the_future_waits_and_one_that_missed_its_day_asks() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let at = now(&world).await + TimeDelta::days(300);
    let made = campaign(&world, &[number], 10, json!({"scheduled_at": at})).await;
    let started = start(&world, &made).await;
    assert_eq!((started.status, started.starts_at), (Status::Scheduled, Some(at)));
    assert_eq!(world.filler().run_once().await.unwrap().filled, 0);

    // Its rows are there a little before, and go no sooner than its time.
    world.set_clock(at - TimeDelta::seconds(60)).await;
    assert_eq!(world.filler().run_once().await.unwrap().filled, 10);
    assert!(world.releaser().run_once().await.unwrap().is_empty());
    world.set_clock(at).await;
    world.campaigns().run_once().await.unwrap();
    assert_eq!(look(&world, &made).await.status, Status::Running);
    assert_eq!(world.releaser().run_once().await.unwrap().released, 10);

    // Another, after an outage of two days.
    let late = campaign(&world, &[number], 20, json!({"scheduled_at": at + TimeDelta::hours(1)})).await;
    start(&world, &late).await;
    world.set_clock(at + TimeDelta::days(2)).await;
    assert_eq!(world.campaigns().run_once().await.unwrap().paused, 1);
    let paused = look(&world, &late).await.paused.unwrap();
    assert_eq!(paused.code.as_deref(), Some("start_missed"));
    assert_eq!(world.filler().run_once().await.unwrap().filled, 0);
    world.finish().await;
}

#[tokio::test]
async fn what_expires_during_an_outage_is_not_sent() {
    let world = World::new().await;
    let number = world.number(0, 10).await;
    let until = now(&world).await + TimeDelta::hours(2);
    let made = campaign(&world, &[number], 150, json!({"expires_at": until})).await;
    start(&world, &made).await;
    world.filler().run_once().await.unwrap();
    world.set_clock(until + TimeDelta::hours(22)).await;

    for _ in 0..20 {
        world.filler().run_once().await.unwrap();
        world.releaser().run_once().await.unwrap();
    }

    assert_eq!(world.states().await, [(State::Expired, 150)].into());
    world.campaigns().run_once().await.unwrap();
    assert_eq!(look(&world, &made).await.status, Status::Done);
    world.finish().await;
}

#[tokio::test]
async fn a_clock_that_steps_sends_nothing_early_and_nothing_twice() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    let begin = now(&world).await;
    let at = begin + TimeDelta::minutes(10);
    let made = campaign(&world, &[number], 100, json!({"scheduled_at": at})).await;
    start(&world, &made).await;
    let mut gone = 0;
    for minutes in [0, 9, 4, 9, 10, 5, 10, 15, 10] {
        world.set_clock(begin + TimeDelta::minutes(minutes)).await;
        world.campaigns().run_once().await.unwrap();
        world.filler().run_once().await.unwrap();
        let released = world.releaser().run_once().await.unwrap().released;
        assert!(released == 0 || minutes >= 10, "{released} at minute {minutes}");
        gone += released;
        world.run("CALL accept_queued()").await;
    }
    assert_eq!(gone, 100);
    nobody_twice(&world).await;
    world.finish().await;
}

#[tokio::test]
async fn lists_are_dropped_when_their_campaigns_are_over() {
    let world = World::new().await;
    let number = world.number(0, 80).await;
    world
        .run("DO $$ BEGIN PERFORM ensure_partitions('2020-01-01', '2020-01-02'); END $$")
        .await;
    for day in ["2020-01-01", "2020-01-02"] {
        world
            .run(&format!(
                "INSERT INTO campaign (id, organization_id, name, status, options, created_at)
                 SELECT uuid_floor('{day} 12:00Z'), organization_id, 'old', CASE '{day}' WHEN '2020-01-01' THEN 'done' ELSE 'paused' END, '{{}}', '{day}'
                 FROM sender_number WHERE id = {number}"
            ))
            .await;
    }
    let before = chrono::NaiveDate::from_ymd_opt(2021, 1, 1).unwrap();

    let dropped = world.store().drop_oldest_lists(before).await.unwrap();

    assert_eq!(dropped, chrono::NaiveDate::from_ymd_opt(2020, 1, 1));
    assert_eq!(world.store().drop_oldest_lists(before).await.unwrap(), None);
    world.finish().await;
}
