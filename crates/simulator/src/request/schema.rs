//! A small language for the shape of JSON, so that Meta's tables can be written down as tables.

use serde_json::Value;

use crate::graph_error::GraphError;

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rule {
    /// A string of 1 to so many characters.
    Text(usize),
    /// The same, or empty.
    MaybeEmpty(usize),
    /// Letters and digits, 1 to so many.
    Alphanumeric(usize),
    /// `true` or `false`.
    Flag,
    /// An integer between the two.
    Int(i64, i64),
    /// An integer between the two, or a string of its digits.
    Digits(i64, i64),
    /// A number or a string of one, of at most this size either way.
    Degrees(i64),
    /// One of these words, whatever the case.
    Word(&'static [&'static str]),
    /// An address with http or https.
    Link,
    /// Any object.
    AnyObject,
    /// Any list.
    AnyList,
    /// An object with these fields and no others.
    Object(&'static [Field]),
    /// A list of so many, each like this.
    List(usize, usize, &'static Rule),
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    rule: Rule,
    needed: bool,
}

/// A field that has to be there.
pub(super) const fn need(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        rule,
        needed: true,
    }
}

/// A field that may be there.
pub(super) const fn may(name: &'static str, rule: Rule) -> Field {
    Field {
        name,
        rule,
        needed: false,
    }
}

/// Checks a value that stands at `path`.
///
/// # Errors
/// 131008 for what is missing, 131009 for a value that is none of those allowed, 100 for what is too long or not known.
pub(super) fn check(value: &Value, rule: Rule, path: &str) -> Result<(), GraphError> {
    let fits = match rule {
        Rule::Text(most) => return text(value, 1, most, path),
        Rule::MaybeEmpty(most) => return text(value, 0, most, path),
        Rule::Object(fields) => return check_fields(value, fields, path),
        Rule::List(least, most, each) => return list(value, (least, most), *each, path),
        Rule::Alphanumeric(most) => {
            text(value, 1, most, path)?;
            value
                .as_str()
                .is_some_and(|text| text.chars().all(|c| c.is_ascii_alphanumeric()))
        }
        Rule::Flag => value.is_boolean(),
        Rule::Int(least, most) => value.as_i64().is_some_and(|n| (least..=most).contains(&n)),
        Rule::Digits(least, most) => number(value).is_some_and(|n| n >= least as f64 && n <= most as f64),
        Rule::Degrees(most) => number(value).is_some_and(|n| n.abs() <= most as f64),
        Rule::Word(words) => {
            let word = value.as_str().unwrap_or_default().to_lowercase();
            words.iter().any(|known| known.to_lowercase() == word)
        }
        Rule::Link => value
            .as_str()
            .is_some_and(|link| link.to_lowercase().starts_with("http") && link.contains("://")),
        Rule::AnyObject => value.is_object(),
        Rule::AnyList => value.is_array(),
    };
    match (fits, value) {
        (true, _) => Ok(()),
        (false, Value::Null) => Err(GraphError::missing(path)),
        (false, _) => Err(GraphError::bad_value(format!("Param {path} is not valid"))),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: &Value, least: usize, most: usize, path: &str) -> Result<(), GraphError> {
    match value {
        Value::String(text) if text.chars().count() > most => Err(GraphError::invalid(format!(
            "Param {path} must be at most {most} characters long."
        ))),
        Value::String(text) if text.chars().count() >= least => Ok(()),
        Value::String(_) | Value::Null => Err(GraphError::missing(path)),
        _ => Err(GraphError::bad_value(format!("Param {path} must be a string"))),
    }
}

/// Checks that a value is an object with these fields and no others.
pub(super) fn check_fields(value: &Value, fields: &[Field], path: &str) -> Result<(), GraphError> {
    let given = match value {
        Value::Object(given) => given,
        Value::Null => return Err(GraphError::missing(path)),
        _ => return Err(GraphError::bad_value(format!("Param {path} must be a JSON object"))),
    };
    for field in fields {
        match given.get(field.name) {
            None | Some(Value::Null) if !field.needed => {}
            found => check(
                found.unwrap_or(&Value::Null),
                field.rule,
                &format!("{path}['{}']", field.name),
            )?,
        }
    }
    match given
        .keys()
        .find(|name| fields.iter().all(|field| field.name != name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(GraphError::invalid(format!(
            "Unexpected key \"{name}\" on param \"{path}\""
        ))),
    }
}

fn list(value: &Value, (least, most): (usize, usize), each: Rule, path: &str) -> Result<(), GraphError> {
    let items = match value {
        Value::Array(items) => items,
        Value::Null => return Err(GraphError::missing(path)),
        _ => return Err(GraphError::bad_value(format!("Param {path} must be an array"))),
    };
    if !(least..=most).contains(&items.len()) {
        return Err(GraphError::bad_value(format!(
            "Param {path} must have {least} to {most} elements, it has {}",
            items.len()
        )));
    }
    items
        .iter()
        .enumerate()
        .try_for_each(|(n, item)| check(item, each, &format!("{path}[{n}]")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: Rule = Rule::Object(&[need("a", Rule::Text(2)), may("b", Rule::List(1, 2, &Rule::Flag))]);

    #[track_caller]
    fn is(value: &Value, expected: Result<(), i64>) {
        assert_eq!(check(value, RULE, "x").map_err(|error| error.code), expected, "{value}");
    }

    #[test]
    fn each_way_to_be_wrong_has_its_code() {
        is(&json!({"a": "éé", "b": [true]}), Ok(()));
        is(&json!({"a": "ab", "b": null}), Ok(()));
        is(&json!({}), Err(131_008));
        is(&json!({"a": ""}), Err(131_008));
        is(&json!({"a": 1}), Err(131_009));
        is(&json!({"a": "abc"}), Err(100));
        is(&json!({"a": "a", "c": 1}), Err(100));
        is(&json!({"a": "a", "b": []}), Err(131_009));
        is(&json!({"a": "a", "b": [1]}), Err(131_009));
        is(&json!([]), Err(131_009));
    }
}
