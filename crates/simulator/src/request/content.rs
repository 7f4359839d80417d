//! What is said: free-form content of any type, or a template.

use serde_json::Value;

use super::{components, free_form, interactive};
use crate::graph_error::GraphError;

/// The content as far as the simulator cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// Needs an open customer service window.
    FreeForm,
    /// Free-form too, but only a `sent` status follows.
    Reaction,
    Template(TemplateUse),
}

/// A template with the body parameters that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateUse {
    pub(crate) name: String,
    pub(crate) language: String,
    /// One element per body parameter: its `parameter_name`, if it has one.
    pub(crate) body_parameters: Vec<Option<String>>,
    /// All components as they came.
    pub(crate) components: Vec<Value>,
}

/// Reads the content of a message body.
pub(super) fn of(body: &Value) -> Result<Content, GraphError> {
    // A body without `type` but with `text` is known to work.
    let kind = match &body["type"] {
        Value::String(kind) => kind.as_str(),
        Value::Null if body.get("text").is_some() => "text",
        Value::Null => return Err(GraphError::missing("type")),
        _ => return Err(GraphError::invalid("Param type must be a string")),
    };
    let object = &body[kind];
    match kind {
        "template" => template(object).map(Content::Template),
        "interactive" => interactive::check_object(object).map(|()| Content::FreeForm),
        _ => match free_form::check_object(kind, object) {
            Some(checked) if kind == "reaction" => checked.map(|()| Content::Reaction),
            Some(checked) => checked.map(|()| Content::FreeForm),
            None => Err(GraphError::invalid(format!("Param type is not a message type: {kind}"))),
        },
    }
}

fn template(object: &Value) -> Result<TemplateUse, GraphError> {
    let name = required(object, "name", "template")?.to_owned();
    let language = required(&object["language"], "code", "template['language']")?.to_owned();
    let components = match &object["components"] {
        Value::Null => &[][..],
        list => {
            components::check_list(list, false)?;
            list.as_array().map(Vec::as_slice).unwrap_or_default()
        }
    };
    let mut body_parameters = Vec::new();
    for component in components {
        let kind = required(component, "type", "template['components']")?;
        if kind.eq_ignore_ascii_case("body") {
            let parameters = component["parameters"].as_array().map_or(&[][..], Vec::as_slice);
            body_parameters.extend(
                parameters
                    .iter()
                    .map(|parameter| parameter["parameter_name"].as_str().map(str::to_owned)),
            );
        }
    }
    Ok(TemplateUse {
        name,
        language,
        body_parameters,
        components: components.to_vec(),
    })
}

fn required<'a>(object: &'a Value, field: &str, within: &str) -> Result<&'a str, GraphError> {
    match &object[field] {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::Null | Value::String(_) => Err(GraphError::missing(&format!("{within}['{field}']"))),
        _ => Err(GraphError::bad_value(format!(
            "Param {within}['{field}'] must be a string"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(body: &Value, expect: Result<Content, i64>) {
        assert_eq!(of(body).map_err(|error| error.code), expect, "{body}");
    }

    #[test]
    fn free_form_content_needs_its_object() {
        check(&json!({ "text": { "body": "no type" } }), Ok(Content::FreeForm));
        check(&json!({ "type": "text" }), Err(131_008));
        check(
            &json!({ "type": "image", "image": { "id": "1" } }),
            Ok(Content::FreeForm),
        );
        check(
            &json!({ "type": "image", "image": { "id": "1", "link": "http://a" } }),
            Err(131_009),
        );
        check(&json!({ "type": "image", "image": {} }), Err(131_008));
        check(
            &json!({ "type": "location", "location": { "latitude": "1", "longitude": 2 } }),
            Ok(Content::FreeForm),
        );
        check(
            &json!({ "type": "interactive", "interactive": { "type": "button" } }),
            Err(131_008),
        );
        check(
            &json!({ "type": "reaction", "reaction": { "message_id": "wamid.x", "emoji": "" } }),
            Ok(Content::Reaction),
        );
        check(&json!({}), Err(131_008));
    }

    #[test]
    fn a_template_is_read_with_its_body_parameters() {
        let template = json!({ "type": "template", "template": {
            "name": "order_update",
            "language": { "code": "en_US" },
            "components": [
                { "type": "header", "parameters": [{ "type": "text", "text": "not the body's" }] },
                { "type": "BODY", "parameters": [{ "type": "text", "text": "Ana", "parameter_name": "name" }, { "type": "text", "text": "7" }] },
            ],
        } });

        let components = template["template"]["components"].as_array().unwrap().clone();
        check(
            &template,
            Ok(Content::Template(TemplateUse {
                components,
                name: "order_update".into(),
                language: "en_US".into(),
                body_parameters: vec![Some("name".into()), None],
            })),
        );
    }

    #[test]
    fn a_template_needs_name_and_language() {
        check(
            &json!({ "type": "template", "template": { "language": { "code": "en" } } }),
            Err(131_008),
        );
        check(
            &json!({ "type": "template", "template": { "name": "t" } }),
            Err(131_008),
        );
        check(
            &json!({ "type": "template", "template": { "name": "t", "language": { "code": "en" }, "components": 1 } }),
            Err(131_009),
        );
    }
}
