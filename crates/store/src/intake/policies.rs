//! What the policies at the door look at: asked only for organizations that declared the policy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::OrganizationId;
use domain::policy::Policies;
use domain::rules::frequency_cap::FrequencyCap;
use futures_util::try_join;

use super::{Intake, Number};
use crate::Error;
use crate::policies::{KnownPolicies, PlaceQuestion, places, zones};
use crate::statement::{Statement, statement};

const KNOWN_PEOPLE: Statement = statement!("intake/known_people", "reading who was written to before");
const NEW_RECIPIENTS: Statement = statement!("intake/new_recipients", "counting messages to new people");
const CONTENTS: Statement = statement!("intake/contents", "counting messages that say the same");

/// What to ask. Repeated questions are harmless.
#[derive(Debug, Clone, Default)]
pub struct PolicyQuestions {
    /// Did any number of this organization write to this person, or hear from them?
    pub known_people: Vec<(OrganizationId, String)>,
    /// How many messages went to new people, looking back so far?
    pub new_recipients: HashMap<OrganizationId, TimeDelta>,
    /// How many messages said this, looking back so far?
    pub contents: HashMap<(OrganizationId, i64), TimeDelta>,
    /// When were this person's places under the frequency cap taken?
    pub places: HashMap<(OrganizationId, String), FrequencyCap>,
    /// Where does this person live?
    pub zones: Vec<(OrganizationId, String)>,
}

/// The answers.
#[derive(Debug, Clone, Default)]
pub struct PolicyAnswers {
    known_people: HashSet<(OrganizationId, String)>,
    new_recipients: HashMap<OrganizationId, u64>,
    contents: HashMap<(OrganizationId, i64), u64>,
    places: HashMap<(OrganizationId, String), Vec<DateTime<Utc>>>,
    zones: HashMap<(OrganizationId, String), String>,
}

impl PolicyAnswers {
    /// Whether no number of the organization ever wrote to this person, or heard from them.
    pub fn is_new(&self, organization: OrganizationId, recipient: &str) -> bool {
        !self.known_people.contains(&(organization, recipient.to_owned()))
    }

    /// How many messages went to new people.
    pub fn new_recipients(&self, organization: OrganizationId) -> u64 {
        self.new_recipients.get(&organization).copied().unwrap_or(0)
    }

    /// How many messages said this.
    pub fn said(&self, organization: OrganizationId, content: i64) -> u64 {
        self.contents.get(&(organization, content)).copied().unwrap_or(0)
    }

    /// When this person's places under the frequency cap were taken.
    pub fn places(&self, organization: OrganizationId, recipient: &str) -> &[DateTime<Utc>] {
        let places = self.places.get(&(organization, recipient.to_owned()));
        places.map_or(&[], Vec::as_slice)
    }

    /// Where this person lives, if the organization said so.
    pub fn zone(&self, organization: OrganizationId, recipient: &str) -> Option<&str> {
        let zone = self.zones.get(&(organization, recipient.to_owned()));
        zone.map(String::as_str)
    }
}

impl Intake {
    /// The policies of these numbers' organizations, where they have any. Asks the ledger only about those that are new or changed.
    pub async fn policies(
        &self,
        known: &KnownPolicies,
        numbers: &[Number],
    ) -> Result<HashMap<OrganizationId, Arc<Policies>>, Error> {
        let revisions = numbers.iter().map(|number| (number.organization, number.policy));
        let read = known.of_on(&self.client, revisions).await?;
        read.into_iter().map(|(id, policies)| Ok((id, policies?))).collect()
    }

    pub(super) async fn policy_answers(
        &self,
        asked: &PolicyQuestions,
        now: DateTime<Utc>,
    ) -> Result<PolicyAnswers, Error> {
        let people: Vec<_> = asked.zones.iter().map(|(id, person)| (*id, person.as_str())).collect();
        let (known_people, new_recipients, contents, places, zones) = try_join!(
            self.known_people(&asked.known_people),
            self.new_recipients(&asked.new_recipients, now),
            self.contents(&asked.contents, now),
            self.places(&asked.places, now),
            zones(&self.client, &people),
        )?;
        Ok(PolicyAnswers {
            known_people,
            new_recipients,
            contents,
            places,
            zones,
        })
    }

    async fn known_people(
        &self,
        asked: &[(OrganizationId, String)],
    ) -> Result<HashSet<(OrganizationId, String)>, Error> {
        if asked.is_empty() {
            return Ok(HashSet::new());
        }
        let (whose, people): (Vec<i64>, Vec<&str>) = asked.iter().map(|(id, person)| (id.0, person.as_str())).unzip();
        let rows = KNOWN_PEOPLE.rows(&self.client, &[&whose, &people]).await?;
        let read = rows.iter().map(|row| (OrganizationId(row.get(0)), row.get(1)));
        Ok(read.collect())
    }

    async fn new_recipients(
        &self,
        asked: &HashMap<OrganizationId, TimeDelta>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<OrganizationId, u64>, Error> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let (whose, since): (Vec<i64>, Vec<_>) = asked.iter().map(|(id, back)| (id.0, now - *back)).unzip();
        let rows = NEW_RECIPIENTS.rows(&self.client, &[&whose, &since]).await?;
        let read = rows.iter().map(|row| (OrganizationId(row.get(0)), count(row.get(1))));
        Ok(read.collect())
    }

    async fn contents(
        &self,
        asked: &HashMap<(OrganizationId, i64), TimeDelta>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<(OrganizationId, i64), u64>, Error> {
        if asked.is_empty() {
            return Ok(HashMap::new());
        }
        let (mut whose, mut contents, mut since) = (Vec::new(), Vec::new(), Vec::new());
        for ((organization, content), back) in asked {
            whose.push(organization.0);
            contents.push(*content);
            since.push(now - *back);
        }
        let rows = CONTENTS.rows(&self.client, &[&whose, &contents, &since]).await?;
        let read = rows
            .iter()
            .map(|row| ((OrganizationId(row.get(0)), row.get(1)), count(row.get(2))));
        Ok(read.collect())
    }

    async fn places(
        &self,
        asked: &HashMap<(OrganizationId, String), FrequencyCap>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<(OrganizationId, String), Vec<DateTime<Utc>>>, Error> {
        let questions: Vec<_> = asked
            .iter()
            .map(|((organization, recipient), cap)| PlaceQuestion {
                organization: *organization,
                recipient,
                message: None,
                since: now - cap.period(),
            })
            .collect();
        let taken = places(&self.client, &questions).await?;
        Ok(asked.keys().cloned().zip(taken).collect())
    }
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
