//! A database with one tenant, messages in any state, and webhooks about them.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use domain::opaque::Signer;
use domain::{Category, MessageId, State};
use receipts::{Options, Pass, Receipts};
use runtime::Clock;
use serde_json::{Value, json};
use store::Store;
use testkit::database::{self, SECRET_KEY, TestDatabase};
use testkit::seed::{self, Choice, Tenant};

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) tenant: Tenant,
    pub(crate) signer: Signer,
    pub(crate) clock: Clock,
    pub(crate) receipts: Receipts,
}

/// What is special about a message.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) state: State,
    pub(crate) attempt: i32,
    pub(crate) category: Category,
    pub(crate) recipient: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            state: State::Accepted,
            attempt: 1,
            category: Category::Utility,
            recipient: 0,
        }
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&Choice::default()).await
    }

    /// The clock stands still at the second in which the test began.
    pub(crate) async fn with(choice: &Choice) -> Self {
        let database = database::fresh().await;
        let tenant = seed::tenant(&database.store, choice).await;
        let signer = Signer::new(&SECRET_KEY);
        let clock = Clock::manual(Clock::system().now().trunc_subsecs(0));
        let receipts = Receipts::new(
            database.store.clone(),
            signer.clone(),
            clock.clone(),
            Options::default(),
        );
        Self {
            database,
            tenant,
            signer,
            clock,
            receipts,
        }
    }

    /// The same role in another process, with connections and options of its own.
    pub(crate) fn another(&self, options: Options) -> Receipts {
        let store = database::store(&self.database.url, 2);
        Receipts::new(store, self.signer.clone(), self.clock.clone(), options)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.database.store
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Meta's id of the tenant's account.
    pub(crate) fn waba(&self) -> &'static str {
        "1000000"
    }

    pub(crate) async fn message(&self, plan: Plan) -> MessageId {
        let id = MessageId::new(self.now());
        self.insert(id, plan).await;
        id
    }

    pub(crate) async fn insert(&self, id: MessageId, plan: Plan) {
        let now = self.now();
        let tenant = &self.tenant;
        let wake_at = match plan.state.is_final() {
            true => "NULL".to_owned(),
            false => format!("'{}'", now + TimeDelta::minutes(1)),
        };
        self.raw(&format!(
            "INSERT INTO message (id, organization_id, number_id, scope_id, recipient, lane, category, expires_at, state,
                 wake_at, attempt, counted, claimed_at, changed_at, reason)
             VALUES ('{id}', {}, {}, {}, '{}', 0, {}, '{}', {}, {wake_at}, {}, {}, '{now}', '{now}', 'outcome_unknown')",
            tenant.organization,
            tenant.number,
            tenant.scope,
            seed::recipient(plan.recipient),
            plan.category.code(),
            now + TimeDelta::days(1),
            plan.state.code(),
            plan.attempt,
            plan.category != Category::Service,
        ))
        .await;
    }

    pub(crate) async fn raw(&self, sql: &str) -> Vec<Value> {
        self.store().raw(sql).await.unwrap()
    }

    pub(crate) async fn one(&self, sql: &str) -> Value {
        let rows = self.raw(sql).await;
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows[0].clone()
    }

    pub(crate) async fn count(&self, table: &str) -> i64 {
        let row = self.one(&format!("SELECT count(*) AS n FROM {table}")).await;
        row["n"].as_i64().unwrap()
    }

    pub(crate) async fn row(&self, id: MessageId) -> Value {
        self.one(&format!(
            "SELECT state, wake_at, attempt, reason, delivery, wamid FROM message WHERE id = '{id}'"
        ))
        .await
    }

    /// A status of ours, `seconds` from now.
    pub(crate) fn status(&self, id: MessageId, attempt: i32, word: &str, seconds: i64) -> Value {
        let mut status = json!({
            "id": format!("wamid.{id}.{attempt}"),
            "status": word,
            "timestamp": (self.now() + TimeDelta::seconds(seconds)).timestamp().to_string(),
            "recipient_id": "16660000000",
            "biz_opaque_callback_data": self.signer.sign(id, attempt),
        });
        if word == "failed" {
            status["errors"] = json!([{"code": 131_026, "title": "Message undeliverable"}]);
        }
        status
    }

    /// An inbound text, `seconds` from now.
    pub(crate) fn text(&self, wamid: &str, from: usize, seconds: i64, body: &str) -> Value {
        json!({
            "id": wamid,
            "from": seed::recipient(from).trim_start_matches('+'),
            "timestamp": (self.now() + TimeDelta::seconds(seconds)).timestamp().to_string(),
            "type": "text",
            "text": {"body": body},
        })
    }

    /// A body with one change of field `messages`: `list` names what the elements are.
    pub(crate) fn messages(&self, list: &str, elements: &[Value]) -> Value {
        self.change(
            "messages",
            json!({
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "15550001110", "phone_number_id": self.tenant.phone_number_id},
                list: elements,
            }),
        )
    }

    /// A body with one change, told at the second in which the test began.
    pub(crate) fn change(&self, field: &str, value: Value) -> Value {
        self.change_at(field, 0, value)
    }

    pub(crate) fn change_at(&self, field: &str, seconds: i64, value: Value) -> Value {
        let time = (self.now() + TimeDelta::seconds(seconds)).timestamp();
        json!({
            "object": "whatsapp_business_account",
            "entry": [{"id": self.waba(), "time": time, "changes": [{"field": field, "value": value}]}],
        })
    }

    /// Keeps bodies as ingest does, in this order.
    pub(crate) async fn keep(&self, bodies: &[Value]) {
        let bodies: Vec<Vec<u8>> = bodies.iter().map(|body| body.to_string().into_bytes()).collect();
        let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
        self.store().keep_webhooks(self.now(), &bodies).await.unwrap();
    }

    /// One pass, which must be enough.
    pub(crate) async fn pass(&self) -> Pass {
        let pass = self.receipts.run_once().await.unwrap();
        assert_eq!(self.count("webhook_inbox WHERE applied_at IS NULL").await, 0);
        pass
    }

    pub(crate) async fn apply(&self, bodies: &[Value]) -> Pass {
        self.keep(bodies).await;
        self.pass().await
    }

    pub(crate) async fn statuses(&self, statuses: &[Value]) -> Pass {
        self.apply(&[self.messages("statuses", statuses)]).await
    }

    /// Every reason for which something was set aside.
    pub(crate) async fn set_aside(&self) -> Vec<String> {
        let rows = self
            .raw(
                "SELECT e.value ->> 'reason' AS reason FROM webhook_inbox w, jsonb_array_elements(w.set_aside) e \
                  ORDER BY w.id, (e.value ->> 'element')::integer",
            )
            .await;
        rows.iter()
            .map(|row| row["reason"].as_str().unwrap().to_owned())
            .collect()
    }
}
