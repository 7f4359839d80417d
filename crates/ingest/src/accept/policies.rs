//! The organizations' own policies at the door: what to ask for them, and what they look at for one row. Pure.
//!
//! Counts look back on what was kept, and on what this batch keeps before the row: each submission is judged as if it had come alone.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::policy::{Policies, PolicyFacts};
use domain::rules::fraud_guard::{self, FraudGuard, Sight};
use domain::rules::frequency_cap::Frequency;
use domain::rules::quiet_hours::Night;
use domain::zone::Zones;
use domain::{Category, Content, OrganizationId, Recipient};
use serde_json::Value;
use store::intake::{Footprint, NewMessage, PolicyAnswers, PolicyQuestions, Start};

use super::plan::Plan;
use super::submission::Submission;
use crate::request::Request;

/// The policies of everybody who has some.
pub(super) type PoliciesOf = HashMap<OrganizationId, Arc<Policies>>;

/// Asks for what the policies of a submission's organization look at.
pub(super) fn ask(questions: &mut PolicyQuestions, submission: &Submission, policies: &PoliciesOf) {
    let organization = submission.organization;
    let Some(policies) = policies.get(&organization) else {
        return;
    };
    let (people, scheduled_at): (Vec<&Recipient>, _) = match &submission.request {
        Request::Message(message) => (vec![&message.to], message.times.scheduled_at),
        Request::Broadcast(broadcast) => {
            let people = broadcast.recipients.iter().map(|row| &row.to);
            (people.collect(), broadcast.times.scheduled_at)
        }
    };
    let each = || people.iter().map(|person| (organization, person.as_str().to_owned()));
    if let Some(guard) = &policies.fraud_guard {
        if let Some(velocity) = &guard.new_recipients {
            questions.known_people.extend(each());
            let back = TimeDelta::minutes(i64::from(velocity.minutes));
            questions.new_recipients.insert(organization, back);
        }
        if let (Some(repeated), Some(content)) = (&guard.repeated_content, said(submission)) {
            let back = TimeDelta::hours(i64::from(repeated.hours));
            questions
                .contents
                .insert((organization, fraud_guard::fingerprint(&content)), back);
        }
    }
    // What is for later is asked about then, by the sender.
    if scheduled_at.is_none() {
        if let Some(cap) = policies.frequency_cap {
            questions.places.extend(each().map(|person| (person, cap)));
        }
        if policies.quiet_hours.is_some() {
            questions.zones.extend(each());
        }
    }
}

/// What a session message says.
fn said(submission: &Submission) -> Option<Value> {
    match &submission.request {
        Request::Message(message) if matches!(message.content, Content::Session { .. }) => {
            Some(message.content.to_json(None))
        }
        Request::Message(_) | Request::Broadcast(_) => None,
    }
}

/// A row, as far as the policies care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) organization: OrganizationId,
    pub(super) to: &'a Recipient,
    pub(super) category: Category,
    /// As Meta takes it.
    pub(super) content: &'a Value,
    pub(super) is_scheduled: bool,
}

impl Row<'_> {
    /// What the policies look at, and what is to be remembered of the row if it is accepted.
    pub(super) fn look(
        &self,
        policies: &PoliciesOf,
        answers: &PolicyAnswers,
        tally: &Tally,
        now: DateTime<Utc>,
    ) -> (PolicyFacts, Footprint) {
        let (mut facts, mut footprint) = (PolicyFacts::default(), Footprint::default());
        let Some(policies) = policies.get(&self.organization) else {
            return (facts, footprint);
        };
        let to = self.to.as_str();
        if let Some(guard) = &policies.fraud_guard {
            footprint = self.footprint(guard, answers);
            let count = |kept: u64, counted: &dyn Fn(&Counts) -> Option<u64>| kept + tally.sum(counted);
            let sight = Sight {
                to: self.to,
                content: self.content,
                new_recipients: footprint.new_recipient.then(|| {
                    count(answers.new_recipients(self.organization), &|counts| {
                        counts.new_recipients.get(&self.organization).copied()
                    })
                }),
                same_content: footprint.content.map_or(0, |content| {
                    count(answers.said(self.organization, content), &|counts| {
                        counts.contents.get(&(self.organization, content)).copied()
                    })
                }),
            };
            facts.findings = guard.inspect(&sight);
        }
        if self.is_scheduled {
            return (facts, footprint);
        }
        if let (Some(cap), Category::Marketing) = (policies.frequency_cap, self.category) {
            footprint.place = true;
            let person = (self.organization, to.to_owned());
            let just_now = tally.sum(&|counts| counts.places.get(&person).copied());
            let mut taken_at = answers.places(self.organization, to).to_vec();
            taken_at.extend((0..just_now).map(|_| now));
            facts.frequency = Some(Frequency { cap, taken_at });
        }
        facts.quiet_hours = policies.quiet_hours.clone().map(|hours| Night {
            hours,
            zones: Zones::of(self.to, answers.zone(self.organization, to)),
        });
        (facts, footprint)
    }

    fn footprint(&self, guard: &FraudGuard, answers: &PolicyAnswers) -> Footprint {
        let is_new = || answers.is_new(self.organization, self.to.as_str());
        let counts_contents = guard.repeated_content.is_some() && self.category == Category::Service;
        Footprint {
            new_recipient: guard.new_recipients.is_some() && is_new(),
            content: counts_contents.then(|| fraud_guard::fingerprint(self.content)),
            place: false,
        }
    }
}

/// What this batch adds to the counts before it is kept.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Of submissions that were planned.
    planned: Counts,
    /// Of the submission that is being planned.
    current: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    new_recipients: HashMap<OrganizationId, u64>,
    contents: HashMap<(OrganizationId, i64), u64>,
    places: HashMap<(OrganizationId, String), u64>,
}

impl Tally {
    /// Counts a row of the submission that is being planned.
    pub(super) fn row(&mut self, row: &NewMessage) {
        self.current.add(row);
    }

    /// The submission is planned: what it accepts is counted, and nothing else.
    pub(super) fn keep(&mut self, plan: &Plan) {
        self.forget();
        plan.rows.iter().for_each(|row| self.planned.add(row));
    }

    /// Nothing of the submission is kept.
    pub(super) fn forget(&mut self) {
        self.current = Counts::default();
    }

    fn sum(&self, counted: &dyn Fn(&Counts) -> Option<u64>) -> u64 {
        let both = [&self.planned, &self.current].into_iter();
        both.filter_map(counted).sum()
    }
}

impl Counts {
    fn add(&mut self, row: &NewMessage) {
        if matches!(row.start, Start::Refused(_)) {
            return;
        }
        let Footprint {
            new_recipient,
            content,
            place,
        } = row.footprint;
        if new_recipient {
            *self.new_recipients.entry(row.organization).or_default() += 1;
        }
        if let Some(content) = content {
            *self.contents.entry((row.organization, content)).or_default() += 1;
        }
        if place {
            let person = (row.organization, row.recipient.as_str().to_owned());
            *self.places.entry(person).or_default() += 1;
        }
    }
}
