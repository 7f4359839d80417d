//! Two tenants that are declared alike. One speaks HTTP, the other AMQP; what both are told must be the same.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};
use testkit::Conformance;
use testkit::seed::{self, Choice, Tenant};
use testkit::stack::{self, Stack};

use crate::pipeline::Pipeline;

/// What a body is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Message,
    Broadcast,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Self::Message => "/api/v1/messages/whatsapp",
            Self::Broadcast => "/api/v1/messages/whatsapp/broadcast",
        }
    }

    fn routing_key(self) -> &'static str {
        match self {
            Self::Message => broker::key::MESSAGE,
            Self::Broadcast => broker::key::BROADCAST,
        }
    }
}

pub(crate) struct Twins {
    pub(crate) http: Tenant,
    pub(crate) amqp: Tenant,
}

/// The answer that both got; with the ids of the one over HTTP, and beside it of the other.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) twin: Value,
}

impl Twins {
    pub(crate) async fn declared(stack: &Stack, choice: &Choice, change: impl Fn(&mut Value)) -> Self {
        Self {
            http: declared(stack, choice, &change).await,
            amqp: declared(stack, choice, &change).await,
        }
    }

    pub(crate) fn both(&self) -> [&Tenant; 2] {
        [&self.http, &self.amqp]
    }

    /// Asks at both doors; the body may depend on the tenant.
    pub(crate) async fn ask_each(&self, on: &Pipeline, kind: Kind, body: impl Fn(&Tenant) -> Value) -> Answer {
        let (status, answer) = on
            .stack
            .post_as(&self.http, kind.path(), &body(&self.http))
            .await
            .unwrap();
        let (other_status, twin) = on.postbox.ask(&self.amqp, kind.routing_key(), &body(&self.amqp)).await;
        let fits = document(on).check("POST", kind.path(), status, &answer);
        assert!(fits.is_ok(), "{fits:?}");
        assert_eq!(
            (status, without_ids(answer.clone())),
            (other_status, without_ids(twin.clone())),
            "HTTP and AMQP differ on {}",
            body(&self.http)
        );
        Answer {
            status,
            body: answer,
            twin,
        }
    }

    pub(crate) async fn ask(&self, on: &Pipeline, kind: Kind, body: Value) -> Answer {
        self.ask_each(on, kind, |_| body.clone()).await
    }

    pub(crate) async fn send(&self, on: &Pipeline, body: Value) -> Answer {
        self.ask(on, Kind::Message, body).await
    }

    pub(crate) async fn broadcast(&self, on: &Pipeline, body: Value) -> Answer {
        self.ask(on, Kind::Broadcast, body).await
    }

    /// The window of a person, as the check before a session message tells it.
    pub(crate) async fn window(&self, on: &Pipeline, to: &str, from: Option<&str>) -> (u16, Value) {
        let plus = |text: &str| text.replace('+', "%2B");
        let from = from.map(|from| format!("&from={}", plus(from))).unwrap_or_default();
        let path = format!("/api/v1/messages/whatsapp/window-status?to={}{from}", plus(to));
        let (status, body) = on.stack.get_as(&self.http, &path).await.unwrap();
        let fits = document(on).check("GET", &path, status, &body);
        assert!(fits.is_ok(), "{fits:?}");
        (status, body)
    }
}

impl Answer {
    /// The data of an answer with this status.
    #[track_caller]
    pub(crate) fn data(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.body);
        &self.body["data"]
    }

    /// The error of an answer with this status.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}", self.body);
        &self.body["error"]
    }

    /// Of each result of a broadcast: status and reason.
    pub(crate) fn outcomes(&self) -> Vec<(&str, Option<&str>)> {
        let results = self.body["data"]["results"].as_array().unwrap();
        results
            .iter()
            .map(|result| (result["status"].as_str().unwrap(), result["reason"].as_str()))
            .collect()
    }
}

async fn declared(stack: &Stack, choice: &Choice, change: impl Fn(&mut Value)) -> Tenant {
    static PLACE: AtomicU8 = AtomicU8::new(10);
    let choice = Choice {
        place: PLACE.fetch_add(1, Ordering::Relaxed),
        ..choice.clone()
    };
    let mut declaration = seed::declaration(&choice);
    change(&mut declaration["organization"][0]);
    let simulated = stack::simulated(&serde_json::from_value(declaration.clone()).unwrap()).unwrap();
    let tenant = seed::declared_tenant(&stack.database.store, &choice, declaration).await;
    let learned = stack.meta.update_config(|config| {
        config.numbers.extend(simulated.numbers);
        config.portfolios.extend(simulated.portfolios);
    });
    learned.unwrap();
    tenant
}

/// What ingest says of itself.
fn document(on: &Pipeline) -> &'static Conformance {
    static DOCUMENT: OnceLock<Conformance> = OnceLock::new();
    DOCUMENT.get_or_init(|| Conformance::new(on.document.clone()))
}

/// What the answers to two tenants may differ in.
fn without_ids(mut body: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for name in ["message_id", "broadcast_id", "created_at", "frees_at", "from", "meta"] {
                    fields.remove(name);
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut body);
    body
}

/// A sender number beside the first, as a declaration has it.
pub(crate) fn second_number(organization: &mut Value) {
    let first = organization["waba"][0]["number"][0].clone();
    let longer = |name: &str| format!("{}9", first[name].as_str().unwrap());
    let second = json!({"phone_number_id": longer("phone_number_id"), "phone": longer("phone"), "throughput": first["throughput"]});
    organization["waba"][0]["number"].as_array_mut().unwrap().push(second);
}
