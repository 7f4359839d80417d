//! What the rules at the door must know, for many submissions at once.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::rules::Window;
use domain::rules::tier::Room;
use domain::template::{ParameterFormat, Shape, TemplateStatus};
use domain::{Category, MediaId, NumberId, OrganizationId, ScopeId, Template, TemplateId, WabaId};
use futures_util::try_join;
use serde_json::Value;
use tokio_postgres::Row;

use super::{Intake, PolicyAnswers, PolicyQuestions, Purse};
use crate::Error;
use crate::statement::{Statement, statement};

const NUMBERS: Statement = statement!("intake/numbers", "reading the sender numbers of organizations");
const INBOUND: Statement = statement!("intake/inbound", "reading service windows");
const OPTED_OUT: Statement = statement!("intake/opted_out", "reading who opted out");
const TEMPLATES: Statement = statement!("intake/templates", "reading templates");
const LIMITS: Statement = statement!("intake/limits", "reading what is used of messaging limits");
const MEDIA: Statement = statement!("intake/media", "reading which files there are");
const MEMBERS: Statement = statement!("intake/members", "reading who counts towards a messaging limit");

/// A sender number, as the rules at the door see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its row.
    pub id: NumberId,
    /// Whose it is.
    pub organization: OrganizationId,
    /// E.164, with the `+`.
    pub phone: String,
    /// Meta's id.
    pub phone_number_id: String,
    /// Its account.
    pub waba: WabaId,
    /// Where its messaging limit is counted.
    pub scope: ScopeId,
    /// Meta lets it send.
    pub connected: bool,
    /// Messages per second.
    pub throughput: u32,
    /// Meta restricted the account.
    pub restricted: bool,
    /// Held until then, if that is still to come.
    pub paused_until: Option<DateTime<Utc>>,
    /// Its scope's messaging limit, where there is one. Some that count as used may be over already: never less than what is used.
    pub limit: Option<Limit>,
    /// What its organization pays from; `None` when it pays nothing.
    pub purse: Option<Purse>,
    /// The revision of its organization's policies; `None` when it has none.
    pub policy: Option<i64>,
}

/// What to ask. Repeated questions are harmless.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// When did this person last write to this number?
    pub inbound: Vec<(NumberId, String)>,
    /// Did this person ask this organization not to write?
    pub opted_out: Vec<(OrganizationId, String)>,
    /// Has this account a template of this name, in this language or in any?
    pub templates: Vec<(WabaId, String, Option<String>)>,
    /// How much of the scope's messaging limit is used, and do these people count towards it already?
    pub members: Vec<(ScopeId, String)>,
    /// Has this organization this file? It is needed until then.
    pub media: Vec<(OrganizationId, MediaId, DateTime<Utc>)>,
    /// What the policies look at.
    pub policies: PolicyQuestions,
}

/// The answers.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    inbound: HashMap<(NumberId, String), DateTime<Utc>>,
    /// And whether of marketing only.
    opted_out: HashMap<(OrganizationId, String), bool>,
    templates: HashMap<(WabaId, String), Vec<Template>>,
    rooms: HashMap<ScopeId, Room>,
    members: HashSet<(ScopeId, String)>,
    media: HashMap<(OrganizationId, MediaId), String>,
    policies: PolicyAnswers,
}

/// A messaging limit, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Unique recipients in a moving 24 hours.
    pub max: u32,
    /// How many it has now.
    pub used: u32,
}

impl Facts {
    /// The service window between a number and a person.
    pub fn window(&self, number: NumberId, recipient: &str) -> Window {
        Window {
            last_inbound_at: self.inbound.get(&(number, recipient.to_owned())).copied(),
        }
    }

    /// Whether a person asked an organization not to write.
    pub fn opted_out(&self, organization: OrganizationId, recipient: &str) -> bool {
        self.opted_out.get(&(organization, recipient.to_owned())) == Some(&false)
    }

    /// Whether a person asked an organization for no marketing, and no more than that.
    pub fn opted_out_of_marketing(&self, organization: OrganizationId, recipient: &str) -> bool {
        self.opted_out.get(&(organization, recipient.to_owned())) == Some(&true)
    }

    /// An account's templates of a name, in the languages that were asked for.
    pub fn templates(&self, waba: WabaId, name: &str) -> &[Template] {
        self.templates.get(&(waba, name.to_owned())).map_or(&[], Vec::as_slice)
    }

    /// What is used of a scope's messaging limit; `None` when it has none, or nobody asked.
    pub fn room(&self, scope: ScopeId) -> Option<&Room> {
        self.rooms.get(&scope)
    }

    /// The MIME type of a file of an organization; `None` when it has no such file.
    pub fn media(&self, organization: OrganizationId, id: MediaId) -> Option<&str> {
        self.media.get(&(organization, id)).map(String::as_str)
    }

    /// What the policies look at.
    pub fn policies(&self) -> &PolicyAnswers {
        &self.policies
    }

    /// Whether a person counts towards a scope's messaging limit already.
    pub fn is_member(&self, scope: ScopeId, recipient: &str) -> bool {
        self.members.contains(&(scope, recipient.to_owned()))
    }
}

impl Intake {
    /// All sender numbers of some organizations, the oldest first.
    pub async fn numbers(&self, organizations: &[OrganizationId], now: DateTime<Utc>) -> Result<Vec<Number>, Error> {
        let organizations: Vec<i64> = organizations.iter().map(|organization| organization.0).collect();
        let rows = NUMBERS.rows(&self.client, &[&organizations, &now]).await?;
        rows.iter().map(number).collect()
    }

    /// Answers questions, those of all kinds in one go.
    pub async fn facts(&self, questions: &Questions, now: DateTime<Utc>) -> Result<Facts, Error> {
        let (inbound, opted_out, templates, rooms, members, media, policies) = try_join!(
            self.inbound(&questions.inbound),
            opted_out(&self.client, &questions.opted_out),
            templates(&self.client, &questions.templates),
            self.rooms(&questions.members, now),
            self.members(&questions.members, now),
            self.media(&questions.media),
            self.policy_answers(&questions.policies, now),
        )?;
        Ok(Facts {
            inbound,
            opted_out,
            templates,
            rooms,
            members,
            media,
            policies,
        })
    }

    async fn media(
        &self,
        asked: &[(OrganizationId, MediaId, DateTime<Utc>)],
    ) -> Result<HashMap<(OrganizationId, MediaId), String>, Error> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let whose: Vec<i64> = asked.iter().map(|(organization, ..)| organization.0).collect();
        let files: Vec<uuid::Uuid> = asked.iter().map(|(_, file, _)| file.0).collect();
        let until: Vec<DateTime<Utc>> = asked.iter().map(|(.., until)| *until).collect();
        let rows = MEDIA.rows(&self.client, &[&whose, &files, &until]).await?;
        let read = |row: &Row| {
            (
                (OrganizationId(row.get("organization_id")), MediaId(row.get("id"))),
                row.get("mime"),
            )
        };
        Ok(rows.iter().map(read).collect())
    }

    async fn inbound(&self, asked: &[(NumberId, String)]) -> Result<HashMap<(NumberId, String), DateTime<Utc>>, Error> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let (numbers, people): (Vec<i64>, Vec<&str>) = asked.iter().map(|(id, person)| (id.0, person.as_str())).unzip();
        let rows = INBOUND.rows(&self.client, &[&numbers, &people]).await?;
        let read = rows.iter().map(|row| ((NumberId(row.get(0)), row.get(1)), row.get(2)));
        Ok(read.collect())
    }

    async fn rooms(&self, asked: &[(ScopeId, String)], now: DateTime<Utc>) -> Result<HashMap<ScopeId, Room>, Error> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let scopes: HashSet<i64> = asked.iter().map(|(scope, _)| scope.0).collect();
        let scopes: Vec<i64> = scopes.into_iter().collect();
        let rows = LIMITS.rows(&self.client, &[&scopes, &now]).await?;
        let read = rows.iter().map(|row| {
            let room = Room {
                limit: unsigned(row.get("max_members")),
                used: unsigned(row.get("used")),
                frees: row.get("frees"),
            };
            (ScopeId(row.get("id")), room)
        });
        Ok(read.collect())
    }

    async fn members(
        &self,
        asked: &[(ScopeId, String)],
        now: DateTime<Utc>,
    ) -> Result<HashSet<(ScopeId, String)>, Error> {
        if asked.is_empty() {
            return Ok(HashSet::new());
        }
        let (scopes, people): (Vec<i64>, Vec<&str>) = asked.iter().map(|(id, person)| (id.0, person.as_str())).unzip();
        let rows = MEMBERS.rows(&self.client, &[&scopes, &people, &now]).await?;
        Ok(rows.iter().map(|row| (ScopeId(row.get(0)), row.get(1))).collect())
    }
}

/// Which of these asked these organizations not to write.
pub(crate) async fn opted_out(
    client: &impl GenericClient,
    asked: &[(OrganizationId, String)],
) -> Result<HashMap<(OrganizationId, String), bool>, Error> {
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    let (whose, people): (Vec<i64>, Vec<&str>) = asked.iter().map(|(id, person)| (id.0, person.as_str())).unzip();
    let rows = OPTED_OUT.rows(client, &[&whose, &people]).await?;
    Ok(rows
        .iter()
        .map(|row| ((OrganizationId(row.get(0)), row.get(1)), row.get(2)))
        .collect())
}

/// The templates of these accounts by these names, in these languages or in any.
pub(crate) async fn templates(
    client: &impl GenericClient,
    asked: &[(WabaId, String, Option<String>)],
) -> Result<HashMap<(WabaId, String), Vec<Template>>, Error> {
    let mut found: HashMap<_, Vec<Template>> = HashMap::new();
    if asked.is_empty() {
        return Ok(found);
    }
    // A name is asked for by every message that uses it, and read once.
    let asked: HashSet<_> = asked.iter().collect();
    let (mut wabas, mut names, mut languages) = (Vec::new(), Vec::new(), Vec::new());
    for (waba, name, language) in asked {
        wabas.push(waba.0);
        names.push(name.as_str());
        languages.push(language.as_deref());
    }
    for row in TEMPLATES.rows(client, &[&wabas, &names, &languages]).await? {
        let template = template(&row)?;
        let place = (WabaId(row.get("waba_id")), template.name.clone());
        found.entry(place).or_default().push(template);
    }
    Ok(found)
}

fn number(row: &Row) -> Result<Number, Error> {
    Ok(Number {
        id: NumberId(row.get("id")),
        organization: OrganizationId(row.get("organization_id")),
        phone: row.get("phone"),
        phone_number_id: row.get("phone_number_id"),
        waba: WabaId(row.get("waba_id")),
        scope: ScopeId(row.get("scope_id")),
        connected: row.get::<_, &str>("status") == "CONNECTED",
        throughput: unsigned(row.get("throughput")),
        restricted: row.get("restricted"),
        paused_until: row.get("paused_until"),
        limit: row.get::<_, Option<i32>>("max_members").map(|max| Limit {
            max: unsigned(max),
            used: unsigned(row.get("members")),
        }),
        purse: Purse::read(row)?,
        policy: row.get("policy"),
    })
}

fn template(row: &Row) -> Result<Template, Error> {
    let category: i16 = row.get("category");
    let format: &str = row.get("parameter_format");
    let components: Value = row.get("components");
    let unreadable = |what, found: String| Error::Unreadable { what, found };
    Ok(Template {
        id: TemplateId(row.get("id")),
        name: row.get("name"),
        language: row.get("language"),
        category: Category::from_code(category).ok_or_else(|| unreadable("template.category", category.to_string()))?,
        status: TemplateStatus::parse(row.get("status")),
        shape: Shape::from_components(
            &components,
            ParameterFormat::parse(format).ok_or_else(|| unreadable("template.parameter_format", format.to_owned()))?,
        ),
    })
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}
