//! Everything that is recorded of one message, and the facts that the rules would look at now.

use std::slice;

use chrono::{DateTime, Utc};
use domain::hold::{Heard, Hold};
use domain::policy::PolicyFacts;
use domain::rules::{Facts, FlowStatus};
use domain::story::Standing;
use domain::template::{ParameterFormat, Shape};
use domain::{MessageId, NumberId, OrganizationId, State};

use super::MessageView;
use crate::admission::{Candidate, Unreadable};
use crate::policies::KnownPolicies;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const STANDING: Statement = statement!("queries/standing", "reading where a message stands");

/// One message with its past, its present and what its future hangs on.
#[derive(Debug, Clone)]
pub struct Story {
    /// The message with its attempts and what Meta told.
    pub message: MessageView,
    /// What the rules would look at now.
    pub facts: Result<Facts, Unreadable>,
    /// When the facts were read, by the ledger's clock.
    pub read_at: DateTime<Utc>,
    /// Claims so far.
    pub attempt: i32,
    /// Refused attempts that count against the retry budget.
    pub failures: i32,
    /// How often its job was published again since it was last queued.
    pub rings: i32,
    /// What its future hangs on.
    pub standing: Standing,
    /// Its place in its flow.
    pub flow: Option<FlowPlace>,
    /// While it is uncertain: its hold, and what the hold's clock hangs on.
    pub hold: Option<(Hold, Heard)>,
}

/// A row's place in its flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPlace {
    /// Whether the flow's rows may go.
    pub status: FlowStatus,
    /// They are released from then on.
    pub starts_at: DateTime<Utc>,
    /// The row's place, from 1.
    pub seq: i32,
    /// Rows up to this one were released.
    pub released_seq: i32,
    /// The last row's place.
    pub last_seq: i32,
}

impl Store {
    /// The story of one message of an organization.
    pub async fn story(
        &self,
        organization: OrganizationId,
        id: MessageId,
        now: DateTime<Utc>,
    ) -> Result<Option<Story>, Error> {
        let Some(message) = self.message(organization, id, now).await? else {
            return Ok(None);
        };
        let mut candidates = self.load_in(&[id], &State::ALL).await?;
        let client = self.client().await?;
        let row = STANDING.row(&client, &[&id.0, &organization.0]).await?;
        drop(client);
        // Retention may have dropped it between two looks.
        let (Some(candidate), Some(row)) = (candidates.pop(), row) else {
            return Ok(None);
        };
        let flow = match row.get::<_, Option<&str>>("flow_status") {
            None => None,
            Some(status) => Some(FlowPlace {
                status: FlowStatus::parse(status).ok_or_else(|| Error::Unreadable {
                    what: "flow.status",
                    found: status.to_owned(),
                })?,
                starts_at: row.get("starts_at"),
                seq: row.get("seq"),
                released_seq: row.get("released_seq"),
                last_seq: row.get("last_seq"),
            }),
        };
        let hold = match (message.state, row.get::<_, Option<DateTime<Utc>>>("wake_at")) {
            (State::Uncertain, Some(alarm)) => {
                let number = NumberId(row.get("number_id"));
                let mut heard = self.heard(&[number], row.get("read_at")).await?;
                let hold = Hold {
                    began: row.get("changed_at"),
                    counted_until: row.get("held_until"),
                    alarm,
                    resend: row.get("resend"),
                    expires_at: message.expires_at,
                    failures: u32::try_from(row.get::<_, i32>("failures")).unwrap_or(u32::MAX),
                };
                Some((hold, heard.remove(&number).unwrap_or_default()))
            }
            _ => None,
        };
        let rows_before = u32::try_from(row.get::<_, i64>("rows_before")).unwrap_or(u32::MAX);
        let shape = self.shape_of(&candidate).await?;
        let mut policies = self
            .policy_facts(&KnownPolicies::default(), slice::from_ref(&candidate))
            .await?;
        let policies = policies.remove(&id).unwrap_or_else(|| Ok(PolicyFacts::default()));
        let facts = candidate.facts(shape.as_ref());
        Ok(Some(Story {
            facts: facts.and_then(|facts| policies.map(|policies| Facts { policies, ..facts })),
            read_at: row.get("read_at"),
            attempt: row.get("attempt"),
            failures: row.get("failures"),
            rings: row.get("rings"),
            standing: Standing {
                state: message.state,
                wake_at: row.get("wake_at"),
                flow: flow.as_ref().map(|flow| (flow.status, rows_before)),
                resend: row.get("resend"),
            },
            flow,
            hold,
            message,
        }))
    }

    async fn shape_of(&self, candidate: &Candidate) -> Result<Option<Shape>, Error> {
        let Some(template) = &candidate.template else {
            return Ok(None);
        };
        let texts = self.template_texts(&[template.id]).await?;
        Ok(texts.first().map(|text| {
            let format = ParameterFormat::parse(&text.parameter_format).unwrap_or(ParameterFormat::Positional);
            Shape::from_components(&text.components, format)
        }))
    }
}
