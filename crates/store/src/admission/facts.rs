//! From the ledger's words to what the rules look at.

use domain::Category;
use domain::content::TemplateContent;
use domain::policy::PolicyFacts;
use domain::rules::{Facts, FlowStatus, NumberFacts, TemplateFacts, Window};
use domain::template::{Mismatch, Shape, TemplateStatus};
use serde_json::Value;

use super::Candidate;

/// Meta's word for a sender number that may send.
const CONNECTED: &str = "CONNECTED";

/// Why a row cannot be handled by this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A newer version may have written it, so it waits for one.
    #[error("its {0} is not known to this version")]
    Unknown(&'static str),
    /// No version can send this.
    #[error("its {0} is missing or broken")]
    Broken(&'static str),
}

impl Candidate {
    /// What the rules look at. `shape` is that of the message's template.
    ///
    /// # Errors
    /// When a word is not known to this build.
    pub fn facts(&self, shape: Option<&Shape>) -> Result<Facts, Unreadable> {
        let category = self.category()?;
        let flow = match self.flow_status.as_deref().map(FlowStatus::parse) {
            Some(None) => return Err(Unreadable::Unknown("flow's status")),
            known => known.flatten(),
        };
        Ok(Facts {
            category,
            expires_at: self.expires_at,
            flow,
            opted_out: self.opted_out,
            opted_out_of_marketing: self.opted_out_of_marketing,
            number: NumberFacts {
                connected: self.number_status == CONNECTED,
                paused_until: self.paused_until,
            },
            account_restricted: self.restricted,
            template: (category != Category::Service).then(|| self.template_facts(shape)),
            window: Window {
                last_inbound_at: self.last_inbound_at,
            },
            has_fallback: self.has_fallback,
            policies: PolicyFacts::default(),
        })
    }

    /// Its category.
    ///
    /// # Errors
    /// When the code is not known to this build.
    pub fn category(&self) -> Result<Category, Unreadable> {
        Category::from_code(self.category).ok_or(Unreadable::Unknown("category"))
    }

    fn template_facts(&self, shape: Option<&Shape>) -> TemplateFacts {
        match (&self.template, shape) {
            (Some(template), Some(shape)) => TemplateFacts::Known {
                status: TemplateStatus::parse(&template.status),
                fit: fit(self.content.as_deref(), shape),
            },
            _ => TemplateFacts::Missing,
        }
    }
}

fn fit(content: Option<&str>, shape: &Shape) -> Result<(), Mismatch> {
    let content: Value = content
        .and_then(|content| serde_json::from_str(content).ok())
        .unwrap_or_default();
    let template = TemplateContent::from_json(&content).map_err(|error| Mismatch {
        field: error.field,
        expected: error.expected,
        given: error.value.to_string(),
    })?;
    template.parameters.fit(shape)
}
