//! The rules at the door: what can be refused at once is refused at once. The sender asks them again, and there it counts.

use chrono::{DateTime, Utc};
use domain::policy::PolicyFacts;
use domain::rules::{self, FlowStatus, NumberFacts, TemplateFacts, Verdict, Window};
use domain::template::Mismatch;
use domain::{Category, Reason, Recipient, Template, TemplateId};
use store::intake::{Number, Start};

use super::plan::Known;
use crate::request::Times;

/// One row before the rules.
#[derive(Debug)]
pub(super) struct Case<'a> {
    pub(super) number: &'a Number,
    pub(super) to: &'a Recipient,
    pub(super) times: Times,
    pub(super) kind: Kind<'a>,
    pub(super) in_flow: bool,
}

/// What kind of message it is, as far as the rules care.
#[derive(Debug)]
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

    /// Where parameters and template disagree, when that is what the rules said no to.
    pub(super) fn mismatch(&self, start: &Start) -> Option<&Mismatch> {
        match (self, start) {
            (Self::Template(_, Err(mismatch)), Start::Refused(Reason::TemplateParameterMismatch)) => Some(mismatch),
            _ => None,
        }
    }
}

impl Case<'_> {
    /// Where the row begins. What is due now is parked until now; there may be room with the broker for it.
    pub(super) fn start(&self, known: &Known<'_>) -> Start {
        let now = known.now;
        let verdict = rules::decide(&self.facts(known), now);
        let (until, reason) = match (verdict, self.times.scheduled_at) {
            (Verdict::Drop { reason }, _) => return Start::Refused(reason),
            // Its time comes later than anything that holds it back now; the sender will see.
            (Verdict::Send | Verdict::Defer { .. }, Some(at)) => (at, None),
            (Verdict::Send, None) => (now, None),
            (Verdict::Defer { until, reason }, None) => (until.unwrap_or(self.times.expires_at), Some(reason)),
        };
        if self.in_flow {
            return Start::Held { reason };
        }
        Start::Parked {
            wake_at: until.min(self.times.expires_at),
            reason,
        }
    }

    fn facts(&self, known: &Known<'_>) -> rules::Facts {
        let template = match &self.kind {
            Kind::Session => None,
            Kind::Template(None, _) => Some(TemplateFacts::Missing),
            Kind::Template(Some(template), fit) => Some(TemplateFacts::Known {
                status: template.status.clone(),
                fit: fit.clone(),
            }),
        };
        rules::Facts {
            category: self.kind.category(),
            expires_at: self.times.expires_at,
            flow: self.in_flow.then_some(FlowStatus::Running),
            opted_out: known.facts.opted_out(self.number.organization, self.to.as_str()),
            number: NumberFacts {
                connected: self.number.connected,
                paused_until: self.number.paused_until,
            },
            account_restricted: self.number.restricted,
            template,
            window: self.window(known, known.now),
            policies: PolicyFacts::default(),
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
