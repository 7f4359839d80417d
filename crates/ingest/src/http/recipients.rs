//! `POST /api/v1/campaigns/{id}/recipients`: JSON, CSV or NDJSON of any length, read as it comes in and kept a batch at a time, in one
//! transaction: a chunk is added whole or not at all.

use std::collections::HashMap;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use domain::campaign::{MAX_RECIPIENTS, Options, judge};
use domain::content::FieldError;
use domain::template::Shape;
use domain::zone::{self, Zones};
use domain::{NumberId, Recipient, WabaId};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use store::campaigns::{Campaign, Chunk, Line};
use store::intake::Questions;

use super::campaigns::{Id, closed, no_campaign, writable};
use super::list::Query;
use super::{Api, body, read};
use crate::accept::conflict;
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::campaigns as schemas;
use crate::openapi::schema::{boolean, data, id as id_schema, list, named, object, string, text};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{LineError, Lines, ListKind, RawLine, idempotency_key, json_list};

/// Rows that are kept with one statement.
const BATCH: usize = 5_000;
/// Longest wait for the next piece of a body.
const PATIENCE: Duration = Duration::from_secs(30);
/// Errors that are told; the rest is counted.
const MOST_TOLD: usize = 100;
/// Longest JSON body, which is read whole: a list of some ten thousand.
const MAX_JSON: usize = 4 * 1024 * 1024;
/// Longest metadata, in bytes of JSON; as with messages.
const MAX_METADATA: usize = 4096;

pub(super) fn routes() -> Routes<Api> {
    let body = object(&[("recipients", list(&named("CampaignRecipient")))]);
    Routes::new().on(
        Operation::post(
            "/api/v1/campaigns/{id}/recipients",
            "addRecipients",
            "Add recipients to a campaign",
        )
        .about("Up to a million lines; all of the chunk or none of it. Lines that are wrong are told and left out.")
        .tag("Campaigns")
        .scope(Scope::Write)
        .path_parameter("id", id_schema(), "The campaign.")
        .query(
            "chunk",
            text(1, 128),
            "Names the chunk: sent again, it adds nothing and gets the same answer.",
        )
        .query("strict", boolean(), "Refuse the chunk for a line that is wrong.")
        .body("application/json", body, true)
        .or_body("text/csv", string())
        .or_body("application/x-ndjson", string())
        .nos(&[
            Code::NotFound,
            Code::CampaignState,
            Code::IdempotencyConflict,
            Code::ValidationError,
        ])
        .answer(200, "What was added.", data(schemas::added())),
        add,
    )
}

pub(super) async fn add(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let id = writable(&caller, id)?;
    let query = Query::read(&uri, &["chunk", "strict"])?;
    let key = query.get("chunk").map(|key| idempotency_key("chunk", key)).transpose();
    let key = key.map_err(|wrong| Problem::field(Code::ValidationError, wrong))?;
    let strict = query.flag("strict")?;
    let failed = |error: store::Error| read::failed(&error);
    let campaign = api.0.store.campaign(caller.organization, id).await.map_err(failed)?;
    let campaign = campaign.ok_or_else(no_campaign)?;
    let checker = Checker::new(&api, &campaign).await?;
    let mut source = Source::new(&headers, body).await?;

    let mut adding = api.0.store.adding().await.map_err(failed)?;
    let chunk = adding
        .chunk(caller.organization, id, key.as_deref())
        .await
        .map_err(failed)?;
    let mut chunk = chunk.ok_or_else(no_campaign)?;
    if let Some(earlier) = chunk.earlier.take() {
        // The same chunk gets the same answer, also after the campaign started: whoever repeats it did not hear the first one.
        drop(chunk);
        while source.next().await?.is_some() {}
        if source.hash() != earlier.hash {
            return Err(conflict());
        }
        let data = serde_json::from_str(&earlier.answer).unwrap_or(Value::Null);
        let mut answer = Answer::data(200, data);
        answer.replayed = true;
        return Ok(answer);
    }
    if !chunk.campaign.status.is_open() {
        return Err(closed(chunk.campaign.status));
    }
    let mut sorted = Sorted::default();
    while let Some(lines) = source.next().await? {
        for (line, read) in lines {
            sorted.take(&checker, line, read);
        }
        if sorted.lines.len() >= BATCH {
            sorted.keep(&mut chunk, &checker).await?;
        }
    }
    sorted.keep(&mut chunk, &checker).await?;
    if strict && sorted.invalid > 0 {
        let message = format!(
            "{} lines are wrong, so nothing of the chunk was added; correct them, or leave strict out.",
            sorted.invalid
        );
        return Err(Problem::new(Code::ValidationError, message).details(sorted.told(None)));
    }
    let mut data = sorted.told(Some(&chunk));
    data["campaign_id"] = json!(id);
    let hash = source.hash();
    let key = key.as_deref().map(|key| (key, hash.as_slice()));
    let kept = chunk
        .finish(sorted.invalid, key, &data.to_string(), api.0.clock.now())
        .await;
    kept.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(200, data))
}

/// Lines of a chunk on their way in.
#[derive(Default)]
struct Sorted {
    lines: Vec<Line>,
    invalid: u32,
    errors: Vec<LineError>,
}

impl Sorted {
    fn take(&mut self, checker: &Checker, line: u64, read: Result<RawLine, LineError>) {
        match read.and_then(|raw| checker.check(line, raw)) {
            Ok(line) => self.lines.push(line),
            Err(error) => {
                self.invalid += 1;
                if self.errors.len() < MOST_TOLD {
                    self.errors.push(error);
                }
            }
        }
    }

    async fn keep(&mut self, chunk: &mut Chunk<'_>, checker: &Checker) -> Result<(), Problem> {
        if checker.is_local {
            self.settle(chunk).await.map_err(|error| read::failed(&error))?;
        }
        for lines in self.lines.chunks(BATCH) {
            chunk.add(lines).await.map_err(|error| read::failed(&error))?;
        }
        self.lines.clear();
        if chunk.audience() > MAX_RECIPIENTS {
            let message = format!(
                "A campaign has at most {MAX_RECIPIENTS} recipients; nothing of this chunk was added. Make another campaign."
            );
            let details = json!({"field": "recipients", "value": chunk.audience(), "expected": format!("at most {MAX_RECIPIENTS}")});
            return Err(Problem::new(Code::ValidationError, message).details(details));
        }
        Ok(())
    }

    /// Where people live: what the line says, else what the organization said before, else what the number says.
    async fn settle(&mut self, chunk: &Chunk<'_>) -> Result<(), store::Error> {
        let unknown = self.lines.iter().filter(|line| line.zone.is_none());
        let unknown: Vec<Recipient> = unknown.map(|line| line.to.clone()).collect();
        let told = chunk.zones(&unknown).await?;
        for line in &mut self.lines {
            let told = line
                .zone
                .as_deref()
                .or_else(|| told.get(line.to.as_str()).map(String::as_str));
            line.zone = Some(Zones::of(&line.to, told).main().name().to_owned());
        }
        Ok(())
    }

    fn told(&self, chunk: Option<&Chunk<'_>>) -> Value {
        let counts = chunk.map(Chunk::counts);
        json!({
            "added": counts.map_or(0, |counts| counts.added),
            "duplicates": counts.map_or(0, |counts| counts.duplicates),
            "invalid": self.invalid,
            "audience": chunk.map(Chunk::audience),
            "errors": self.errors.iter().map(|error| json!({
                "line": error.line, "field": error.field, "value": error.value, "expected": error.expected,
            })).collect::<Vec<_>>(),
        })
    }
}

/// What lines are checked against.
struct Checker {
    options: Options,
    is_local: bool,
    /// The shape of each variant's template in the account of each number, where there is one.
    shapes: Vec<Vec<Option<Shape>>>,
}

impl Checker {
    async fn new(api: &Api, campaign: &Campaign) -> Result<Self, Problem> {
        let failed = |error: store::Error| read::failed(&error);
        let now = api.0.clock.now();
        let options = campaign.options.clone();
        let intake = api.0.store.intake().await.map_err(failed)?;
        let own = intake.numbers(&[campaign.organization], now).await.map_err(failed)?;
        let wabas: HashMap<NumberId, WabaId> = own.iter().map(|number| (number.id, number.waba)).collect();
        let mut questions = Questions::default();
        for waba in wabas.values() {
            for variant in &options.variants {
                let language = Some(variant.template_language.clone());
                questions
                    .templates
                    .push((*waba, variant.template_name.clone(), language));
            }
        }
        let facts = intake.facts(&questions, now).await.map_err(failed)?;
        let shape = |number: &NumberId, place: usize| {
            let variant = &options.variants[place];
            let found = facts.templates(*wabas.get(number)?, &variant.template_name);
            let found = found
                .iter()
                .find(|template| template.language == variant.template_language);
            found.map(|template| template.shape.clone())
        };
        let of_number = |number| (0..options.variants.len()).map(|place| shape(number, place)).collect();
        Ok(Self {
            shapes: options.numbers.iter().map(of_number).collect(),
            is_local: options.scheduled_local.is_some(),
            options,
        })
    }

    fn check(&self, line: u64, raw: RawLine) -> Result<Line, LineError> {
        let error = |wrong: FieldError| LineError {
            line,
            field: wrong.field,
            value: wrong.value,
            expected: wrong.expected,
        };
        let expected = "a phone number with +, as in +15550001111";
        let text = raw
            .to
            .as_str()
            .ok_or_else(|| error(FieldError::new("to", &raw.to, expected)))?;
        let to = Recipient::parse(text)
            .map_err(|wrong| error(FieldError::new("to", &raw.to, format!("{expected}: it {wrong}"))))?;
        if let Some(zone) = raw.zone.as_deref().filter(|zone| zone::parse(zone).is_none()) {
            let expected = "a zone, as in Europe/Berlin";
            return Err(error(FieldError::new("zone", &Value::from(zone), expected)));
        }
        let metadata = raw.metadata.as_ref().map(Value::to_string);
        if raw.metadata.as_ref().is_some_and(|metadata| !metadata.is_object())
            || metadata.as_ref().is_some_and(|text| text.len() > MAX_METADATA)
        {
            let value = raw.metadata.unwrap_or_default();
            let expected = format!("an object of up to {MAX_METADATA} bytes");
            return Err(error(FieldError::new("metadata", &value, expected)));
        }
        let number = self.options.number_of(to.as_str());
        let variant = self.options.variant_of(to.as_str());
        let params = raw.params.as_ref();
        if params.is_some_and(has_nul) {
            return Err(error(FieldError::new(
                "template_params",
                &Value::Null,
                "texts without U+0000",
            )));
        }
        let shape = self.shapes[number][variant].as_ref();
        let (_, fit) = judge::content(&self.options.variants[variant], params, shape);
        fit.map_err(|mismatch| error(mismatch.into()))?;
        Ok(Line {
            number: self.options.numbers[number],
            to,
            zone: raw.zone.filter(|_| self.is_local),
            params: raw.params.map(|params| params.to_string()),
            metadata,
        })
    }
}

/// PostgreSQL keeps no text with it.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

type Numbered = Vec<(u64, Result<RawLine, LineError>)>;

/// A body that is read piece by piece, and its hash.
enum Source {
    Stream {
        stream: Box<BodyDataStream>,
        lines: Option<Lines>,
        hash: Sha256,
    },
    Whole {
        lines: Option<Numbered>,
        hash: Sha256,
    },
}

impl Source {
    async fn new(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let mime = given
            .unwrap_or("application/json")
            .split(';')
            .next()
            .unwrap_or_default();
        let kind = match mime.trim().to_ascii_lowercase().as_str() {
            "text/csv" => ListKind::Csv,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => ListKind::Ndjson,
            "application/json" => {
                let read = body::bytes(body, MAX_JSON).await?;
                return Ok(Self::Whole {
                    hash: Sha256::new_with_prefix(&read),
                    lines: Some(json_list(&read)?),
                });
            }
            _ => {
                let expected = "application/json, text/csv or application/x-ndjson";
                let message = format!("The body must be a list of recipients: Content-Type: {expected}.");
                let details = json!({"field": "Content-Type", "expected": expected});
                return Err(Problem::new(Code::UnsupportedMediaType, message).details(details));
            }
        };
        Ok(Self::Stream {
            stream: Box::new(body.into_data_stream()),
            lines: Some(Lines::new(kind)),
            hash: Sha256::new(),
        })
    }

    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Numbered>, Problem> {
        let (stream, lines, hash) = match self {
            Self::Whole { lines, .. } => return Ok(lines.take()),
            Self::Stream { stream, lines, hash } => (stream, lines, hash),
        };
        let mut found = Vec::new();
        let mut each = |line, read| found.push((line, read));
        if let Some(piece) = piece(stream).await? {
            hash.update(&piece);
            if let Some(lines) = lines {
                lines.push(&piece, &mut each);
            }
            return Ok(Some(found));
        }
        let Some(lines) = lines.take() else { return Ok(None) };
        lines.finish(&mut each);
        Ok(Some(found))
    }

    fn hash(&self) -> Vec<u8> {
        let (Self::Stream { hash, .. } | Self::Whole { hash, .. }) = self;
        hash.clone().finalize().to_vec()
    }
}

async fn piece(stream: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(PATIENCE, stream.next()).await {
        Err(_) => Err(Problem::new(
            Code::RequestTimeout,
            format!(
                "Nothing more of the body came for {} s; nothing of it was added. Send it again.",
                PATIENCE.as_secs()
            ),
        )),
        Ok(Some(Err(_))) => Err(Problem::new(
            Code::InvalidJson,
            "The body broke off; nothing of it was added. Send it again.",
        )),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
    }
}
