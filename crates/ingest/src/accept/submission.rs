//! A request with everything that came along with it.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use domain::trace::TraceContext;
use domain::{FlowId, MessageId, OrganizationId};
use store::intake::Footprint;
use uuid::Uuid;

use crate::problem::{Code, Problem};
use crate::request::{Kind, Request, idempotency_key};

/// A well-formed request of a known organization.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who asks.
    pub organization: OrganizationId,
    /// Its messages go to a stand-in for Meta.
    pub test: bool,
    /// For what.
    pub request: Request,
    /// Under which idempotency key.
    pub key: Option<Key>,
    /// When it came in, to the millisecond: the time that its ids begin with.
    pub received_at: DateTime<Utc>,
    /// The trace that its work belongs to.
    pub trace: Option<TraceContext>,
    /// One id per row.
    pub(super) ids: Vec<MessageId>,
    /// The id of its flow, when it is a broadcast.
    pub(super) flow: FlowId,
}

/// An idempotency key, and the request that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As the caller gave it.
    pub text: String,
    /// [`Kind::hash`] of the request.
    pub request_hash: [u8; 32],
}

/// Idempotency keys of tests are others than those of live messages: an order that was tried out must still be sent. No caller's key
/// has such a character.
fn of_tests(key: &str) -> String {
    format!("\u{1}test {key}")
}

impl Submission {
    /// Reads a body of an organization, from a test key or a live one. `key_field` is what the door calls an idempotency key, for the error.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(
        (organization, test): (OrganizationId, bool),
        kind: Kind,
        body: &[u8],
        (key_field, key): (&str, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<Self, Problem> {
        let key = key
            .map(|key| idempotency_key(key_field, key))
            .transpose()
            .map_err(|wrong| Problem::field(Code::ValidationError, wrong))?;
        let request = Request::read(kind, body, now)?;
        let received_at = now.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(now);
        Ok(Self {
            organization,
            test,
            key: key.map(|text| Key {
                text: if test { of_tests(&text) } else { text },
                request_hash: kind.hash(body),
            }),
            received_at,
            trace: None,
            ids: (0..request.rows()).map(|_| MessageId::new(received_at)).collect(),
            flow: FlowId::new(received_at),
            request,
        })
    }

    /// What is to be remembered of one of its rows: of a test nothing.
    pub(super) fn footprint(&self, footprint: Footprint) -> Footprint {
        if self.test { Footprint::default() } else { footprint }
    }

    /// How many rows it makes.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// The id that the caller gets for it.
    pub fn public_id(&self) -> Uuid {
        match self.request {
            Request::Message(_) => self.ids[0].0,
            Request::Broadcast(_) => self.flow.0,
        }
    }
}
