//! The template that a session message falls back to, at the door: checked like that of a template message, and taken at once where
//! the window is closed already. Pure.

use domain::content::TemplateContent;
use domain::rules::{self, TemplateFacts};
use domain::{Content, Reason};
use serde_json::{Value, json};
use store::intake::{Fallback, Footprint, Number, Start};

use super::gate::{Case, Kind, Ruling, template_facts};
use super::message;
use super::plan::Known;
use super::policies::Tally;
use crate::request::Message;

/// What a message falls back to.
#[derive(Debug)]
struct Template<'a> {
    kind: Kind<'a>,
    /// As Meta takes it.
    content: Value,
}

/// What the rules make of a session message and its fallback together, and what of the fallback is to be kept.
pub(super) fn rule(
    message: &Message,
    session: &Case<'_>,
    known: &Known<'_>,
    tally: &Tally,
) -> (Ruling, Option<Fallback>) {
    let ruling = session.rule(known, tally);
    let Some(content) = &message.fallback else {
        return (ruling, None);
    };
    let template = Template::of(content, session.number, known);
    let is_refused = matches!(ruling.start, Start::Refused(_)) && ruling.fall_back.is_none();
    match (template.refusal(), &ruling.fall_back) {
        // The message's own no comes first.
        _ if is_refused => (ruling, None),
        (Some((reason, facts)), _) => (refused(ruling, reason, facts), None),
        (None, Some(no)) => {
            let instead = Case {
                kind: template.kind.clone(),
                content: &template.content,
                has_fallback: false,
                ..*session
            };
            (instead.rule(known, tally), template.keep(Some(no.clone())))
        }
        (None, None) => (ruling, template.keep(None)),
    }
}

fn refused(ruling: Ruling, reason: Reason, facts: Value) -> Ruling {
    Ruling {
        start: Start::Refused(reason),
        fall_back: None,
        footprint: Footprint::default(),
        facts,
        ..ruling
    }
}

impl<'a> Template<'a> {
    fn of(content: &TemplateContent, number: &Number, known: &Known<'a>) -> Self {
        Self {
            kind: message::template_kind(content, number, known),
            content: Content::Template(content.clone()).to_json(None),
        }
    }

    /// What would be said to a message that is this template. One that is only paused may be back by then.
    fn refusal(&self) -> Option<(Reason, Value)> {
        let facts = template_facts(&self.kind)?;
        let reason = rules::template::refusal(&facts)?;
        let details = match &facts {
            TemplateFacts::Known { fit: Err(wrong), .. } if reason == Reason::TemplateParameterMismatch => {
                json!({"field": format!("fallback_{}", wrong.field), "value": wrong.given, "expected": wrong.expected})
            }
            _ => json!({"field": "fallback_template"}),
        };
        Some((reason, details))
    }

    fn keep(&self, taken: Option<Reason>) -> Option<Fallback> {
        Some(Fallback {
            content: self.content.to_string(),
            template: self.kind.template_id()?,
            category: self.kind.category(),
            price: None,
            taken,
        })
    }
}
