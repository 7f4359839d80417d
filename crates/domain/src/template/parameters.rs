//! Parameters for a template's placeholders: the short forms that callers write, the component list that Meta wants, and
//! whether the one fits the other.
//!
//! A caller may write `template_params` as
//! * a list of values, for the body of a positional template: `["Ana", 17]`;
//! * an object of names, for the body of a named template: `{"first_name": "Ana"}`;
//! * an object of parts: `{"header": [..] or {..}, "body": [..] or {..}, "buttons": ["suffix", ..]}`;
//! * Meta's own component list, passed on as it is: `[{"type": "body", "parameters": [..]}]`.

use serde_json::{Map, Value, json};

use super::shape::{Header, Shape};

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
    fn new(field: impl Into<String>, expected: impl Into<String>, given: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            expected: expected.into(),
            given: given.into(),
        }
    }
}

impl Parameters {
    /// Reads any of the forms above, for a template of this shape. Absent or `null` is no parameters.
    pub fn read(params: Option<&Value>, shape: &Shape) -> Result<Self, Mismatch> {
        const FIELD: &str = "template_params";
        match params {
            None | Some(Value::Null) => Ok(Self(Vec::new())),
            Some(Value::Array(items)) if items.iter().any(Value::is_object) => Ok(Self(items.clone())),
            Some(Value::Array(_)) => Ok(Self(body(params, shape)?.into_iter().collect())),
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
                Ok(Self(components))
            }
            Some(Value::Object(_)) => Ok(Self(body(params, shape)?.into_iter().collect())),
            Some(other) => Err(Mismatch::new(FIELD, "a list or an object", kind(other))),
        }
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

    /// Whether every placeholder gets exactly its parameter: Meta would answer 132000 or 132012 otherwise, after the attempt.
    pub fn fit(&self, shape: &Shape) -> Result<(), Mismatch> {
        fit_parts(&self.0, shape, "template")?;
        let cards = self.parts("carousel").find_map(|part| part["cards"].as_array());
        let given = cards.map_or(0, Vec::len);
        if given != shape.cards.len() {
            return Err(Mismatch::new(
                "template.carousel",
                format!("{} cards", shape.cards.len()),
                format!("{given}"),
            ));
        }
        for (index, (card, shape)) in cards.into_iter().flatten().zip(&shape.cards).enumerate() {
            let parts = card["components"].as_array().map(Vec::as_slice).unwrap_or_default();
            fit_parts(parts, shape, &format!("template.carousel.cards[{index}]"))?;
        }
        Ok(())
    }

    fn parts(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        parts_of(&self.0, kind)
    }
}

fn parts_of<'a>(parts: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    parts.iter().filter(move |part| {
        part["type"]
            .as_str()
            .is_some_and(|word| word.eq_ignore_ascii_case(kind))
    })
}

fn parameters_of<'a>(parts: &'a [Value], kind: &'static str) -> Vec<&'a Value> {
    parts_of(parts, kind)
        .flat_map(|part| part["parameters"].as_array().into_iter().flatten())
        .collect()
}

fn fit_parts(parts: &[Value], shape: &Shape, at: &str) -> Result<(), Mismatch> {
    fit_text(
        &parameters_of(parts, "body"),
        &shape.body,
        shape.named,
        &format!("{at}.body"),
    )?;
    let header = parameters_of(parts, "header");
    let field = format!("{at}.header");
    match &shape.header {
        Header::Nothing if header.is_empty() => {}
        Header::Nothing => return Err(Mismatch::new(field, "no parameters", count(header.len()))),
        Header::Text(names) => fit_text(&header, names, shape.named, &field)?,
        Header::Media(word) => {
            let right = header.len() == 1 && header[0]["type"].as_str() == Some(word) && header[0][word].is_object();
            if !right {
                return Err(Mismatch::new(
                    field,
                    format!("one {word} parameter"),
                    count(header.len()),
                ));
            }
        }
    }
    for needed in &shape.buttons {
        let given = parts_of(parts, "button").find(|part| index_of(part) == Some(needed.index));
        let filled = given.is_some_and(|part| part["parameters"].as_array().is_some_and(|list| list.len() == 1));
        if !filled {
            let field = format!("{at}.buttons[{}]", needed.index);
            return Err(Mismatch::new(
                field,
                format!("one parameter for its {} button", needed.sub_type),
                "none",
            ));
        }
    }
    Ok(())
}

/// Meta's examples write the index as a string or as a number.
fn index_of(button: &Value) -> Option<usize> {
    match &button["index"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|index| index.try_into().ok()),
    }
}

fn fit_text(given: &[&Value], names: &[String], named: bool, field: &str) -> Result<(), Mismatch> {
    let expected = || match (named, names.len()) {
        (_, 0) => "no parameters".to_owned(),
        (true, _) => format!("the parameters {}", names.join(", ")),
        (false, 1) => "1 parameter".to_owned(),
        (false, n) => format!("{n} parameters"),
    };
    if given.len() != names.len() {
        return Err(Mismatch::new(field, expected(), count(given.len())));
    }
    for (place, parameter) in given.iter().enumerate() {
        let name = parameter["parameter_name"].as_str();
        let known = name.is_some_and(|name| names.iter().any(|known| known == name));
        if named && !known {
            return Err(Mismatch::new(
                field,
                expected(),
                name.unwrap_or("a parameter without parameter_name"),
            ));
        }
        if !named && name.is_some() {
            return Err(Mismatch::new(
                field,
                "parameters without parameter_name, in order",
                name.unwrap_or_default(),
            ));
        }
        if parameter["type"].as_str() == Some("text") && parameter["text"].as_str().is_none_or(str::is_empty) {
            return Err(Mismatch::new(
                format!("{field}.parameters[{place}].text"),
                "a text that is not empty",
                "an empty one",
            ));
        }
    }
    Ok(())
}

fn count(n: usize) -> String {
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
    if values.len() != shape.buttons.len() {
        return Err(Mismatch::new(
            "template_params.buttons",
            count(shape.buttons.len()),
            count(values.len()),
        ));
    }
    shape
        .buttons
        .iter()
        .zip(values)
        .enumerate()
        .map(|(place, (button, value))| {
            let text = scalar(value, &format!("template_params.buttons[{place}]"))?;
            let parameter = match button.sub_type {
                "copy_code" => json!({"type": "coupon_code", "coupon_code": text}),
                _ => json!({"type": "text", "text": text}),
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
