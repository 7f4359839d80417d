//! The rules at the door: what can be refused at once is refused at once. The sender asks them again, and there it counts.

use chrono::{DateTime, Utc};
use domain::policy::PolicyFacts;
use domain::rules::fraud_guard::Action;
use domain::rules::{self, FlowStatus, NumberFacts, TemplateFacts, Verdict, Window};
use domain::template::Mismatch;
use domain::{Category, Reason, Recipient, Template, TemplateId};
use serde_json::{Value, json};
use store::intake::{Footprint, Number, Start};

use super::plan::Known;
use super::policies::{self, Tally};
use crate::answer::optional_timestamp;
use crate::request::Times;

/// One row before the rules.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) number: &'a Number,
    pub(super) to: &'a Recipient,
    pub(super) times: Times,
    pub(super) kind: Kind<'a>,
    /// As Meta takes it.
    pub(super) content: &'a Value,
    pub(super) in_flow: bool,
    /// There is a template to send should the window be closed.
    pub(super) has_fallback: bool,
}

/// What kind of message it is, as far as the rules care.
#[derive(Debug, Clone)]
pub(super) enum Kind<'a> {
    Session,
    Template(Option<&'a Template>, Result<(), Mismatch>),
}

impl Kind<'_> {
    /// Of a template that is not there nothing is known; as a utility message it is counted like any other template.
    pub(super) fn category(&self) -> Category {
        match self {
            Self::Session => Category::Service,
            Self::Template(template, _) => template.map_or(Category::Utility, |template| template.category),
        }
    }

    pub(super) fn template_id(&self) -> Option<TemplateId> {
        match self {
            Self::Session => None,
            Self::Template(template, _) => template.map(|template| template.id),
        }
    }
}

/// What the rules look at of a template; `None` for a session message.
pub(super) fn template_facts(kind: &Kind<'_>) -> Option<TemplateFacts> {
    match kind {
        Kind::Session => None,
        Kind::Template(None, _) => Some(TemplateFacts::Missing),
        Kind::Template(Some(template), fit) => Some(TemplateFacts::Known {
            status: template.status.clone(),
            fit: fit.clone(),
        }),
    }
}

/// What the rules made of a row.
#[derive(Debug)]
pub(super) struct Ruling {
    /// Where it begins.
    pub(super) start: Start,
    /// The no that its fallback answers: to be ruled on again as that.
    pub(super) fall_back: Option<Reason>,
    /// What the fraud guard found.
    pub(super) flags: Vec<&'static str>,
    /// What is to be remembered of it.
    pub(super) footprint: Footprint,
    /// What a no was decided on, for the caller; null where the reason says it all.
    pub(super) facts: Value,
}

impl Case<'_> {
    /// Asks the rules.
    pub(super) fn rule(&self, known: &Known<'_>, tally: &Tally) -> Ruling {
        let row = policies::Row {
            organization: self.number.organization,
            to: self.to,
            category: self.kind.category(),
            content: self.content,
            is_scheduled: self.times.scheduled_at.is_some(),
        };
        let (policies, footprint) = row.look(known.policies, known.facts.policies(), tally, known.now);
        let facts = self.facts(known, policies);
        let verdict = rules::decide(&facts, known.now);
        let fall_back = match &verdict {
            Verdict::FallBack { reason } => Some(reason.clone()),
            Verdict::Send | Verdict::Defer { .. } | Verdict::Drop { .. } => None,
        };
        let start = self.start(verdict, known.now);
        Ruling {
            facts: self.reveal(&facts, &start, known.now),
            start,
            fall_back,
            flags: facts.policies.findings.iter().map(|finding| finding.check).collect(),
            footprint,
        }
    }

    /// What is due now is parked until now; there may be room with the broker for it.
    fn start(&self, verdict: Verdict, now: DateTime<Utc>) -> Start {
        let (until, reason) = match (verdict, self.times.scheduled_at) {
            (Verdict::Drop { reason } | Verdict::FallBack { reason }, _) => return Start::Refused(reason),
            // Its time comes later than anything that holds it back now; the sender will see.
            (Verdict::Send | Verdict::Defer { .. }, Some(at)) => (at, None),
            (Verdict::Send, None) => (now, None),
            (Verdict::Defer { until, reason }, None) => (until.unwrap_or(self.times.expires_at), Some(reason)),
        };
        // The morning comes for each recipient at its own time, so such a row does not wait for its flow's cursor.
        if self.in_flow && reason != Some(Reason::QuietHours) {
            return Start::Held { reason };
        }
        Start::Parked {
            wake_at: until.min(self.times.expires_at),
            reason,
        }
    }

    fn facts(&self, known: &Known<'_>, policies: PolicyFacts) -> rules::Facts {
        rules::Facts {
            category: self.kind.category(),
            expires_at: self.times.expires_at,
            flow: self.in_flow.then_some(FlowStatus::Running),
            opted_out: known.facts.opted_out(self.number.organization, self.to.as_str()),
            opted_out_of_marketing: known
                .facts
                .opted_out_of_marketing(self.number.organization, self.to.as_str()),
            number: NumberFacts {
                connected: self.number.connected,
                paused_until: self.number.paused_until,
            },
            account_restricted: self.number.restricted,
            template: template_facts(&self.kind),
            window: self.window(known, known.now),
            has_fallback: self.has_fallback,
            policies,
        }
    }

    /// The facts behind a no that its reason does not tell.
    fn reveal(&self, facts: &rules::Facts, start: &Start, now: DateTime<Utc>) -> Value {
        match (start, &self.kind, &facts.policies.frequency) {
            (Start::Refused(Reason::TemplateParameterMismatch), Kind::Template(_, Err(mismatch)), _) => {
                json!({"field": mismatch.field, "value": mismatch.given, "expected": mismatch.expected})
            }
            (Start::Refused(Reason::FraudGuard), ..) => {
                let findings = facts.policies.findings.iter();
                let blocking = findings.filter(|finding| finding.action == Action::Block);
                json!({"checks": blocking.map(|finding| finding.check).collect::<Vec<_>>()})
            }
            (Start::Refused(Reason::FrequencyCap), _, Some(frequency)) => json!({
                "limit": frequency.cap.max,
                "hours": frequency.cap.hours,
                "used": frequency.taken(now),
                "resets_at": optional_timestamp(frequency.frees_at(now)),
            }),
            _ => Value::Null,
        }
    }

    /// The person may well write before a scheduled message's time, so its window is not asked about yet.
    fn window(&self, known: &Known<'_>, now: DateTime<Utc>) -> Window {
        match self.times.scheduled_at {
            Some(_) => Window {
                last_inbound_at: Some(now),
            },
            None => known.facts.window(self.number.id, self.to.as_str()),
        }
    }
}
