//! Whether what an API answers is what its OpenAPI document says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// A document, ready to judge answers.
#[derive(Debug)]
pub struct Conformance {
    /// The document as it is served.
    pub document: Value,
    /// The same with every answer's object closed: a field that the document does not tell is a mistake here.
    closed: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation of the document.
#[derive(Debug, Clone, Copy)]
pub struct Operation<'a> {
    /// `GET`, `POST`, ….
    pub method: &'a str,
    /// With its parameters in braces.
    pub path: &'a str,
    /// What the document says of it.
    pub about: &'a Value,
}

impl Conformance {
    /// Judges by this document.
    pub fn new(document: Value) -> Self {
        let mut closed = document.clone();
        close(&mut closed);
        Self {
            document,
            closed,
            validators: Mutex::default(),
        }
    }

    /// Every operation, by path.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, about)| Operation { method, path, about })
        });
        operations.collect()
    }

    /// The operation that a call of `path` (with or without a query string) is; the one without parameters where several fit.
    pub fn operation(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let path = path.split('?').next().unwrap_or_default();
        let fitting = self
            .operations()
            .into_iter()
            .filter(|operation| operation.method.eq_ignore_ascii_case(method) && fits(operation.path, path));
        fitting.min_by_key(|operation| operation.path.matches('{').count())
    }

    /// Judges an answer.
    ///
    /// # Errors
    /// What is wrong with it, for people. A call of what is not in the document may only be answered with 404 or 405.
    pub fn check(&self, method: &str, path: &str, status: u16, body: &Value) -> Result<(), String> {
        let Some(operation) = self.operation(method, path) else {
            return match status {
                404 | 405 => Ok(()),
                _ => Err(format!(
                    "{method} {path} was answered with {status} and is not in the document"
                )),
            };
        };
        let name = format!("{} {} {status}", operation.method, operation.path);
        let response = &operation.about["responses"][status.to_string()];
        if response.is_null() {
            return Err(format!("{name}: no such answer in the document; given {body}"));
        }
        let place = [
            "paths",
            operation.path,
            operation.method,
            "responses",
            &status.to_string(),
            "content",
            "application/json",
            "schema",
        ];
        let schema = place.iter().fold(&self.closed, |at, step| &at[*step]);
        if schema.is_null() {
            return Ok(());
        }
        let wrong = self.violations(&name, schema, &self.closed, body);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(format!("{name}: {}; given {body}", wrong.join("; ")))
        }
    }

    /// What the document has against a body of a request; nothing where it says nothing of one.
    pub fn of_body(&self, operation: Operation<'_>, body: &Value) -> Vec<String> {
        let schema = &operation.about["requestBody"]["content"]["application/json"]["schema"];
        let name = format!("{} {} body", operation.method, operation.path);
        if schema.is_null() {
            Vec::new()
        } else {
            self.violations(&name, schema, &self.document, body)
        }
    }

    fn violations(&self, name: &str, schema: &Value, document: &Value, value: &Value) -> Vec<String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            let made = || {
                Arc::new(validator(schema, document).unwrap_or_else(|error| panic!("the schema of {name}: {error}")))
            };
            Arc::clone(validators.entry(name.to_owned()).or_insert_with(made))
        };
        let errors = validator.iter_errors(value).take(5);
        errors
            .map(|error| format!("{}: {error}", error.instance_path))
            .collect()
    }
}

/// `components` stands beside the schema, so that its references are found.
fn validator(schema: &Value, document: &Value) -> Result<Validator, String> {
    let mut whole = match schema {
        Value::Object(fields) => fields.clone(),
        other => Map::from_iter([("allOf".to_owned(), json!([other]))]),
    };
    whole.insert("components".to_owned(), document["components"].clone());
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true);
    options.build(&Value::Object(whole)).map_err(|error| error.to_string())
}

/// Closes every object that names its fields and does not say what else it may have.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), json!(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut known, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (known.next(), given.next()) {
            (None, None) => return true,
            (Some(known), Some(given)) if known == given || (known.starts_with('{') && !given.is_empty()) => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conformance() -> Conformance {
        let item = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}});
        let answer =
            json!({"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Item"}}}}});
        Conformance::new(json!({
            "paths": {"/items/{id}": {"get": {"responses": answer}}, "/items/new": {"get": {"responses": {"204": {}}}}},
            "components": {"schemas": {"Item": item}},
        }))
    }

    #[test]
    fn an_answer_is_judged_by_its_status_and_its_fields() {
        let conformance = conformance();
        let check = |path, status, body| conformance.check("GET", path, status, &body);

        assert_eq!(check("/items/1?x=2", 200, json!({"id": "1"})), Ok(()));
        assert_eq!(check("/items/new", 204, Value::Null), Ok(()));
        assert!(
            check("/items/1", 201, json!({"id": "1"}))
                .unwrap_err()
                .contains("no such answer")
        );
        assert!(check("/items/1", 200, json!({})).unwrap_err().contains("id"));
        assert!(
            check("/items/1", 200, json!({"id": "1", "extra": 1}))
                .unwrap_err()
                .contains("extra")
        );
    }

    #[test]
    fn what_is_not_in_the_document_is_not_there() {
        let conformance = conformance();

        assert_eq!(conformance.check("GET", "/elsewhere", 404, &json!({})), Ok(()));
        assert!(conformance.check("GET", "/elsewhere", 200, &json!({})).is_err());
        assert!(conformance.operation("POST", "/items/1").is_none());
        assert_eq!(conformance.operation("get", "/items/new").unwrap().path, "/items/new");
    }
}
