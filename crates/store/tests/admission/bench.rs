//! A database with a tenant, and rows to admit.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::hold::Heard;
use domain::{Category, MessageId, State};
use serde_json::Value;
use store::Store;
use store::admission::{AdmitVerdict, Admitted, Pacing};
use store::repair::Bounds;
use testkit::database::{self, TestDatabase};
use testkit::seed::{self, Choice, Tenant};
use uuid::Uuid;

pub(crate) const PACING: Pacing = Pacing {
    horizon: Duration::from_secs(1),
    lead: Duration::from_millis(5),
};

pub(crate) struct Bench {
    _database: TestDatabase,
    /// One connection only, so that its clock can be set.
    pub(crate) store: Store,
    pub(crate) tenant: Tenant,
    pub(crate) now: DateTime<Utc>,
}

impl Bench {
    /// A tenant whose ledger clock stands still at a round moment.
    pub(crate) async fn new(choice: Choice) -> Self {
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, &choice).await;
        let store = database::store(&database.url, 1);
        let now = database.store.clock().await.unwrap().at();
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap();
        let mut bench = Self {
            _database: database,
            store,
            tenant,
            now,
        };
        bench.set_clock(now).await;
        bench
    }

    pub(crate) async fn set_clock(&mut self, now: DateTime<Utc>) {
        self.now = now;
        self.run(&format!("SET turnpike.now = '{}'", now.to_rfc3339())).await;
    }

    pub(crate) async fn pass(&mut self, time: TimeDelta) {
        self.set_clock(self.now + time).await;
    }

    pub(crate) async fn run(&self, sql: &str) {
        self.store.raw(sql).await.unwrap();
    }

    /// As the scheduler does it, where webhooks came all the time.
    pub(crate) async fn end_holds(&self) {
        let due = self
            .store
            .due_holds(Bounds {
                per_number: 100,
                all: 100,
            })
            .await
            .unwrap()
            .expect("holds are over");
        let heard = Heard {
            last: Some(due.now),
            gaps: Vec::new(),
        };
        let ends: Vec<_> = due
            .holds
            .iter()
            .map(|hold| (*hold, hold.hold.end(&heard, due.now)))
            .collect();
        self.store.settle_holds(&ends, due.now).await.unwrap();
    }

    /// A queued row; `category` 0 is a session message.
    pub(crate) async fn queued(&self, recipient: usize, category: Category) -> MessageId {
        insert(&self.store, &self.tenant, self.now, recipient, category).await
    }

    pub(crate) async fn admit(&self, ids: &[MessageId]) -> Vec<Admitted> {
        self.store.admit(Uuid::new_v4(), ids, PACING).await.unwrap().rows
    }

    /// Admits one row and says in a word what came of it.
    pub(crate) async fn verdict(&self, id: MessageId) -> String {
        match self.admit(&[id]).await.as_slice() {
            [] => "not queued".to_owned(),
            [row] => word(&row.verdict),
            more => panic!("one row was asked for: {more:?}"),
        }
    }

    pub(crate) async fn row(&self, id: MessageId) -> Value {
        let rows = self
            .store
            .raw(&format!("SELECT * FROM message WHERE id = '{id}'"))
            .await;
        rows.unwrap().remove(0)
    }

    pub(crate) async fn state(&self, id: MessageId) -> State {
        let code = self.row(id).await["state"].as_i64().unwrap();
        State::from_code(i16::try_from(code).unwrap()).unwrap()
    }

    pub(crate) async fn wake_at(&self, id: MessageId) -> DateTime<Utc> {
        self.row(id).await["wake_at"].as_str().unwrap().parse().unwrap()
    }

    /// The count kept in the scope, after checking it against the set itself.
    pub(crate) async fn members(&self) -> i64 {
        members(&self.store, self.tenant.scope.0).await
    }

    pub(crate) async fn requeue(&self, id: MessageId) {
        self.run(&format!("UPDATE message SET state = 20 WHERE id = '{id}'"))
            .await;
    }
}

pub(crate) fn word(verdict: &AdmitVerdict) -> String {
    match verdict {
        AdmitVerdict::Send { .. } => "send".to_owned(),
        AdmitVerdict::Throughput { .. } => "throughput".to_owned(),
        AdmitVerdict::Settled { reason } => reason.to_string(),
    }
}

pub(crate) fn slot(row: &Admitted) -> DateTime<Utc> {
    match row.verdict {
        AdmitVerdict::Send { slot, .. } => slot,
        ref other => panic!("no slot: {other:?}"),
    }
}

/// A queued row of a tenant's number.
pub(crate) async fn insert(
    store: &Store,
    tenant: &Tenant,
    now: DateTime<Utc>,
    recipient: usize,
    category: Category,
) -> MessageId {
    let id = MessageId::new(now);
    let (organization, number, scope) = (tenant.organization, tenant.number, tenant.scope);
    let (recipient, category) = (seed::recipient(recipient), category.code());
    let (now, end) = (now.to_rfc3339(), (now + TimeDelta::days(30)).to_rfc3339());
    let sql = format!(
        "INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, state, wake_at, changed_at)
         VALUES ('{id}', {organization}, {number}, {scope}, '{recipient}', 1, {category}, '{end}', 20, '{now}', '{now}')"
    );
    store.raw(&sql).await.unwrap();
    id
}

pub(crate) async fn members(store: &Store, scope: i64) -> i64 {
    let sql = format!(
        "SELECT members, (SELECT count(*) FROM limit_member e WHERE e.scope_id = s.id) AS rows FROM limit_scope s WHERE id = {scope}"
    );
    let row = store.raw(&sql).await.unwrap().remove(0);
    assert_eq!(row["members"], row["rows"], "the count and the set went apart");
    row["members"].as_i64().unwrap()
}
