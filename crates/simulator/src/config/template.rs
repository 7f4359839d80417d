//! Message templates as the simulator knows them: enough to answer 132000, 132001, 132012, 132015 and 132016.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A template in one language.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Name.
    pub name: String,
    /// Language code, `en_US`.
    pub language: String,
    /// `APPROVED` is sendable; `PAUSED` is answered with 132015, `DISABLED` with 132016, all else with 132001.
    #[serde(default = "approved")]
    pub status: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    #[serde(default = "utility")]
    pub category: String,
    /// The WABA that has it; every WABA when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waba_id: Option<String>,
    /// Text of the body; its `{{…}}` say which parameters are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Number of positional body parameters, when there is no `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_parameters: Option<usize>,
    /// Names of the body parameters, when there is no `body`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body_parameter_names: Vec<String>,
    /// Components as the listing shows them; made from `body` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Value>,
}

fn approved() -> String {
    "APPROVED".into()
}

fn utility() -> String {
    "UTILITY".into()
}

/// The body parameters a template wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// Nothing is known, so nothing is checked.
    Any,
    Positional(usize),
    Named(Vec<String>),
}

impl Template {
    /// An approved utility template with this body.
    pub fn new(name: impl Into<String>, language: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            language: language.into(),
            status: approved(),
            category: utility(),
            waba_id: None,
            body: Some(body.into()),
            body_parameters: None,
            body_parameter_names: Vec::new(),
            components: None,
        }
    }

    /// Meta's id of the template at this place in the list.
    pub(crate) fn id_of(place: usize) -> String {
        (7_000_000 + place).to_string()
    }

    pub(crate) fn belongs_to(&self, waba_id: &str) -> bool {
        self.waba_id.as_deref().is_none_or(|owner| owner == waba_id)
    }

    pub(crate) fn parameters(&self) -> Parameters {
        if !self.body_parameter_names.is_empty() {
            return Parameters::Named(self.body_parameter_names.clone());
        }
        if let Some(count) = self.body_parameters {
            return Parameters::Positional(count);
        }
        match self.body.as_deref().or_else(|| self.body_component()) {
            None => Parameters::Any,
            Some(text) => placeholders(text),
        }
    }

    fn body_component(&self) -> Option<&str> {
        let is_body = |component: &&Value| {
            component["type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("body"))
        };
        self.components.as_ref()?.as_array()?.iter().find(is_body)?["text"].as_str()
    }

    /// The template as `GET /{waba_id}/message_templates` shows it.
    pub(crate) fn listed(&self, id: usize) -> Value {
        let format = if matches!(self.parameters(), Parameters::Named(_)) {
            "NAMED"
        } else {
            "POSITIONAL"
        };
        let components = self.components.clone().unwrap_or_else(|| match &self.body {
            Some(text) => json!([{ "type": "BODY", "text": text }]),
            None => json!([]),
        });
        json!({
            "id": Self::id_of(id),
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": format,
            "components": components,
            "quality_score": { "score": "UNKNOWN" },
            "rejected_reason": "NONE",
        })
    }
}

/// Reads `{{1}}` and `{{first_name}}` out of a body; a name used twice is one parameter.
fn placeholders(text: &str) -> Parameters {
    let mut names: Vec<String> = Vec::new();
    for part in text.split("{{").skip(1) {
        if let Some((name, _)) = part.split_once("}}") {
            let name = name.trim().to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.iter().all(|name| name.parse::<u32>().is_ok()) {
        Parameters::Positional(names.len())
    } else {
        Parameters::Named(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expect: &Parameters) {
        assert_eq!(Template::new("t", "en", body).parameters(), *expect);
    }

    #[test]
    fn the_body_says_which_parameters_are_expected() {
        check("Hello.", &Parameters::Positional(0));
        check(
            "Hi {{1}}, order {{2}} is on its way, {{1}}.",
            &Parameters::Positional(2),
        );
        check("Hi {{ first_name }}!", &Parameters::Named(vec!["first_name".into()]));
        check("Odd {{ braces", &Parameters::Positional(0));
    }

    #[test]
    fn a_body_component_does_as_well() {
        let template = Template {
            body: None,
            components: Some(json!([{ "type": "HEADER", "text": "{{1}}" }, { "type": "body", "text": "{{1}} {{2}}" }])),
            ..Template::new("t", "en", "")
        };
        assert_eq!(template.parameters(), Parameters::Positional(2));
    }
}
