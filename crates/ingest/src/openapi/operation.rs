//! One operation of the document: a method on a path, what it takes, and every answer it may give.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Map, Value, json};

use super::schema::{reference, string};
use crate::credentials::Scope;
use crate::problem::Code;

/// A method on a path, described.
#[derive(Debug, Clone)]
pub struct Operation {
    method: Method,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    about: Option<&'static str>,
    tag: &'static str,
    scope: Option<Scope>,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    headers: Vec<&'static str>,
    noes: Vec<Code>,
}

impl Operation {
    /// `method` on `path`; `id` is the name that generated clients call it by, `summary` one line for people.
    pub fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            about: None,
            tag: "Messages",
            scope: None,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            headers: Vec::new(),
            noes: vec![Code::InternalError, Code::Unavailable],
        }
    }

    /// A `GET`.
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::GET, path, id, summary)
    }

    /// A `POST`.
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::POST, path, id, summary)
    }

    /// A `PUT`.
    pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PUT, path, id, summary)
    }

    /// A `PATCH`.
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::PATCH, path, id, summary)
    }

    /// A `DELETE`.
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new(Method::DELETE, path, id, summary)
    }

    /// The chapter it belongs to.
    #[must_use]
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// More than the summary says.
    #[must_use]
    pub fn about(mut self, about: &'static str) -> Self {
        self.about = Some(about);
        self
    }

    /// It needs a key with this scope, and may be refused for the lack of it.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self.headers
            .extend(["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]);
        self.nos(&[
            Code::Unauthorized,
            Code::InvalidApiKey,
            Code::InsufficientPermissions,
            Code::AddressNotAllowed,
            Code::TestKey,
            Code::TestModeOff,
            Code::RateLimited,
        ])
    }

    /// A no of its own.
    #[must_use]
    pub fn no(self, code: Code) -> Self {
        self.nos(&[code])
    }

    /// Several noes of its own.
    #[must_use]
    pub fn nos(mut self, codes: &[Code]) -> Self {
        self.noes.extend(codes);
        self
    }

    /// A parameter that its path names in braces.
    #[must_use]
    pub fn path_parameter(self, name: &'static str, schema: Value, about: &'static str) -> Self {
        self.parameter(name, "path", true, schema, about)
    }

    /// A parameter of the query string, which may be left out. Unknown ones are refused.
    #[must_use]
    pub fn query(self, name: &'static str, schema: Value, about: &'static str) -> Self {
        self.parameter(name, "query", false, schema, about)
            .no(Code::ValidationError)
    }

    /// A parameter of the query string that must be there.
    #[must_use]
    pub fn required_query(self, name: &'static str, schema: Value, about: &'static str) -> Self {
        self.parameter(name, "query", true, schema, about)
            .no(Code::ValidationError)
    }

    /// A list, page by page: `cursor` and `limit`, and an answer with `meta.pagination`.
    #[must_use]
    pub fn pages(self, about: &'static str, item: &Value, most: u32) -> Self {
        let limit = json!({"type": "integer", "minimum": 1, "maximum": most, "default": 50});
        let list = super::schema::page(item);
        self.query("cursor", string(), "The cursor of the page before.")
            .query("limit", limit, "How many a page holds.")
            .no(Code::InvalidCursor)
            .answer(200, about, list)
    }

    /// A JSON body.
    #[must_use]
    pub fn json(self, schema: Value) -> Self {
        self.body("application/json", schema, true)
            .no(Code::InvalidJson)
            .no(Code::ValidationError)
    }

    /// A JSON body that may be left out.
    #[must_use]
    pub fn optional_json(self, schema: Value) -> Self {
        self.body("application/json", schema, false)
            .no(Code::InvalidJson)
            .no(Code::ValidationError)
    }

    /// A body of another kind.
    #[must_use]
    pub fn body(mut self, mime: &'static str, schema: Value, required: bool) -> Self {
        self.body = Some(json!({"required": required, "content": {mime: {"schema": schema}}}));
        // A body that breaks off is no JSON, whatever it was to be.
        self.nos(&[
            Code::RequestTimeout,
            Code::InvalidJson,
            Code::PayloadTooLarge,
            Code::UnsupportedMediaType,
        ])
    }

    /// The same body in another form.
    #[must_use]
    pub fn or_body(mut self, mime: &'static str, schema: Value) -> Self {
        if let Some(body) = &mut self.body {
            body["content"][mime] = json!({"schema": schema});
        }
        self
    }

    /// It takes an `Idempotency-Key`.
    #[must_use]
    pub fn idempotent(mut self) -> Self {
        let key = json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]*$"});
        self.headers.push("Idempotency-Replayed");
        self.parameter(
            "Idempotency-Key",
            "header",
            false,
            key,
            "The same key with the same body gets the same answer, for 24 hours.",
        )
        .nos(&[
            Code::IdempotencyConflict,
            Code::IdempotencyInFlight,
            Code::ValidationError,
        ])
    }

    /// It takes `Prefer: wait=N`.
    #[must_use]
    pub fn waits(mut self) -> Self {
        self.headers.push("Preference-Applied");
        self.parameter(
            "Prefer",
            "header",
            false,
            string(),
            "`wait=N`: answer when every message has left the pipeline, or after N seconds (30 at most).",
        )
    }

    /// An answer.
    #[must_use]
    pub fn answer(self, status: u16, about: &'static str, schema: Value) -> Self {
        self.answer_as(status, about, "application/json", schema)
    }

    /// An answer of another kind than JSON.
    #[must_use]
    pub fn answer_as(mut self, status: u16, about: &'static str, mime: &'static str, schema: Value) -> Self {
        let answer = json!({"description": about, "content": {mime: {"schema": schema}}});
        self.answers.insert(status, answer);
        self
    }

    /// An answer without a body.
    #[must_use]
    pub fn empty_answer(mut self, status: u16, about: &'static str) -> Self {
        self.answers.insert(status, json!({"description": about}));
        self
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path, with its parameters in braces.
    pub fn path(&self) -> String {
        self.path.to_owned()
    }

    pub(super) fn tag_name(&self) -> &'static str {
        self.tag
    }

    fn parameter(mut self, name: &str, place: &str, required: bool, schema: Value, about: &str) -> Self {
        self.parameters
            .push(json!({"name": name, "in": place, "required": required, "schema": schema, "description": about}));
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.tag],
            "responses": self.responses(),
        });
        if let Some(about) = self.about {
            operation["description"] = json!(about);
        }
        if !self.parameters.is_empty() {
            operation["parameters"] = json!(self.parameters);
        }
        if let Some(body) = &self.body {
            operation["requestBody"] = body.clone();
        }
        if let Some(scope) = self.scope {
            operation["security"] = json!([{"apiKey": [scope.as_str()]}, {"bearer": [scope.as_str()]}]);
        }
        operation
    }

    /// Its own answers, and one per status of its noes.
    fn responses(&self) -> Value {
        let mut headers: Map<String, Value> = self
            .headers
            .iter()
            .map(|name| ((*name).to_owned(), reference("headers", name)))
            .collect();
        headers.insert("X-Request-Id".to_owned(), reference("headers", "X-Request-Id"));
        let mut responses = self.answers.clone();
        let mut noes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for code in &self.noes {
            let codes = noes.entry(code.status()).or_default();
            if !codes.contains(&code.as_str()) {
                codes.push(code.as_str());
            }
        }
        for (status, codes) in noes {
            responses.entry(status).or_insert_with(|| {
                json!({
                    "description": codes.join(", "),
                    "content": {"application/json": {"schema": super::schema::error(&codes)}},
                })
            });
        }
        let responses = responses.into_iter().map(|(status, mut response)| {
            let mut headers = headers.clone();
            match status {
                401 => drop(headers.insert("WWW-Authenticate".into(), reference("headers", "WWW-Authenticate"))),
                409 | 429 | 503 => drop(headers.insert("Retry-After".into(), reference("headers", "Retry-After"))),
                _ => {}
            }
            response["headers"] = Value::Object(headers);
            (status.to_string(), response)
        });
        Value::Object(responses.collect())
    }
}
