//! Many small tenants at once.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::MessageId;
use serde_json::Value;
use store::Store;
use testkit::database::{self, TestDatabase};

/// Sender numbers of a lane.
pub(super) const NUMBERS: usize = 2;

/// A database whose clock is moved by hand.
pub(super) struct Ground {
    _database: TestDatabase,
    /// One connection only, so that its clock can be set.
    pub(super) store: Store,
    pub(super) now: DateTime<Utc>,
    made: usize,
}

/// One case.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) organization: i64,
    pub(super) scope: i64,
    pub(super) waba: String,
    pub(super) numbers: Vec<i64>,
}

/// A row before it is inserted.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow {
    pub(super) id: MessageId,
    pub(super) number: usize,
    pub(super) person: usize,
    /// 0 is a session message.
    pub(super) category: i16,
    pub(super) price: Option<i64>,
}

impl Ground {
    pub(super) async fn new() -> Self {
        let database = database::fresh().await;
        let store = database::store(&database.url, 1);
        let now = database.store.clock().await.unwrap().at();
        let mut ground = Self {
            _database: database,
            store,
            now: DateTime::from_timestamp(now.timestamp(), 0).unwrap(),
            made: 0,
        };
        ground.set_clock(ground.now).await;
        ground
    }

    pub(super) async fn set_clock(&mut self, now: DateTime<Utc>) {
        self.now = now;
        self.run(&format!("SET turnpike.now = '{}'", now.to_rfc3339())).await;
    }

    pub(super) async fn run(&self, sql: &str) {
        self.store
            .raw(sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}: {sql:.300}"));
    }

    pub(super) async fn rows(&self, sql: &str) -> Vec<Value> {
        self.store
            .raw(sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}: {sql:.300}"))
    }

    /// So many new lanes without a limit and without a balance.
    pub(super) async fn lanes(&mut self, count: usize) -> Vec<Lane> {
        let these = self.made..self.made + count;
        self.made += count;
        let Range { start, end } = these;
        let last = end - 1;
        // Numbers are fast enough to hold nothing back, and the pace has tests of its own.
        self.run(&format!(
            "INSERT INTO organization (slug, name) SELECT 'lane-' || n, 'Lane' FROM generate_series({start}, {last}) n;
             INSERT INTO limit_scope (key) SELECT 'waba:lane-' || n FROM generate_series({start}, {last}) n;
             INSERT INTO waba (meta_id, organization_id, scope_id, access_token)
                 SELECT 'lane-' || n, o.id, s.id, ''
                 FROM generate_series({start}, {last}) n
                 JOIN organization o ON o.slug = 'lane-' || n JOIN limit_scope s ON s.key = 'waba:lane-' || n;
             WITH made AS (
                 INSERT INTO sender_number (phone_number_id, phone, organization_id, waba_id, scope_id, throughput)
                 SELECT w.meta_id || '-' || k, '+1555' || w.id || '0' || k, w.organization_id, w.id, w.scope_id, 1000
                 FROM generate_series({start}, {last}) n JOIN waba w ON w.meta_id = 'lane-' || n CROSS JOIN generate_series(1, {NUMBERS}) k
                 RETURNING id
             ) INSERT INTO number_gate (number_id, slots_per_second) SELECT id, 1000 FROM made"
        ))
        .await;
        let found = self
            .rows(&format!(
                "SELECT w.organization_id AS organization, w.scope_id AS scope, w.meta_id AS waba, array_agg(s.id ORDER BY s.id) AS numbers
                 FROM generate_series({start}, {last}) n JOIN waba w ON w.meta_id = 'lane-' || n JOIN sender_number s ON s.waba_id = w.id
                 GROUP BY n, w.id ORDER BY n"
            ))
            .await;
        let lane = |row: Value| Lane {
            organization: row["organization"].as_i64().unwrap(),
            scope: row["scope"].as_i64().unwrap(),
            waba: row["waba"].as_str().unwrap().to_owned(),
            numbers: row["numbers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|id| id.as_i64().unwrap())
                .collect(),
        };
        found.into_iter().map(lane).collect()
    }

    /// Queues rows.
    pub(super) async fn queue(&self, rows: &[(&Lane, NewRow)]) {
        let value = |(lane, row): &(&Lane, NewRow)| {
            let price = row.price.map_or_else(|| "NULL".to_owned(), |price| price.to_string());
            let (number, person) = (lane.numbers[row.number], person(row.person));
            format!(
                "('{}'::uuid,{},{number},{},'{person}',{},{price}::bigint)",
                row.id, lane.organization, lane.scope, row.category
            )
        };
        for rows in rows.chunks(5_000) {
            let values = rows.iter().map(value).collect::<Vec<_>>().join(",");
            self.run(&format!(
                "INSERT INTO message (id, organization_id, number_id, scope_id, recipient, category, price, lane, expires_at, state, wake_at, changed_at)
                 SELECT v.*, 1, turnpike_now() + interval '300 days', 20, turnpike_now(), turnpike_now()
                 FROM (VALUES {values}) AS v (id, organization_id, number_id, scope_id, recipient, category, price)"
            ))
            .await;
        }
    }

    /// As the scheduler does: what is due is queued again.
    pub(super) async fn release_due(&self) {
        self.run("UPDATE message SET state = 20 WHERE state = 10 AND wake_at <= turnpike_now()")
            .await;
    }
}

/// The `n`-th person, the same in every lane.
pub(super) fn person(n: usize) -> String {
    testkit::seed::recipient(n)
}
