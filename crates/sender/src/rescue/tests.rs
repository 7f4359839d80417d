use domain::{Category, Lane};
use serde_json::Value;
use store::admission::AdmitVerdict;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};

use super::*;
use crate::gate::pacing;
use crate::journal::tests::{Folder, accepted};
use crate::journal::{Journal, Trail};

const STEM: &str = "ledger";

/// A ledger with queued rows, and senders that live and die around it.
struct Stage {
    database: TestDatabase,
    tenant: Tenant,
    folder: Folder,
}

/// A row that a sender had claimed.
struct Claimed {
    id: MessageId,
    claim: Uuid,
    slot: DateTime<Utc>,
    trail: Trail,
}

impl Stage {
    async fn new() -> Self {
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, &Choice::default()).await;
        database
            .store
            .raw("UPDATE limit_scope SET max_members = 100")
            .await
            .unwrap();
        Self {
            database,
            tenant,
            folder: Folder::new(),
        }
    }

    fn sender(&self) -> Journal {
        Journal::open(&self.folder.0, STEM).unwrap()
    }

    fn rescue(&self) -> Rescue {
        Rescue {
            store: self.database.store.clone(),
            folder: self.folder.0.clone(),
            stem: STEM.to_owned(),
        }
    }

    async fn queued(&self, count: usize) -> Vec<MessageId> {
        let now = self.database.store.clock().await.unwrap().at();
        let (organization, number, scope) = (self.tenant.organization, self.tenant.number, self.tenant.scope);
        let mut ids = Vec::new();
        for n in 0..count {
            let (id, recipient, category) = (MessageId::new(now), seed::recipient(n), Category::Utility.code());
            let insert = include_str!("../../tests/sql/queued.sql")
                .replace("{id}", &id.to_string())
                .replace("{organization}", &organization.to_string())
                .replace("{number}", &number.to_string())
                .replace("{scope}", &scope.to_string())
                .replace("{recipient}", &recipient)
                .replace("{category}", &category.to_string());
            self.run(&insert).await;
            ids.push(id);
        }
        ids
    }

    /// As the gate does it.
    async fn claimed(&self, journal: &Journal, ids: &[MessageId]) -> Vec<Claimed> {
        let claim = Uuid::new_v4();
        let mut trail = journal.claim(claim, ids);
        let admission = self.database.store.admit(claim, ids, pacing(Lane::Rt)).await.unwrap();
        let rows = admission.rows.into_iter().map(|row| {
            let AdmitVerdict::Send { slot, .. } = row.verdict else {
                panic!("{row:?}")
            };
            let (id, trail) = (row.id, trail.split());
            Claimed { id, claim, slot, trail }
        });
        rows.collect()
    }

    async fn run(&self, sql: &str) {
        self.database.store.raw(sql).await.unwrap();
    }

    async fn row(&self, id: MessageId) -> Value {
        let sql = include_str!("../../tests/sql/row.sql").replace("{id}", &id.to_string());
        self.database.store.raw(&sql).await.unwrap().remove(0)
    }

    async fn members(&self) -> Value {
        let rows = self
            .database
            .store
            .raw(include_str!("../../tests/sql/members.sql"))
            .await
            .unwrap();
        rows[0]["members"].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_knows_of_each_claim_how_far_it_came() {
    let stage = Stage::new().await;
    let ids = stage.queued(4).await;
    let journal = stage.sender();
    let rows = stage.claimed(&journal, &ids).await;
    assert!(rows[1].trail.begin(rows[1].id, rows[1].slot)());
    assert!(rows[2].trail.begin(rows[2].id, rows[2].slot)());
    rows[2].trail.done(&accepted(rows[2].id, rows[2].claim, "wamid.2"));
    let failed = Recorded {
        state: State::Failed,
        reason: Some("meta_131026".to_owned()),
        wamid: None,
        burns: true,
        refused: true,
        ..accepted(rows[3].id, rows[3].claim, "")
    };
    rows[3].trail.done(&failed);
    assert_eq!(stage.members().await, 4);
    drop((journal, rows));

    let pass = stage.rescue().run_once().await.unwrap();

    let expected = Pass {
        not_begun: 1,
        uncertain: 1,
        told: 2,
        quarantined: 0,
    };
    assert_eq!(pass, expected);
    let row = stage.row(ids[0]).await;
    assert_eq!(
        (&row["state"], &row["due"], &row["failures"]),
        (&json!(10), &json!(true), &json!(0))
    );
    let row = stage.row(ids[1]).await;
    assert_eq!(
        (&row["state"], &row["reason"], &row["due"]),
        (&json!(40), &json!("outcome_unknown"), &json!(false))
    );
    let row = stage.row(ids[2]).await;
    assert_eq!((&row["state"], &row["wamid"]), (&json!(50), &json!("wamid.2")));
    let row = stage.row(ids[3]).await;
    assert_eq!((&row["state"], &row["reason"]), (&json!(60), &json!("meta_131026")));
    assert_eq!(stage.members().await, 2, "what was not sent costs nobody a place");
    let posts = stage
        .database
        .store
        .raw(include_str!("../../tests/sql/outcomes.sql"))
        .await
        .unwrap();
    assert_eq!(
        posts,
        ["accepted", "accepted", "unknown"].map(|outcome| json!({ "outcome": outcome }))
    );
    assert_eq!(
        stage.rescue().run_once().await.unwrap(),
        Pass::default(),
        "once is enough"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_begun_goes_back_even_when_its_lease_ran_out_first() {
    let stage = Stage::new().await;
    let ids = stage.queued(2).await;
    let journal = stage.sender();
    let rows = stage.claimed(&journal, &ids).await;
    assert!(rows[1].trail.begin(rows[1].id, rows[1].slot)());
    drop((journal, rows));
    stage.run("UPDATE message SET wake_at = now() - interval '1 s'").await;
    stage
        .database
        .store
        .expire_leases(store::repair::Bounds {
            per_number: 100,
            all: 100,
        })
        .await
        .unwrap();
    assert_eq!(stage.row(ids[0]).await["state"], 40);
    let hold = stage.row(ids[1]).await["wake_at"].clone();

    let pass = stage.rescue().run_once().await.unwrap();

    assert_eq!((pass.not_begun, pass.uncertain), (1, 0));
    assert_eq!(stage.row(ids[0]).await["state"], 10);
    let begun = stage.row(ids[1]).await;
    assert_eq!(
        (&begun["state"], &begun["wake_at"]),
        (&json!(40), &hold),
        "its hold goes on"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_somebody_else_ended_or_made_anew_is_not_touched() {
    let stage = Stage::new().await;
    let ids = stage.queued(2).await;
    let (dead, living) = (stage.sender(), stage.sender());
    let rows = stage.claimed(&dead, &ids).await;
    stage
        .run(&format!(
            "UPDATE message SET state = 50, claim = NULL, wake_at = NULL WHERE id = '{}'",
            ids[0]
        ))
        .await;
    stage
        .run(&format!(
            "UPDATE message SET state = 20, claim = NULL WHERE id = '{}'",
            ids[1]
        ))
        .await;
    let again = stage.claimed(&living, &ids[1..]).await;
    drop((dead, rows));

    let pass = stage.rescue().run_once().await.unwrap();

    assert_eq!(pass, Pass::default());
    assert_eq!(stage.row(ids[0]).await["state"], 50);
    let row = stage.row(ids[1]).await;
    assert_eq!((&row["state"], &row["attempt"]), (&json!(30), &json!(2)));
    again.into_iter().for_each(|row| row.trail.settle());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_may_have_gaps_gives_nothing_back() {
    let stage = Stage::new().await;
    let ids = stage.queued(1).await;
    let journal = stage.sender();
    drop((stage.claimed(&journal, &ids).await, journal));
    let rescue = stage.rescue();
    let mut dead = rescue.dead().await.remove(0);
    dead.complete = false;

    let mut pass = Pass::default();
    rescue.bury(&dead, &mut pass).await.unwrap();

    assert_eq!(pass, Pass::default());
    assert_eq!(stage.row(ids[0]).await["state"], 30, "its lease will tell");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_over_which_three_senders_died_is_set_aside_and_its_neighbours_are_not() {
    let stage = Stage::new().await;
    let ids = stage.queued(2).await;
    for death in 1..=3 {
        let journal = stage.sender();
        // Both in one batch, and the first has been decided on when the second takes the process down.
        let open = journal.claim(Uuid::new_v4(), &ids);
        let working = journal.marker();
        working.on(ids[0]);
        working.on(ids[1]);
        let file = std::fs::read_dir(&stage.folder.0)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        let copy = stage.folder.0.join(format!("{STEM}-{death}.journal"));
        std::fs::copy(file, copy).unwrap();
        drop(working);
        open.settle();
        drop(journal);

        let pass = stage.rescue().run_once().await.unwrap();

        assert_eq!(pass.quarantined, usize::from(death == 3));
        assert_eq!(stage.row(ids[1]).await["crashes"], death);
    }
    let row = stage.row(ids[1]).await;
    assert_eq!((&row["state"], &row["reason"]), (&json!(60), &json!("quarantined")));
    let neighbour = stage.row(ids[0]).await;
    assert_eq!((&neighbour["state"], &neighbour["crashes"]), (&json!(20), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_whose_posts_take_senders_down_is_not_posted_a_fourth_time_even_if_it_asks_for_that() {
    let stage = Stage::new().await;
    let ids = stage.queued(1).await;
    stage.run("UPDATE message SET resend = true").await;
    for death in 1..=3 {
        let journal = stage.sender();
        let rows = stage.claimed(&journal, &ids).await;
        assert!(rows[0].trail.begin(ids[0], rows[0].slot)());
        drop((journal, rows));

        stage.rescue().run_once().await.unwrap();

        let row = stage.row(ids[0]).await;
        assert_eq!((&row["state"], &row["crashes"]), (&json!(40), &json!(death)));
        assert_eq!(row["resend"], death < 3);
        if death < 3 {
            stage.run("UPDATE message SET state = 20, claim = NULL").await;
        }
    }
}
