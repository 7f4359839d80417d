//! Only an approved template goes, with exactly the parameters it asks for. Meta would answer 132001, 132015 or 132000, at the
//! price of an attempt.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Facts, TemplateFacts, Verdict};
use crate::reason::Reason;
use crate::template::TemplateStatus;

/// How often a message looks whether its paused template is back. Meta's pauses last 3 or 6 hours.
const LOOK_AGAIN: TimeDelta = TimeDelta::minutes(5);

pub(super) fn rule(facts: &Facts, now: DateTime<Utc>) -> Option<Verdict> {
    let template = facts.template.as_ref()?;
    if let Some(reason) = refusal(template) {
        return Verdict::drop(reason);
    }
    match template {
        TemplateFacts::Known {
            status: TemplateStatus::Paused,
            ..
        } => Verdict::wait(now + LOOK_AGAIN, Reason::TemplatePaused),
        TemplateFacts::Known { .. } | TemplateFacts::Missing => None,
    }
}

/// Why a message of this template never goes, if so; a paused one may be back.
pub fn refusal(template: &TemplateFacts) -> Option<Reason> {
    match template {
        TemplateFacts::Missing => Some(Reason::TemplateNotFound),
        TemplateFacts::Known {
            status: TemplateStatus::NotSendable(_),
            ..
        } => Some(Reason::TemplateNotApproved),
        TemplateFacts::Known { fit: Err(_), .. } => Some(Reason::TemplateParameterMismatch),
        TemplateFacts::Known {
            status: TemplateStatus::Approved | TemplateStatus::Paused,
            fit: Ok(()),
        } => None,
    }
}
