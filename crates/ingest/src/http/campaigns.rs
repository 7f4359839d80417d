//! Campaigns: made, started, stopped, moved, and told of. Their recipients come in by `recipients`.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use domain::CampaignId;
use domain::campaign::judge::{Bench, Line, Tally};
use domain::campaign::{Options, Status, Variant, plan as planning};
use domain::content::FieldError;
use serde_json::{Value, json};
use store::campaigns::{Campaign, Changed, NewCampaign};
use store::intake::{Number, Questions};

use super::list::{MAX_LIMIT, Query, limit};
use super::{Api, body, flows, read, submit};
use crate::accept::{conflict, replayed};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::campaigns as schemas;
use crate::openapi::schema::{data, id as id_schema, named};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::{CampaignRequest, Reschedule, VariantRequest, idempotency_key};
use crate::view::campaign as view;

pub(super) type Id = Result<Path<String>, PathRejection>;

pub(super) fn routes() -> Routes<Api> {
    const ONE: &str = "/api/v1/campaigns/{id}";
    let of = |operation: Operation, scope| {
        let operation = operation.tag("Campaigns").scope(scope);
        operation
            .path_parameter("id", id_schema(), "The campaign.")
            .no(Code::NotFound)
    };
    let read = |path, id, summary| of(Operation::get(path, id, summary), Scope::Read);
    let write = |path, id, summary| of(Operation::post(path, id, summary), Scope::Write).no(Code::CampaignState);
    let shown = || data(named("Campaign"));
    let stopped = |operation: Operation| {
        operation.answer(
            200,
            "What goes, what waits, what was stopped.",
            data(named("StoppedCampaign")),
        )
    };
    Routes::new()
        .on(
            Operation::get("/api/v1/campaigns", "listCampaigns", "Campaigns, newest first")
                .tag("Campaigns")
                .scope(Scope::Read)
                .query("status", schemas::status_parameter(), "Only these.")
                .pages("A page.", &named("Campaign"), MAX_LIMIT),
            list,
        )
        .on(
            Operation::post("/api/v1/campaigns", "createCampaign", "Make a campaign")
                .about("A draft: recipients are added next, then it is started.")
                .tag("Campaigns")
                .scope(Scope::Write)
                .json(named("NewCampaign"))
                .idempotent()
                .no(Code::InvalidPhoneNumber)
                .no(Code::SenderNotFound)
                .answer(201, "A draft.", data(schemas::created())),
            create,
        )
        .on(read(ONE, "getCampaign", "How far a campaign is").answer(200, "The campaign with its progress.", shown()), show)
        .on(
            read("/api/v1/campaigns/{id}/plan", "getCampaignPlan", "What will go when")
                .about("Made anew each time, from what the numbers and the messaging limits are now.")
                .answer(200, "By the hour.", data(schemas::plan())),
            plan,
        )
        .on(
            read("/api/v1/campaigns/{id}/preflight", "preflightCampaign", "What would become of it")
                .about("A dry run over every recipient. Nothing is changed.")
                .answer(200, "Who goes, who waits, who does not and why.", data(schemas::preflight())),
            preflight,
        )
        .on(
            write("/api/v1/campaigns/{id}/start", "startCampaign", "Start a campaign")
                .about("Its audience and parameters are frozen; it goes now, or when its time comes.")
                .answer(200, "It goes.", shown()),
            start,
        )
        .on(stopped(write("/api/v1/campaigns/{id}/pause", "pauseCampaign", "Pause a campaign").about("Answered when no POST of it begins any more.")), pause)
        .on(stopped(write("/api/v1/campaigns/{id}/resume", "resumeCampaign", "Let a paused campaign go on")), resume)
        .on(
            stopped(write("/api/v1/campaigns/{id}/cancel", "cancelCampaign", "Cancel a campaign").about(
                "What was handed over stays handed over, the rest never goes. Answered when no POST of it begins any more.",
            )),
            cancel,
        )
        .on(
            write("/api/v1/campaigns/{id}/reschedule", "rescheduleCampaign", "Move a campaign to another time")
                .about("Before it begins, or while it is paused.")
                .optional_json(schemas::times())
                .answer(200, "Moved.", shown()),
            reschedule,
        )
        .on(
            write("/api/v1/campaigns/{id}/retry", "retryCampaign", "Go once more to those who were not reached")
                .about("A new campaign, started at once. Those whose outcome nobody knows are not in it.")
                .answer(201, "The new campaign.", shown()),
            retry,
        )
}

/// Recipients that a preflight looks at in one go.
const ROLL: u32 = 5_000;

pub(super) async fn create(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let now = api.0.clock.now();
    let asked = CampaignRequest::read(&body::object(&headers, body).await?, now)?;
    let key = submit::key(&headers)?
        .map(|key| idempotency_key("Idempotency-Key", key))
        .transpose()
        .map_err(|wrong| Problem::field(Code::ValidationError, wrong))?;
    let new = NewCampaign {
        id: CampaignId::new(now),
        organization: caller.organization,
        name: asked
            .name
            .clone()
            .unwrap_or_else(|| asked.variants[0].template_name.clone()),
        options: options(&api, &caller, &asked).await?,
        created_at: now,
    };
    let answer = Answer::data(201, view::created(&new)).recorded();
    let body = answer.body.to_string();
    let key = key.as_deref().map(|key| (key, asked.hash, body.as_str()));
    let earlier = api.0.store.create_campaign(&new, key).await;
    match earlier.map_err(|error| read::failed(&error))? {
        None => Ok(answer),
        Some(earlier) if earlier.request_hash == asked.hash => Ok(replayed(&earlier)),
        Some(_) => Err(conflict()),
    }
}

/// Looks up numbers and templates.
async fn options(api: &Api, caller: &Caller, asked: &CampaignRequest) -> Result<Options, Problem> {
    let failed = |error: store::Error| read::failed(&error);
    let now = api.0.clock.now();
    let intake = api.0.store.intake().await.map_err(failed)?;
    let own = intake.numbers(&[caller.organization], now).await.map_err(failed)?;
    let numbers = numbers(&own, asked)?;
    let mut questions = Questions::default();
    for number in &numbers {
        for variant in &asked.variants {
            let (name, language) = (variant.template_name.clone(), variant.template_language.clone());
            questions.templates.push((number.waba, name, language));
        }
    }
    let facts = intake.facts(&questions, now).await.map_err(failed)?;
    let mut variants = Vec::with_capacity(asked.variants.len());
    for (index, variant) in asked.variants.iter().enumerate() {
        let mut language = variant.template_language.clone();
        for number in &numbers {
            let found = facts.templates(number.waba, &variant.template_name);
            let languages: Vec<&str> = found.iter().map(|template| template.language.as_str()).collect();
            language = Some(choose(
                asked.variants.len(),
                index,
                variant,
                language,
                &languages,
                &number.phone,
            )?);
        }
        variants.push(Variant {
            name: variant.name.clone(),
            template_name: variant.template_name.clone(),
            template_language: language.unwrap_or_default(),
            template_params: variant.template_params.clone(),
            weight: variant.weight,
        });
    }
    Ok(Options {
        variants,
        numbers: numbers.iter().map(|number| number.id).collect(),
        scheduled_at: asked.times.scheduled_at,
        scheduled_local: asked.times.scheduled_local,
        expires_at: asked.times.expires_at,
        webhook_url: asked.webhook_url.clone(),
        metadata: asked.metadata.clone(),
        tier_reserve_percent: asked.tier_reserve_percent,
        ramp: asked.ramp,
        safety: asked.safety.clone(),
    })
}

/// The numbers that a campaign goes from: those it names, else the oldest connected one.
fn numbers<'a>(own: &'a [Number], asked: &CampaignRequest) -> Result<Vec<&'a Number>, Problem> {
    let wrong = |field: String, value: &Value, expected: &str| {
        Problem::field(Code::SenderNotFound, FieldError::new(field, value, expected))
    };
    if asked.from.is_empty() {
        let oldest = own.iter().find(|number| number.connected);
        let expected = "a sender number: the organization has none that is connected";
        return Ok(vec![
            oldest.ok_or_else(|| wrong("from".into(), &Value::Null, expected))?,
        ]);
    }
    let mut found: Vec<&Number> = Vec::new();
    for (index, name) in asked.from.iter().enumerate() {
        let (field, value) = (format!("from[{index}]"), Value::from(name.as_str()));
        let number = own
            .iter()
            .find(|number| number.phone == name.as_str() || number.phone_number_id == name.as_str());
        let expected = "a sender number of this organization: its phone number with +, or its phone_number_id";
        let number = number.ok_or_else(|| wrong(field.clone(), &value, expected))?;
        if found.iter().any(|other| other.id == number.id) {
            return Err(wrong(field, &value, "each number once"));
        }
        found.push(number);
    }
    Ok(found)
}

/// The language of a variant's template in one account.
fn choose(
    variants: usize,
    index: usize,
    variant: &VariantRequest,
    language: Option<String>,
    found: &[&str],
    phone: &str,
) -> Result<String, Problem> {
    let at = if variants > 1 {
        format!("variants[{index}].")
    } else {
        String::new()
    };
    let wrong = |field: &str, value: Value, expected: String| {
        Problem::field(
            Code::ValidationError,
            FieldError::new(format!("{at}{field}"), &value, expected),
        )
    };
    match (language, found) {
        (_, []) => {
            let expected = format!("a template of the account of {phone}, in the language that is given");
            Err(wrong(
                "template_name",
                Value::from(variant.template_name.as_str()),
                expected,
            ))
        }
        (None, [only]) => Ok((*only).to_owned()),
        (None, several) => {
            let mut languages = several.to_vec();
            languages.sort_unstable();
            let expected = format!("one of {}: the template exists in all of them", languages.join(", "));
            Err(wrong("template_language", Value::Null, expected))
        }
        (Some(language), found) if found.contains(&language.as_str()) => Ok(language),
        (Some(language), _) => {
            let expected = format!("a language that the template has in the account of {phone}");
            Err(wrong("template_language", Value::from(language), expected))
        }
    }
}

pub(super) async fn list(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    uri: Uri,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let query = Query::read(&uri, &["status", "limit", "cursor"])?;
    let limit = limit(&query)?;
    let status = query.get("status").map(|word| {
        Status::parse(word).ok_or_else(|| {
            let words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
            let wrong = FieldError::new("status", &Value::from(word), format!("one of {}", words.join(", ")));
            Problem::field(Code::ValidationError, wrong)
        })
    });
    let before = query.cursor()?.map(CampaignId);
    let status = status.transpose()?;
    let found = api
        .0
        .store
        .campaigns(caller.organization, before, status, limit + 1)
        .await;
    let mut found = found.map_err(|error| read::failed(&error))?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let cursor = found.last().filter(|_| has_more).map(|last| last.id);
    let mut answer = Answer::data(200, found.iter().map(view::campaign).collect());
    answer.pagination = Some(json!({"cursor": cursor, "has_more": has_more}));
    Ok(answer)
}

pub(super) async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let campaign = find(&api, &caller, id).await?;
    let failed = |error: store::Error| read::failed(&error);
    let parts = api.0.store.campaign_parts(campaign.id).await.map_err(failed)?;
    let counts = api.0.store.campaign_counts(campaign.id).await.map_err(failed)?;
    let outlook = api.0.store.campaign_outlook(&campaign).await.map_err(failed)?;
    let mut data = view::campaign(&campaign);
    let plan = planning::plan(&outlook);
    data["progress"] = view::progress(&campaign, &parts, &counts, &plan, outlook.now);
    Ok(Answer::data(200, data))
}

pub(super) async fn plan(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let campaign = find(&api, &caller, id).await?;
    let outlook = api.0.store.campaign_outlook(&campaign).await;
    let outlook = outlook.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(
        200,
        view::plan(&campaign, &outlook, &planning::plan(&outlook)),
    ))
}

/// A dry run: every recipient is judged as if it went now, or at its time, and nothing is changed.
pub(super) async fn preflight(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    caller.require(Scope::Read)?;
    let campaign = find(&api, &caller, id).await?;
    let failed = |error: store::Error| read::failed(&error);
    let mut roll = api.0.store.campaign_roll(&campaign).await.map_err(failed)?;
    let (mut tally, mut countries) = (Tally::default(), std::collections::BTreeMap::<String, u64>::new());
    let now = roll.now;
    while let Some(rolled) = roll.next(ROLL).await.map_err(failed)? {
        let at = rolled.starts_at.max(now);
        let bench = Bench {
            options: &campaign.options,
            templates: &rolled.templates,
            card: roll.card.as_ref(),
            policies: roll.policies(),
            expires_at: campaign.options.expires_at.unwrap_or(at + chrono::TimeDelta::hours(24)),
            now: at,
        };
        for addressee in &rolled.recipients {
            tally.add(&bench.judge(&Line {
                to: &addressee.to,
                params: addressee.params.as_ref(),
                opted_out: addressee.opted_out,
                opted_out_of_marketing: addressee.opted_out_of_marketing,
                zone: addressee.zone.as_deref(),
            }));
            *countries.entry(domain::zone::calling_code(&addressee.to)).or_default() += 1;
        }
    }
    drop(roll);
    let outlook = api.0.store.campaign_outlook(&campaign).await.map_err(failed)?;
    let balance = api.0.store.balance(caller.organization).await.map_err(failed)?;
    let plan = planning::plan(&outlook);
    let data = view::preflight(&campaign, &tally, &countries, balance.as_ref(), (&outlook, &plan));
    Ok(Answer::data(200, data))
}

pub(super) async fn start(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let id = writable(&caller, id)?;
    let started = api.0.store.start_campaign(caller.organization, id).await;
    changed(started.map_err(|error| read::failed(&error))?, 200)
}

pub(super) async fn reschedule(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    let id = writable(&caller, id)?;
    let times = Reschedule::read(&body::object(&headers, body).await?, api.0.clock.now())?;
    // Recipients were shared out by zones or not, and stay so.
    let campaign = api.0.store.campaign(caller.organization, id).await;
    let campaign = campaign
        .map_err(|error| read::failed(&error))?
        .ok_or_else(no_campaign)?;
    let is_local = campaign.options.scheduled_local.is_some();
    if campaign.audience > 0 && is_local != times.scheduled_local.is_some() {
        let (field, expected) = if is_local {
            (
                "scheduled_local",
                "a local time: the recipients are shared out by their zones already",
            )
        } else {
            (
                "scheduled_local",
                "nothing here, but scheduled_at: the recipients were not shared out by their zones",
            )
        };
        let wrong = FieldError::new(field, &json!(times.scheduled_local), expected);
        return Err(Problem::field(Code::ValidationError, wrong));
    }
    let change = |options: &mut Options| {
        options.scheduled_at = times.scheduled_at;
        options.scheduled_local = times.scheduled_local;
        options.expires_at = times.expires_at.or(options.expires_at);
    };
    let moved = api.0.store.reschedule_campaign(caller.organization, id, change).await;
    changed(moved.map_err(|error| read::failed(&error))?, 200)
}

pub(super) async fn retry(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let of = writable(&caller, id)?;
    let failed = |error: store::Error| read::failed(&error);
    let before = api.0.store.campaign(caller.organization, of).await.map_err(failed)?;
    let before = before.ok_or_else(no_campaign)?;
    let now = api.0.clock.now();
    let mut options = before.options;
    (options.scheduled_at, options.scheduled_local) = (None, None);
    options.expires_at = options.expires_at.filter(|at| *at > now);
    let new = NewCampaign {
        id: CampaignId::new(now),
        organization: caller.organization,
        name: before.name,
        options,
        created_at: now,
    };
    let made = api.0.store.retry_campaign(of, &new).await.map_err(failed)?;
    match made {
        Some(Changed::Empty) => {
            let message = "Nobody of this campaign failed to be reached, so there is nobody to try again.";
            Err(Problem::new(Code::CampaignState, message).details(json!({"campaign_id": of})))
        }
        Some(Changed::Yes(_)) => {
            let started = api.0.store.start_campaign(caller.organization, new.id).await;
            changed(started.map_err(failed)?, 201)
        }
        other => changed(other, 201),
    }
}

pub(super) async fn pause(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let id = writable(&caller, id)?;
    let paused = api.0.store.pause_campaign(caller.organization, id, None).await;
    let halted = paused.map_err(|error| read::failed(&error))?.ok_or_else(no_campaign)?;
    if halted.campaign.status != Status::Paused {
        return Err(not_in(halted.campaign.status));
    }
    flows::quiet(halted.stopped).await;
    tell(&api, &halted.campaign).await
}

pub(super) async fn resume(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let id = writable(&caller, id)?;
    let resumed = api.0.store.resume_campaign(caller.organization, id).await;
    let halted = resumed.map_err(|error| read::failed(&error))?.ok_or_else(no_campaign)?;
    if !matches!(halted.campaign.status, Status::Running | Status::Scheduled) {
        return Err(not_in(halted.campaign.status));
    }
    tell(&api, &halted.campaign).await
}

pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    id: Id,
) -> Result<Answer, Problem> {
    let id = writable(&caller, id)?;
    let canceled = api.0.store.cancel_campaign(caller.organization, id).await;
    let halted = canceled
        .map_err(|error| read::failed(&error))?
        .ok_or_else(no_campaign)?;
    if halted.campaign.status != Status::Canceled {
        return Err(not_in(halted.campaign.status));
    }
    flows::quiet(halted.stopped).await;
    tell(&api, &halted.campaign).await
}

async fn tell(api: &Api, campaign: &Campaign) -> Result<Answer, Problem> {
    let tally = api.0.store.tally_campaign(campaign).await;
    let tally = tally.map_err(|error| read::failed(&error))?;
    Ok(Answer::data(
        200,
        json!({
            "campaign_id": campaign.id,
            "status": campaign.status.as_str(),
            "audience": campaign.audience,
            "handed_over": tally.handed_over,
            "canceled": tally.canceled,
            "refused": tally.refused,
            "waiting": tally.waiting,
        }),
    ))
}

fn changed(changed: Option<Changed>, status: u16) -> Result<Answer, Problem> {
    match changed.ok_or_else(no_campaign)? {
        Changed::Yes(campaign) => Ok(Answer::data(status, view::campaign(&campaign))),
        Changed::No(status) => Err(not_in(status)),
        Changed::Empty => Err(Problem::new(
            Code::CampaignState,
            "The campaign has no recipients; add some first.",
        )),
    }
}

fn not_in(status: Status) -> Problem {
    let next = match status {
        Status::Draft | Status::Adding => "start it first",
        Status::Scheduled | Status::Running => "pause or cancel it first",
        Status::Paused => "resume or cancel it first",
        Status::Done | Status::Canceled => "it is over; make a new one, or retry it",
    };
    Problem::new(
        Code::CampaignState,
        format!("The campaign is {status}, which does not allow this; {next}."),
    )
    .details(json!({"status": status.as_str()}))
}

/// The campaign of a path.
pub(super) async fn find(api: &Api, caller: &Caller, id: Id) -> Result<Campaign, Problem> {
    let id = read::id(id).map(CampaignId).ok_or_else(no_campaign)?;
    let found = api.0.store.campaign(caller.organization, id).await;
    found.map_err(|error| read::failed(&error))?.ok_or_else(no_campaign)
}

pub(super) fn writable(caller: &Caller, id: Id) -> Result<CampaignId, Problem> {
    caller.require(Scope::Write)?;
    read::id(id).map(CampaignId).ok_or_else(no_campaign)
}

pub(super) fn no_campaign() -> Problem {
    Problem::new(
        Code::NotFound,
        "There is no campaign with this id; check that it was copied whole.",
    )
}

pub(super) fn closed(status: Status) -> Problem {
    Problem::new(
        Code::CampaignState,
        format!("The campaign is {status}: its audience was frozen when it started; make a new one."),
    )
    .details(json!({"status": status.as_str()}))
}
