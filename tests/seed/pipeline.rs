//! One pipeline for all tests of this program: started by the first that needs it, stopped when the last that holds it lets go.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::Turn;
use testkit::seed::Choice;
use testkit::stack::{Plan, Stack};
use tokio::runtime::Runtime;

use crate::postbox::Postbox;
use crate::twins::Twins;

/// Longest wait for anything.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// PostgreSQL itself refuses a message to this person.
pub(crate) const NOT_KEPT: &str = "+16679999999";

/// What a failed test shows of the programs' logs.
const LOG_LINES: usize = 60;

/// The pipeline's tasks outlive each single test.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static CURRENT: Mutex<Weak<Pipeline>> = Mutex::new(Weak::new());

pub(crate) struct Pipeline {
    pub(crate) stack: Stack,
    pub(crate) postbox: Postbox,
    /// Two standard tenants.
    pub(crate) twins: Twins,
    /// What ingest says of itself.
    pub(crate) document: Value,
    _turn: Turn,
}

/// Runs a test on the pipeline.
pub(crate) fn show(test: impl AsyncFnOnce(Arc<Pipeline>)) {
    let pipeline = {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        current.upgrade().unwrap_or_else(|| {
            let turn = testkit::shared();
            let started = Arc::new(RUNTIME.block_on(Pipeline::start(turn)));
            *current = Arc::downgrade(&started);
            started
        })
    };
    let shown = catch_unwind(AssertUnwindSafe(|| RUNTIME.block_on(test(Arc::clone(&pipeline)))));
    let _inside = RUNTIME.enter();
    if let Err(wrong) = shown {
        let logs = pipeline.stack.logs();
        let last: Vec<&str> = logs.lines().rev().take(LOG_LINES).collect();
        eprintln!("{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        resume_unwind(wrong);
    }
    drop(pipeline);
}

impl Pipeline {
    async fn start(turn: Turn) -> Self {
        let mut stack = Stack::prepare(Plan::default()).await.unwrap();
        // Before anybody works: changing a table under them would get in everybody's way.
        for sql in [
            format!(
                "CREATE FUNCTION refuse_one() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN IF NEW.recipient = '{NOT_KEPT}' THEN RAISE EXCEPTION 'this row cannot be kept'; END IF; RETURN NEW; END $$"
            ),
            "CREATE TRIGGER refuse_one BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION refuse_one()".to_owned(),
        ] {
            stack.database.store.raw(&sql).await.unwrap();
        }
        for role in ["ingest", "scheduler", "scheduler", "receipts", "sender"] {
            stack.start_role(role).await.unwrap();
        }
        let postbox = Postbox::open(&stack).await;
        let twins = Twins::declared(&stack, &Choice::default(), |_| ()).await;
        let (_, document) = stack.get("/openapi.json").await.unwrap();
        Self {
            stack,
            postbox,
            twins,
            document,
            _turn: turn,
        }
    }

    /// Two tenants that differ from the standard ones: `change` gets the organization as it is declared.
    pub(crate) async fn twins_with(&self, choice: &Choice, change: impl Fn(&mut Value)) -> Twins {
        Twins::declared(&self.stack, choice, change).await
    }

    pub(crate) async fn sql(&self, sql: &str) -> Vec<Value> {
        self.stack.database.store.raw(sql).await.unwrap()
    }

    /// A time of tomorrow, as answers write times.
    pub(crate) async fn later(&self) -> String {
        let tomorrow =
            "SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at";
        self.sql(tomorrow).await[0]["at"].as_str().unwrap().to_owned()
    }

    /// A `PUT` without a body, which must be answered with 200.
    pub(crate) async fn put_as(&self, tenant: &testkit::seed::Tenant, path: &str) {
        let (status, answer) = self.stack.put_as(tenant, path).await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// How many rows there are for these people.
    pub(crate) async fn rows_for(&self, people: &[String]) -> u64 {
        let people = people.join("','");
        let counted = self
            .sql(&format!(
                "SELECT count(*) AS n FROM message WHERE recipient IN ('{people}')"
            ))
            .await;
        counted[0]["n"].as_u64().unwrap()
    }

    /// What the simulator took for this person, in order.
    pub(crate) fn sent_to(&self, person: &str) -> Vec<simulator::Entry> {
        let to = |entry: &simulator::Entry| {
            entry
                .recipient
                .as_deref()
                .is_some_and(|to| to.trim_start_matches('+') == person.trim_start_matches('+'))
        };
        self.stack
            .meta
            .ledger()
            .into_iter()
            .filter(|entry| entry.accepted && to(entry))
            .collect()
    }

    /// This person wrote to this tenant's first number so many hours ago: really, through Meta's stand-in, and then the clock of the
    /// contact is set back.
    pub(crate) async fn wrote(&self, tenant: &testkit::seed::Tenant, person: &str, hours_ago: f64) {
        let inbound = simulator::Inbound::text(&tenant.phone_number_id, person, "Hello?");
        self.stack.meta.inbound(&inbound).unwrap();
        let number = tenant.number;
        let contact = format!("number_id = {number} AND recipient = '{person}'");
        testkit::until(SOON, "the inbound message", async || {
            let found = self
                .sql(&format!(
                    "SELECT 1 AS n FROM contact WHERE {contact} AND last_inbound_at IS NOT NULL"
                ))
                .await;
            (!found.is_empty()).then_some(())
        })
        .await;
        self.sql(&format!(
            "UPDATE contact SET last_inbound_at = last_inbound_at - {hours_ago} * interval '1 hour' WHERE {contact}"
        ))
        .await;
    }

    /// A tenant's message once it has one of these statuses. One that ends otherwise fails the test at once.
    pub(crate) async fn until_status(&self, tenant: &testkit::seed::Tenant, id: &Value, statuses: &[&str]) -> Value {
        let path = format!("/api/v1/messages/{}", id.as_str().unwrap());
        testkit::until(SOON, &format!("one of {statuses:?}"), async || {
            let (_, answer) = self.stack.get_as(tenant, &path).await.ok()?;
            let status = answer["data"]["status"].as_str()?;
            if statuses.contains(&status) {
                return Some(answer["data"].clone());
            }
            let is_over = ["failed", "expired", "canceled", "unknown"].contains(&status);
            assert!(!is_over, "waited for one of {statuses:?}: {answer}");
            None
        })
        .await
    }
}

/// A template to one person.
pub(crate) fn hello(to: &str) -> Value {
    template(to, "hello")
}

pub(crate) fn template(to: &str, name: &str) -> Value {
    json!({"to": to, "type": "template", "template": {"name": name, "language": {"code": "en_US"}}})
}

/// A session message to one person.
pub(crate) fn text(to: &str) -> Value {
    json!({"to": to, "type": "text", "text": {"body": "Thank you!"}})
}

/// `hello` to these people.
pub(crate) fn hello_all(people: &[String]) -> Value {
    let recipients: Vec<Value> = people.iter().map(|to| json!({"to": to})).collect();
    json!({"recipients": recipients, "template_name": "hello", "template_language": "en_US"})
}
