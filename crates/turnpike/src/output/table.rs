//! JSON as people read it: fields below each other, lists of alike things as a table.

use serde_json::{Map, Value};

/// Fields that a reader looks for first, in this order; all others follow by name.
const FIRST: &[&str] = &[
    "index",
    "attempt",
    "id",
    "message_id",
    "broadcast_id",
    "campaign_id",
    "summary",
    "status",
    "within_window",
    "canceled",
    "reason",
    "to",
    "from",
    "wamid",
    "outcome",
];

/// Aligned rows of cells; the last cell of a row may be as long as it likes.
#[derive(Debug, Default)]
pub(crate) struct Rows(Vec<Vec<String>>);

impl Rows {
    /// Adds a row.
    pub(crate) fn add<I: Into<String>>(&mut self, cells: impl IntoIterator<Item = I>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }

    /// All rows as lines, each column as wide as its widest cell.
    pub(crate) fn text(&self) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.0.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The fields of an object. What is `null` or empty is not shown: it says nothing.
pub(crate) fn fields(value: &Value) -> String {
    let mut lines = Vec::new();
    write(value, "", &mut lines);
    lines.join("\n")
}

fn write(value: &Value, indent: &str, lines: &mut Vec<String>) {
    let Value::Object(object) = value else {
        lines.push(format!("{indent}{}", scalar(value)));
        return;
    };
    let is_plain = |value: &Value| !value.is_object() && !is_list_of_objects(value);
    let mut plain = Rows::default();
    let mut fields: Vec<_> = object.iter().filter(|(_, value)| !is_nothing(value)).collect();
    fields.sort_by_key(|(name, _)| rank(name));
    for (name, value) in fields.iter().filter(|(_, value)| is_plain(value)) {
        plain.add([(*name).clone(), scalar(value)]);
    }
    lines.extend(plain.text().lines().map(|line| format!("{indent}{line}")));
    for (name, value) in fields.into_iter().filter(|(_, value)| !is_plain(value)) {
        lines.push(format!("{indent}{name}"));
        let deeper = format!("{indent}  ");
        match value {
            Value::Array(items) => lines.extend(table(items).lines().map(|line| format!("{deeper}{line}"))),
            _ => write(value, &deeper, lines),
        }
    }
}

/// Objects with one column per field that any of them has.
fn table(items: &[Value]) -> String {
    let objects: Vec<&Map<String, Value>> = items.iter().filter_map(Value::as_object).collect();
    let mut columns: Vec<&String> = Vec::new();
    for (name, _) in objects
        .iter()
        .flat_map(|object| object.iter())
        .filter(|(_, value)| !value.is_null())
    {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    columns.sort_by_key(|name| rank(name));
    let mut rows = Rows::default();
    rows.add(columns.iter().map(|name| name.as_str()));
    for object in objects {
        rows.add(
            columns
                .iter()
                .map(|name| object.get(*name).map_or_else(String::new, scalar)),
        );
    }
    rows.text()
}

/// Where a field stands among its siblings. Sorting is stable, so the rest stay in order of their names.
fn rank(name: &str) -> usize {
    FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len())
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        value => value.is_null(),
    }
}

fn is_list_of_objects(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object))
}

/// A value in one line.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.replace(['\n', '\r'], " "),
        Value::Number(number) => number.to_string(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(scalar).collect::<Vec<_>>().join(", ")
        }
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_aligned_and_lists_become_tables() {
        let message = json!({
            "message_id": "0198", "status": "sent", "reason": null, "tags": ["a", "b"], "timestamps": {}, "events": [],
            "attempts": [{"attempt": 1, "outcome": "rejected", "http_status": 429}, {"attempt": 2, "outcome": "accepted", "post_ms": 84}],
            "error": {"code": "meta_130429", "retriable": true}
        });

        let text = fields(&message);

        assert_eq!(
            text,
            [
                "message_id  0198",
                "status      sent",
                "tags        a, b",
                "attempts",
                "  attempt  outcome   http_status  post_ms",
                "  1        rejected  429",
                "  2        accepted               84",
                "error",
                "  code       meta_130429",
                "  retriable  yes",
            ]
            .join("\n")
        );
    }

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(fields(&json!({"text": "two\nlines"})), "text  two lines");
    }
}
