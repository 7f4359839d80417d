//! Parameters for a template's placeholders: the short forms that callers write, the component list that Meta wants, and
//! whether the one fits the other.
//!
//! A caller may write `template_params` as
//! * a list of values, for the body of a positional template: `["Ana", 17]`;
//! * an object of names, for the body of a named template: `{"first_name": "Ana"}`;
//! * an object of parts: `{"header": [..] or {..}, "body": [..] or {..}, "buttons": ["suffix", ..]}`;
//! * Meta's own component list, passed on as it is: `[{"type": "body", "parameters": [..]}]`.

use serde_json::{Map, Value, json};

use super::shape::{Button, Header, Shape};
use crate::content::{FieldError, components};

/// Components ready for Meta.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(Vec<Value>);

/// Where parameters and placeholders disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {expected}, given {given}")]
pub struct Mismatch {
    /// The part, as in `template_params.body`.
    pub field: String,
    /// What the template asks for.
    pub expected: String,
    /// What was given.
    pub given: String,
}

impl Mismatch {
    pub(crate) fn new(field: impl Into<String>, expected: impl Into<String>, given: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            expected: expected.into(),
            given: given.into(),
        }
    }
}

impl From<&FieldError> for Mismatch {
    fn from(error: &FieldError) -> Self {
        let given = match &error.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Self::new(&error.field, &error.expected, given)
    }
}

impl Parameters {
    /// Reads any of the forms above, for a template of this shape. Absent or `null` is no parameters.
    ///
    /// # Errors
    /// When they are none of the forms, or longer than Meta takes.
    pub fn read(params: Option<&Value>, shape: &Shape) -> Result<Self, Mismatch> {
        const FIELD: &str = "template_params";
        let (path, components) = match params {
            None | Some(Value::Null) => return Ok(Self(Vec::new())),
            Some(Value::Array(items)) if items.iter().any(Value::is_object) => (FIELD, items.clone()),
            Some(Value::Object(parts))
                if parts
                    .keys()
                    .all(|key| ["header", "body", "buttons"].contains(&key.as_str()))
                    && !parts.is_empty()
                    && !is_scalars(parts) =>
            {
                let mut components = Vec::new();
                components.extend(header(parts.get("header"), shape)?);
                components.extend(body(parts.get("body"), shape)?);
                components.extend(buttons(parts.get("buttons"), shape)?);
                ("template.components", components)
            }
            Some(Value::Array(_) | Value::Object(_)) => {
                ("template.components", body(params, shape)?.into_iter().collect())
            }
            Some(other) => return Err(Mismatch::new(FIELD, "a list or an object", kind(other))),
        };
        let checked = components::read(path, &Value::Array(components));
        checked.map(Self).map_err(|errors| Mismatch::from(&errors[0]))
    }

    /// Meta's component list as a caller of the messages API gave it.
    pub fn from_components(components: &Value) -> Result<Self, Mismatch> {
        match components {
            Value::Null => Ok(Self(Vec::new())),
            Value::Array(list) => Ok(Self(list.clone())),
            other => Err(Mismatch::new("template.components", "a list", kind(other))),
        }
    }

    /// The component list for Meta.
    pub fn components(&self) -> &[Value] {
        &self.0
    }

    /// Components that were read one by one.
    pub(crate) fn of(components: Vec<Value>) -> Self {
        Self(components)
    }
}

pub(crate) fn count(n: usize) -> String {
    if n == 0 { "none".to_owned() } else { n.to_string() }
}

fn body(params: Option<&Value>, shape: &Shape) -> Result<Option<Value>, Mismatch> {
    let parameters = texts(params, &shape.body, shape.named, "template_params.body")?;
    Ok((!parameters.is_empty()).then(|| json!({"type": "body", "parameters": parameters})))
}

fn header(params: Option<&Value>, shape: &Shape) -> Result<Option<Value>, Mismatch> {
    let Some(params) = params else { return Ok(None) };
    let parameters = match (&shape.header, params) {
        // A media object by itself, as in {"link": "https://…"} or {"id": "…"}.
        (Header::Media(word), Value::Object(_)) => vec![json!({"type": word, *word: params})],
        (Header::Text(names), _) => texts(Some(params), names, shape.named, "template_params.header")?,
        _ => texts(Some(params), &[], false, "template_params.header")?,
    };
    Ok((!parameters.is_empty()).then(|| json!({"type": "header", "parameters": parameters})))
}

fn buttons(params: Option<&Value>, shape: &Shape) -> Result<Vec<Value>, Mismatch> {
    let Some(params) = params else { return Ok(Vec::new()) };
    let Value::Array(values) = params else {
        return Err(Mismatch::new(
            "template_params.buttons",
            "a list, one value for each button that needs one",
            kind(params),
        ));
    };
    let needed: Vec<&Button> = shape.buttons.iter().filter(|button| button.required).collect();
    if values.len() != needed.len() {
        return Err(Mismatch::new(
            "template_params.buttons",
            count(needed.len()),
            count(values.len()),
        ));
    }
    needed
        .into_iter()
        .zip(values)
        .enumerate()
        .map(|(place, (button, value))| {
            let field = format!("template_params.buttons[{place}]");
            let parameter = match button.sub_type {
                "copy_code" => json!({"type": "coupon_code", "coupon_code": scalar(value, &field)?}),
                "url" => json!({"type": "text", "text": scalar(value, &field)?}),
                // Products and orders are more than a value.
                _ if value.is_object() => json!({"type": "action", "action": value}),
                sub_type => return Err(Mismatch::new(field, format!("the action of its {sub_type} button"), kind(value))),
            };
            Ok(json!({"type": "button", "sub_type": button.sub_type, "index": button.index.to_string(), "parameters": [parameter]}))
        })
        .collect()
}

/// Text parameters from a list in order, or from an object of names (numbers count as the names of a positional template).
fn texts(params: Option<&Value>, names: &[String], named: bool, field: &str) -> Result<Vec<Value>, Mismatch> {
    match params {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(place, item)| Ok(json!({"type": "text", "text": scalar(item, &format!("{field}[{place}]"))?})))
            .collect(),
        Some(Value::Object(map)) if named => map
            .iter()
            .map(|(name, item)| {
                Ok(json!({"type": "text", "parameter_name": name, "text": scalar(item, &format!("{field}.{name}"))?}))
            })
            .collect(),
        Some(Value::Object(map)) => {
            if let Some(stranger) = map.keys().find(|key| !names.contains(key)) {
                return Err(Mismatch::new(
                    field,
                    format!("the placeholders {}", names.join(", ")),
                    stranger.clone(),
                ));
            }
            let in_order = names.iter().filter_map(|name| map.get(name).map(|item| (name, item)));
            in_order
                .map(|(name, item)| Ok(json!({"type": "text", "text": scalar(item, &format!("{field}.{name}"))?})))
                .collect()
        }
        Some(other) => Err(Mismatch::new(field, "a list or an object", kind(other))),
    }
}

fn is_scalars(map: &Map<String, Value>) -> bool {
    map.values().all(|value| value.is_string() || value.is_number())
}

fn scalar(value: &Value, field: &str) -> Result<String, Mismatch> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(Mismatch::new(field, "a text or a number", kind(other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
