//! What the policies look at, for messages that are kept: asked by the sender before it decides, and by those who ask why.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use domain::policy::{Policies, PolicyFacts};
use domain::rules::frequency_cap::{Frequency, FrequencyCap};
use domain::rules::quiet_hours::Night;
use domain::zone::Zones;
use domain::{Category, MessageId, OrganizationId, Recipient};
use futures_util::try_join;
use uuid::Uuid;

use super::KnownPolicies;
use crate::admission::{Candidate, Unreadable};
use crate::statement::{Statement, statement};
use crate::{Error, Store};

const ZONES: Statement = statement!("policies/zones", "reading where recipients live");
const PLACES: Statement = statement!("policies/places", "reading places under a frequency cap");

/// A message, or one that is not kept yet, under a frequency cap.
pub(crate) struct PlaceQuestion<'a> {
    pub(crate) organization: OrganizationId,
    pub(crate) recipient: &'a str,
    pub(crate) message: Option<MessageId>,
    pub(crate) since: DateTime<Utc>,
}

impl Store {
    /// What the policies of their organizations look at, for those of these messages that some policy concerns; an error for those
    /// whose policies a newer version wrote.
    pub async fn policy_facts(
        &self,
        known: &KnownPolicies,
        rows: &[Candidate],
    ) -> Result<HashMap<MessageId, Result<PolicyFacts, Unreadable>>, Error> {
        let policies = known
            .of(self, rows.iter().map(|row| (row.organization, row.policy)))
            .await?;
        if policies.is_empty() {
            return Ok(HashMap::new());
        }
        let with = |row: &Candidate| policies.get(&row.organization)?.as_ref().ok().cloned();
        let unreadable = rows
            .iter()
            .filter(|row| matches!(policies.get(&row.organization), Some(Err(_))));
        let unreadable: Vec<_> = unreadable
            .map(|row| (row.id, Err(Unreadable::Unknown("organization's policies"))))
            .collect();
        let quiet = |policies: &Arc<Policies>, row: &Candidate| {
            let hours = policies.quiet_hours.as_ref();
            hours.is_some_and(|hours| hours.categories.iter().any(|category| category.code() == row.category))
        };
        let asleep: Vec<&Candidate> = rows
            .iter()
            .filter(|row| with(row).is_some_and(|policies| quiet(&policies, row)))
            .collect();
        let capped: Vec<(&Candidate, FrequencyCap)> = rows
            .iter()
            .filter(|row| row.category == Category::Marketing.code())
            .filter_map(|row| Some((row, with(row)?.frequency_cap?)))
            .collect();
        let people: Vec<_> = asleep
            .iter()
            .map(|row| (row.organization, row.recipient.as_str()))
            .collect();
        let questions: Vec<_> = capped
            .iter()
            .map(|(row, cap)| PlaceQuestion {
                organization: row.organization,
                recipient: &row.recipient,
                message: Some(row.id),
                since: row.read_at - cap.period(),
            })
            .collect();
        if people.is_empty() && questions.is_empty() {
            return Ok(unreadable.into_iter().collect());
        }
        let client = self.client().await?;
        let (zones, places) = try_join!(zones(&client, &people), places(&client, &questions))?;

        let mut facts: HashMap<MessageId, PolicyFacts> = HashMap::new();
        for ((row, cap), taken_at) in capped.into_iter().zip(places) {
            facts.entry(row.id).or_default().frequency = Some(Frequency { cap, taken_at });
        }
        for row in asleep {
            // A recipient that cannot be read has no zone; the message is set aside for it elsewhere.
            let (Ok(recipient), Some(policies)) = (Recipient::parse_any(&row.recipient), with(row)) else {
                continue;
            };
            let told = zones.get(&(row.organization, row.recipient.clone()));
            facts.entry(row.id).or_default().quiet_hours = policies.quiet_hours.clone().map(|hours| Night {
                hours,
                zones: Zones::of(&recipient, told.map(String::as_str)),
            });
        }
        Ok(facts
            .into_iter()
            .map(|(id, facts)| (id, Ok(facts)))
            .chain(unreadable)
            .collect())
    }
}

/// Where people live, as far as organizations said so.
pub(crate) async fn zones(
    client: &impl GenericClient,
    people: &[(OrganizationId, &str)],
) -> Result<HashMap<(OrganizationId, String), String>, Error> {
    if people.is_empty() {
        return Ok(HashMap::new());
    }
    let (organizations, people): (Vec<i64>, Vec<&str>) = people.iter().map(|(id, person)| (id.0, *person)).unzip();
    let rows = ZONES.rows(client, &[&organizations, &people]).await?;
    let read = rows
        .iter()
        .map(|row| ((OrganizationId(row.get(0)), row.get(1)), row.get(2)));
    Ok(read.collect())
}

/// When the places were taken that count against each of these.
pub(crate) async fn places(
    client: &impl GenericClient,
    asked: &[PlaceQuestion<'_>],
) -> Result<Vec<Vec<DateTime<Utc>>>, Error> {
    let mut taken = vec![Vec::new(); asked.len()];
    if asked.is_empty() {
        return Ok(taken);
    }
    let organizations: Vec<i64> = asked.iter().map(|one| one.organization.0).collect();
    let people: Vec<&str> = asked.iter().map(|one| one.recipient).collect();
    let messages: Vec<Option<Uuid>> = asked.iter().map(|one| one.message.map(|id| id.0)).collect();
    let since: Vec<DateTime<Utc>> = asked.iter().map(|one| one.since).collect();
    for row in PLACES
        .rows(client, &[&organizations, &people, &messages, &since])
        .await?
    {
        let place: i64 = row.get("place");
        let place = usize::try_from(place - 1).ok().and_then(|place| taken.get_mut(place));
        place
            .expect("ordinality counts what was asked, from 1")
            .push(row.get("taken_at"));
    }
    Ok(taken)
}
