//! Admission: the rows of a batch with their facts, what the rules settled, and the claim itself.
//!
//! **Invariant:** nothing is posted to Meta that [`Store::admit`] did not commit before, and an admission whose commit is in doubt
//! is never posted: [`Store::give_back_claim`] undoes what may have come of it.

mod facts;

use std::time::Duration;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::rules::window;
use domain::{MessageId, NumberId, OrganizationId, Reason, State, TemplateId, WabaId, pace};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::outcomes::{Recorded, record};
use crate::reading::Reading;
use crate::statement::{Statement, statement};
use crate::{Error, Store};

pub use facts::Unreadable;

const LOAD: Statement = statement!("admission/load", "reading messages and the facts about them");
const TEMPLATES: Statement = statement!("admission/templates", "reading templates");
const SETTLE: Statement = statement!("admission/settle", "settling messages that may not go");
const FALL_BACK: Statement = statement!("admission/fall_back", "falling back to templates");
const ADMIT: Statement = statement!("admission/admit", "admitting messages");
const CLOCK: Statement = statement!("admission/clock", "reading the ledger's clock");
const CLAIMED_GATES: Statement = statement!("admission/claimed_gates", "waiting for an admission in doubt");
const CLAIMED: Statement = statement!("admission/claimed", "looking what became of an admission in doubt");

/// A queued row and everything the rules look at. Codes and words are the database's own; they are read one row at a time by
/// whoever decides, so that one that cannot be read spoils no other.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The message.
    pub id: MessageId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its sender number.
    pub number: NumberId,
    /// E.164 with the `+`.
    pub recipient: String,
    /// A [`domain::Category`] code.
    pub category: i16,
    /// Claims so far.
    pub attempt: i32,
    /// Refused attempts so far that count against the retry budget.
    pub failures: i32,
    /// Not to be sent from then on.
    pub expires_at: DateTime<Utc>,
    /// What it says, as Meta takes it.
    pub content: Option<String>,
    /// The status of its flow, where it has one.
    pub flow_status: Option<String>,
    /// The recipient asked not to be written to.
    pub opted_out: bool,
    /// The recipient asked for no marketing.
    pub opted_out_of_marketing: bool,
    /// Meta's id of the sender number.
    pub phone_number_id: String,
    /// Meta's word for the sender number's status.
    pub number_status: String,
    /// The sender number's messages per second.
    pub throughput: u32,
    /// The sender number is held until then; `None` when it is not.
    pub paused_until: Option<DateTime<Utc>>,
    /// The WABA of the sender number.
    pub waba: WabaId,
    /// Meta's id of the WABA; also where its token is sealed for.
    pub waba_meta_id: String,
    /// The WABA's access token, sealed.
    pub access_token: Vec<u8>,
    /// Meta restricted the WABA.
    pub restricted: bool,
    /// Only for template messages, and only while the template exists.
    pub template: Option<CandidateTemplate>,
    /// There is a template to send should the service window be closed, and it was not taken yet.
    pub has_fallback: bool,
    /// It goes to a stand-in for Meta.
    pub test: bool,
    /// When the recipient last wrote to the sender number.
    pub last_inbound_at: Option<DateTime<Utc>>,
    /// The revision of its organization's policies; `None` when it has none.
    pub policy: Option<i64>,
    /// Since when it waits in its queue.
    pub queued_at: DateTime<Utc>,
    /// It was to go at once, and has not been tried yet.
    pub prompt: bool,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// The ledger's clock as the facts were read.
    pub read_at: DateTime<Utc>,
}

/// The template of a [`Candidate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CandidateTemplate {
    /// Its row.
    pub id: TemplateId,
    /// Meta's word for its status.
    pub status: String,
    /// Grows with every change.
    pub revision: i32,
}

/// A template's text, to be parsed and kept for as long as the revision is the same.
#[derive(Debug, Clone)]
pub struct TemplateText {
    /// Its row.
    pub id: TemplateId,
    /// Which version of it.
    pub revision: i32,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: String,
    /// Meta's component list.
    pub components: serde_json::Value,
}

/// What the rules made of a queued row that may not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// The message.
    pub id: MessageId,
    /// [`State::Parked`], or one of the final states.
    pub state: State,
    /// Parked until then, and never beyond its `expires_at`; `None` is until `expires_at`.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub reason: Reason,
}

/// How slots are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// How far ahead a slot may be.
    pub horizon: Duration,
    /// How far ahead the first slot is at least.
    pub lead: Duration,
}

/// What an admission came to.
#[derive(Debug, Clone)]
pub struct Admission {
    /// One for each row that was still queued, in the order asked for. A row that is missing was somebody else's already.
    pub rows: Vec<Admitted>,
    /// The ledger's clock, read after the commit.
    pub reading: Reading,
}

/// One row of an [`Admission`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The message.
    pub id: MessageId,
    /// What became of it.
    pub verdict: AdmitVerdict,
}

/// What admission made of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdmitVerdict {
    /// Claimed: to be posted at its slot.
    Send {
        /// Not earlier, and at most [`pace::MAX_SEND_DELAY`] later.
        slot: DateTime<Utc>,
        /// The number of this attempt.
        attempt: i32,
    },
    /// Untouched: no slot within the horizon.
    Throughput {
        /// When the slot it would get comes within the horizon.
        ask_at: DateTime<Utc>,
    },
    /// Parked, or brought to a final state.
    Settled {
        /// Why.
        reason: Reason,
    },
}

impl Store {
    /// Those of some templates that may not be sent now.
    pub async fn closed_templates(&self, ids: &[TemplateId]) -> Result<Vec<TemplateId>, Error> {
        let client = self.client().await?;
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let rows = statement!("admission/closed_templates", "looking which templates are closed")
            .rows(&client, &[&ids])
            .await?;
        Ok(rows.iter().map(|row| TemplateId(row.get("id"))).collect())
    }

    /// The rows among `ids` that are still queued, with the facts about them, in any order. No locks: an admission looks again at
    /// what must not change in between.
    pub async fn load(&self, ids: &[MessageId]) -> Result<Vec<Candidate>, Error> {
        self.load_in(ids, &[State::Queued]).await
    }

    /// The same of rows in other states, for those who ask why.
    pub(crate) async fn load_in(&self, ids: &[MessageId], states: &[State]) -> Result<Vec<Candidate>, Error> {
        let client = self.client().await?;
        let states: Vec<i16> = states.iter().map(|state| state.code()).collect();
        let rows = LOAD.rows(&client, &[&uuids(ids), &states]).await?;
        rows.iter().map(candidate).collect()
    }

    /// Templates by id; those that do not exist are missing.
    pub async fn template_texts(&self, ids: &[TemplateId]) -> Result<Vec<TemplateText>, Error> {
        let client = self.client().await?;
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let rows = TEMPLATES.rows(&client, &[&ids]).await?;
        let text = |row: Row| TemplateText {
            id: TemplateId(row.get("id")),
            revision: row.get("revision"),
            parameter_format: row.get("parameter_format"),
            components: row.get("components"),
        };
        Ok(rows.into_iter().map(text).collect())
    }

    /// Takes rows out of the queue. Returns those that were still in it.
    pub async fn settle(&self, settlements: &[Settlement]) -> Result<Vec<MessageId>, Error> {
        let client = self.client().await?;
        let ids: Vec<Uuid> = settlements.iter().map(|settlement| settlement.id.0).collect();
        let states: Vec<i16> = settlements.iter().map(|settlement| settlement.state.code()).collect();
        let until: Vec<Option<DateTime<Utc>>> = settlements.iter().map(|settlement| settlement.until).collect();
        let reasons: Vec<String> = settlements
            .iter()
            .map(|settlement| settlement.reason.to_string())
            .collect();
        let edge = (window::LENGTH - window::MARGIN).as_seconds_f64();
        let rows = SETTLE.rows(&client, &[&ids, &states, &until, &reasons, &edge]).await?;
        Ok(rows.into_iter().map(|row| MessageId(row.get(0))).collect())
    }

    /// Makes session messages the templates that were given for when their window is closed; each with the no that it answers.
    /// Returns those that did: a row that somebody moved on meanwhile stays as it is.
    pub async fn fall_back(&self, messages: &[(MessageId, Reason)]) -> Result<Vec<MessageId>, Error> {
        let client = self.client().await?;
        let ids: Vec<Uuid> = messages.iter().map(|(id, _)| id.0).collect();
        let reasons: Vec<String> = messages.iter().map(|(_, reason)| reason.to_string()).collect();
        let rows = FALL_BACK.rows(&client, &[&ids, &reasons]).await?;
        Ok(rows.into_iter().map(|row| MessageId(row.get(0))).collect())
    }

    /// Claims the rows of a batch that every gate lets through and gives each a slot; commits. `claim` must be new.
    ///
    /// # Errors
    /// After an error that [`Error::is_unavailable`], the commit is in doubt: post nothing, call [`Store::give_back_claim`].
    pub async fn admit(&self, claim: Uuid, ids: &[MessageId], pacing: Pacing) -> Result<Admission, Error> {
        let client = self.client().await?;
        let rows = ADMIT
            .rows(
                &client,
                &[
                    &claim,
                    &uuids(ids),
                    &pacing.horizon.as_secs_f64(),
                    &pacing.lead.as_secs_f64(),
                    &pace::LEASE.as_seconds_f64(),
                    &window::LENGTH.as_seconds_f64(),
                    &window::MARGIN.as_seconds_f64(),
                ],
            )
            .await?;
        let reading = read_clock(&client).await?;
        let rows = rows.iter().map(admitted).collect::<Result<_, _>>()?;
        Ok(Admission { rows, reading })
    }

    /// Reads the ledger's clock.
    pub async fn clock(&self) -> Result<Reading, Error> {
        read_clock(&self.client().await?).await
    }

    /// Gives back what an admission may have claimed before its commit fell in doubt. Nothing of it was posted, so this burns no
    /// attempt and gives its places in the messaging limit back. Says how many rows there were; again is harmless.
    pub async fn give_back_claim(&self, claim: Uuid, ids: &[MessageId]) -> Result<usize, Error> {
        let doing = "giving back an admission in doubt";
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(Error::while_doing(doing))?;
        let ids = uuids(ids);
        CLAIMED_GATES.rows(&transaction, &[&ids]).await?;
        // A statement of its own: it sees what was committed while the one before waited.
        let claimed = CLAIMED.rows(&transaction, &[&claim, &ids]).await?;
        let now = read_clock(&transaction).await?.at();
        let given_back: Vec<Recorded> = claimed
            .iter()
            .map(|row| Recorded::given_back(MessageId(row.get("id")), row.get("attempt"), now))
            .collect();
        record(&transaction, &given_back).await?;
        transaction.commit().await.map_err(Error::while_doing(doing))?;
        Ok(given_back.len())
    }
}

fn uuids(ids: &[MessageId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

async fn read_clock(client: &impl GenericClient) -> Result<Reading, Error> {
    let asked = std::time::Instant::now();
    let row = CLOCK.row(client, &[]).await?;
    let answered = std::time::Instant::now();
    let at = row.expect("a SELECT of one expression is one row").get(0);
    Ok(Reading::new(at, asked, answered))
}

fn candidate(row: &Row) -> Result<Candidate, Error> {
    let template = row
        .get::<_, Option<i64>>("template_id")
        .zip(row.get::<_, Option<String>>("template_status"))
        .map(|(id, status)| CandidateTemplate {
            id: TemplateId(id),
            status,
            revision: row.get("template_revision"),
        });
    let throughput: i32 = row.get("throughput");
    Ok(Candidate {
        id: MessageId(row.get("id")),
        organization: OrganizationId(row.get("organization_id")),
        number: NumberId(row.get("number_id")),
        recipient: row.get("recipient"),
        category: row.get("category"),
        attempt: row.get("attempt"),
        failures: row.get("failures"),
        expires_at: row.get("expires_at"),
        content: row.get("content"),
        flow_status: row.get("flow_status"),
        opted_out: row.get("opted_out"),
        opted_out_of_marketing: row.get("opted_out_of_marketing"),
        phone_number_id: row.get("phone_number_id"),
        number_status: row.get("number_status"),
        throughput: u32::try_from(throughput).map_err(|_| Error::Unreadable {
            what: "a sender number's throughput",
            found: throughput.to_string(),
        })?,
        paused_until: row.get("paused_until"),
        waba: WabaId(row.get("waba_id")),
        waba_meta_id: row.get("waba_meta_id"),
        access_token: row.get("access_token"),
        restricted: row.get("restricted"),
        template,
        has_fallback: row.get("has_fallback"),
        test: row.get("test"),
        last_inbound_at: row.get("last_inbound_at"),
        policy: row.get("policy"),
        queued_at: row.get("queued_at"),
        prompt: row.get("prompt"),
        traceparent: row.get("traceparent"),
        read_at: row.get("read_at"),
    })
}

fn admitted(row: &Row) -> Result<Admitted, Error> {
    let verdict: String = row.get("o_verdict");
    let at = || -> Result<DateTime<Utc>, Error> {
        row.get::<_, Option<DateTime<Utc>>>("o_at")
            .ok_or_else(|| Error::Unreadable {
                what: "the time of an admission's verdict",
                found: "null".to_owned(),
            })
    };
    let verdict = match verdict.as_str() {
        "send" => AdmitVerdict::Send {
            slot: at()?,
            attempt: row.get("o_attempt"),
        },
        "throughput" => AdmitVerdict::Throughput { ask_at: at()? },
        reason => AdmitVerdict::Settled {
            reason: Reason::parse(reason),
        },
    };
    Ok(Admitted {
        id: MessageId(row.get("o_id")),
        verdict,
    })
}
