//! Places under a frequency cap: one at a time for each person.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::MessageId;
use domain::rules::frequency_cap::FrequencyCap;
use futures_util::future::join_all;
use store::Store;
use store::admission::Settlement;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use tokio::sync::Barrier;

use crate::rows::{batch, row};

const CAP: FrequencyCap = FrequencyCap { max: 2, hours: 24 };

struct World {
    database: TestDatabase,
    tenant: Tenant,
    /// One connection only, so that its clock can be set.
    store: Store,
    now: DateTime<Utc>,
}

impl World {
    async fn new() -> Self {
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, &Choice::default()).await;
        let store = database::store(&database.url, 1);
        let now = store.clock().await.unwrap().at();
        let mut world = Self {
            database,
            tenant,
            store,
            now,
        };
        world.at(TimeDelta::zero()).await;
        world
    }

    /// So much later.
    async fn at(&mut self, later: TimeDelta) {
        self.now += later;
        let now = self.now.to_rfc3339();
        self.store.raw(&format!("SET turnpike.now = '{now}'")).await.unwrap();
    }

    /// A message of the door: with a place when it is to go now, without when it is for later.
    async fn accepted(&self, place: bool) -> MessageId {
        self.accepted_for(1, place).await
    }

    async fn accepted_for(&self, person: usize, place: bool) -> MessageId {
        let mut row = row(&self.tenant, person, self.now);
        row.footprint.place = place;
        let id = row.id;
        let mut intake = self.store.intake().await.unwrap();
        intake.insert(&batch(vec![row]), self.now).await.unwrap();
        id
    }

    /// Whether it may go; what may not is settled, as the sender would.
    async fn goes(&self, id: MessageId) -> bool {
        let refused = self.store.take_frequency(&[(id, CAP)]).await.unwrap();
        for id in &refused {
            self.ends(*id, domain::State::Failed).await;
        }
        refused.is_empty()
    }

    async fn ends(&self, id: MessageId, state: domain::State) {
        let settlement = Settlement {
            id,
            state,
            until: None,
            reason: domain::Reason::FrequencyCap,
        };
        assert_eq!(self.store.settle(&[settlement]).await.unwrap(), [id]);
    }
}

#[tokio::test]
async fn a_place_is_free_again_after_the_period_and_no_sooner() {
    let mut world = World::new().await;
    let first = world.accepted(true).await;
    assert!(world.goes(first).await);
    world.at(TimeDelta::hours(1)).await;
    let second = world.accepted(false).await;
    assert!(world.goes(second).await);

    world.at(TimeDelta::hours(23) - TimeDelta::seconds(1)).await;
    let third = world.accepted(true).await;
    assert!(!world.goes(third).await);
    world.at(TimeDelta::seconds(1)).await;
    let fourth = world.accepted(true).await;
    assert!(world.goes(fourth).await, "the first place is over");
    assert!(world.goes(fourth).await, "asked again, it has its own place");
    let fifth = world.accepted(true).await;
    assert!(!world.goes(fifth).await);
}

#[tokio::test]
async fn what_waits_keeps_its_place_and_what_fails_gives_it_back() {
    let mut world = World::new().await;
    let (one, two) = (world.accepted(true).await, world.accepted(true).await);
    world.at(TimeDelta::minutes(1)).await;
    let late = world.accepted(true).await;

    assert!(
        !world.goes(late).await,
        "two came before it, though none of them went yet"
    );
    assert!(world.goes(two).await);
    world.ends(one, domain::State::Canceled).await;
    let next = world.accepted(true).await;
    assert!(world.goes(next).await, "the place of the canceled one");
    // It waited for so long that its place at the door is over; the place of the one that went is taken from then.
    world.at(TimeDelta::hours(24)).await;
    assert!(world.goes(next).await);
    world.at(TimeDelta::hours(23)).await;
    let sixth = world.accepted(true).await;
    world.at(TimeDelta::seconds(1)).await;
    let seventh = world.accepted(true).await;
    assert!(world.goes(sixth).await);
    assert!(!world.goes(seventh).await);
}

#[tokio::test]
async fn of_one_batch_the_first_go() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(world.accepted(false).await);
    }
    let asked: Vec<_> = ids.iter().map(|id| (*id, CAP)).collect();

    assert_eq!(world.store.take_frequency(&asked).await.unwrap(), ids[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_senders_at_once_let_exactly_as_many_go_as_the_cap_allows() {
    let world = World::new().await;
    let (senders, people) = (8, 30);
    let start = Arc::new(Barrier::new(senders));
    // Of some people every message has a place from the door, of some none has one, of some a few have.
    let mut asked: Vec<Vec<_>> = vec![Vec::new(); senders];
    for person in 0..people {
        for (sender, asked) in asked.iter_mut().enumerate() {
            let place = [false, true, sender % 2 == 0][person % 3];
            asked.push(world.accepted_for(person, place).await);
        }
    }

    let senders = asked.into_iter().map(|ids| {
        let (store, start) = (database::store(&world.database.url, 1), Arc::clone(&start));
        tokio::spawn(async move {
            for id in ids {
                start.wait().await;
                let refused = store.take_frequency(&[(id, CAP)]).await.unwrap();
                store
                    .settle(&refused.into_iter().map(failed).collect::<Vec<_>>())
                    .await
                    .unwrap();
            }
        })
    });
    let done = tokio::time::timeout(Duration::from_secs(60), join_all(senders))
        .await
        .unwrap();

    done.into_iter().for_each(|done| done.unwrap());
    let went = "SELECT recipient, count(*) AS n FROM message WHERE state = 20 GROUP BY recipient";
    let went = world.store.raw(went).await.unwrap();
    let most = i64::from(CAP.max);
    assert_eq!(went.len(), people);
    assert!(went.iter().all(|person| person["n"] == most), "{went:?}");
}

fn failed(id: MessageId) -> Settlement {
    Settlement {
        id,
        state: domain::State::Failed,
        until: None,
        reason: domain::Reason::FrequencyCap,
    }
}
