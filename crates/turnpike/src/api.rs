//! The HTTP API from a terminal: one call, its answer for people or for machines, and errors with what to do next.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use runtime::config::Reader;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::exit::{Exit, chain};
use crate::{output, settings};

/// For everything except what `Prefer: wait` adds.
const PATIENCE: Duration = Duration::from_secs(30);
/// For a file, in either direction.
const FILE_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Where the API is and how to get in; the same for every command that talks to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connect {
    /// Address of the API [default: `TURNPIKE_URL`, else `http://127.0.0.1:8080`]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// API key; better in `TURNPIKE_API_KEY`, as other users of the machine can see options
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print the API's answer as it came, in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// A call to be made.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Value>,
    lines: Option<(&'static str, String)>,
    patience: Duration,
    file: Option<Vec<u8>>,
    idempotency_key: Option<String>,
    wait: Option<u16>,
}

/// What came back, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// Why there is no answer to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "calling {origin}: {cause}; is `turnpike ingest` or `turnpike run` listening there? --url or TURNPIKE_URL says where it is"
    )]
    NoAnswer { origin: String, cause: String },
    #[error(
        "calling {origin}: {cause}; whether it arrived is not known: to find out without sending twice, repeat the command with --idempotency-key {key}"
    )]
    InDoubt { origin: String, cause: String, key: String },
    #[error(
        "{origin} answered HTTP {status} without JSON, so it is not Turnpike's API; --url or TURNPIKE_URL says where that is"
    )]
    Stranger { origin: String, status: u16 },
}

/// The API, ready to be called.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    root: Url,
    key: HeaderValue,
}

impl Call {
    /// A GET of `/api/v1/<path>`.
    pub(crate) fn get<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// A POST to `/api/v1/<path>`.
    pub(crate) fn post<const N: usize>(path: [&str; N], body: Option<Value>) -> Self {
        Self::new(Method::POST, path, body)
    }

    /// A PUT of `/api/v1/<path>`.
    pub(crate) fn put<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::PUT, path, None)
    }

    /// A PATCH of `/api/v1/<path>`.
    pub(crate) fn patch<const N: usize>(path: [&str; N], body: Value) -> Self {
        Self::new(Method::PATCH, path, Some(body))
    }

    /// A DELETE of `/api/v1/<path>`.
    pub(crate) fn delete<const N: usize>(path: [&str; N]) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    fn new<const N: usize>(method: Method, path: [&str; N], body: Option<Value>) -> Self {
        Self {
            method,
            path: path.map(str::to_owned).to_vec(),
            query: Vec::new(),
            body,
            lines: None,
            patience: PATIENCE,
            file: None,
            idempotency_key: None,
            wait: None,
        }
    }

    /// Adds a query parameter, when there is a value for it.
    pub(crate) fn query(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// Sends lines instead of JSON.
    pub(crate) fn csv(mut self, text: String) -> Self {
        self.lines = Some(("text/csv", text));
        self
    }

    /// Sends an object per line instead of one.
    pub(crate) fn ndjson(mut self, text: String) -> Self {
        self.lines = Some(("application/x-ndjson", text));
        self
    }

    /// There is much to be done at the other end.
    pub(crate) fn patient(mut self) -> Self {
        self.patience = PATIENCE * 10;
        self
    }

    /// Sends bytes instead of JSON; what they are, the API sees.
    pub(crate) fn file(mut self, bytes: Vec<u8>) -> Self {
        self.file = Some(bytes);
        self
    }

    /// Sends this JSON.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same key and the same body again is the same message, not a second one.
    pub(crate) fn idempotency_key(mut self, key: String) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// Asks for an answer only when every message has left the pipeline, or after so many seconds.
    pub(crate) fn wait(mut self, seconds: Option<u16>) -> Self {
        self.wait = seconds;
        self
    }
}

impl Api {
    /// From options and environment; options win.
    pub(crate) fn new(connect: &Connect) -> Result<Self> {
        let read = |reader: &mut Reader| {
            let url = connect.url.clone().or_else(|| reader.optional("TURNPIKE_URL"));
            let key = connect.key.clone().or_else(|| reader.required("TURNPIKE_API_KEY"));
            Some((url?, SecretString::from(key?)))
        };
        let (url, key) = settings::read(read)?;
        let root = Url::parse(&url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let root =
            root.with_context(|| format!("{url:?} is no http or https address; correct --url or TURNPIKE_URL"))?;
        let mut http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("turnpike/", env!("CARGO_PKG_VERSION")));
        if root.scheme() == "http" {
            // A machine without certificates can talk to its own.
            http = http.tls_certs_only([]);
        }
        let mut key = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()))
            .ok()
            .context("the API key holds characters that no HTTP header may; correct --key or TURNPIKE_API_KEY")?;
        key.set_sensitive(true);
        Ok(Self {
            http: http
                .build()
                .context("setting up the HTTP client; are the system's CA certificates installed?")?,
            root,
            key,
        })
    }

    /// Makes the call, and writes the file that it is answered with, piece by piece.
    pub(crate) async fn download(&self, call: Call, to: &Path) -> Result<Exit> {
        let origin = self.root.origin().ascii_serialization();
        let mut url = self.root.clone();
        url.path_segments_mut()
            .expect("checked in new: an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let request = self.http.request(call.method, url).timeout(FILE_PATIENCE);
        let lost = |error: reqwest::Error| Error::NoAnswer {
            origin: origin.clone(),
            cause: chain(&error.without_url()),
        };
        let mut answer = request
            .header(AUTHORIZATION, self.key.clone())
            .send()
            .await
            .map_err(lost)?;
        let status = answer.status();
        if !status.is_success() {
            let body = answer.json::<Value>().await.unwrap_or_default();
            return Ok(Answer { status, body }.show(false, output::fields));
        }
        let writing = || format!("writing {}; choose another --to", to.display());
        let mut file = tokio::fs::File::create(to).await.with_context(writing)?;
        let mut length = 0;
        while let Some(piece) = answer.chunk().await.map_err(lost)? {
            length += piece.len();
            file.write_all(&piece).await.with_context(writing)?;
        }
        file.flush().await.with_context(writing)?;
        output::data(format!("{}: {length} bytes", to.display()));
        Ok(Exit::Done)
    }

    /// Makes the call, once.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, Error> {
        let origin = self.root.origin().ascii_serialization();
        let mut url = self.root.clone();
        url.path_segments_mut()
            .expect("checked in new: an http address has a path")
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let mut patience = call.patience + Duration::from_secs(call.wait.unwrap_or(0).into());
        if call.file.is_some() {
            patience = FILE_PATIENCE;
        }
        let mut request = self
            .http
            .request(call.method, url)
            .timeout(patience)
            .header(AUTHORIZATION, self.key.clone());
        if let Some(seconds) = call.wait {
            request = request.header("Prefer", format!("wait={seconds}"));
        }
        if let Some(key) = &call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        if let Some((mime, lines)) = call.lines {
            request = request.header(CONTENT_TYPE, mime).body(lines);
        }
        if let Some(bytes) = call.file {
            request = request.header(CONTENT_TYPE, "application/octet-stream").body(bytes);
        }
        let lost = |error: reqwest::Error| {
            let (is_connect, cause) = (error.is_connect(), chain(&error.without_url()));
            match &call.idempotency_key {
                Some(key) if !is_connect => Error::InDoubt {
                    origin: origin.clone(),
                    cause,
                    key: key.clone(),
                },
                _ => Error::NoAnswer {
                    origin: origin.clone(),
                    cause,
                },
            }
        };
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(lost)?;
        let body = serde_json::from_slice::<Value>(&body).ok().filter(Value::is_object);
        let body = body.ok_or_else(|| Error::Stranger {
            origin: origin.clone(),
            status: status.as_u16(),
        })?;
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// Shows it, `people` for its `data` unless JSON was asked for; and how the command ends.
    pub(crate) fn show(&self, json: bool, people: impl FnOnce(&Value) -> String) -> Exit {
        let is_good = self.status.is_success();
        if json {
            output::data(self.body.to_string());
        } else if is_good {
            output::data(people(&self.body["data"]));
        }
        if !is_good {
            output::talk(format!("error: {}", self.refusal()));
            return Exit::Failed;
        }
        Exit::Done
    }

    /// Code, words and details of an error.
    fn refusal(&self) -> String {
        let error = &self.body["error"];
        let word = |name: &str| error[name].as_str().unwrap_or_default();
        let mut text = format!("{} (HTTP {}): {}", word("code"), self.status.as_u16(), word("message"));
        let details = output::fields(&error["details"]);
        for line in details.lines().filter(|_| !error["details"].is_null()) {
            text.push_str("\n  ");
            text.push_str(line);
        }
        if let Some(step) = next_step(self.status) {
            text.push_str("\n  ");
            text.push_str(step);
        }
        text
    }
}

/// What helps where the API's own words are about the caller's key.
fn next_step(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED => Some("set TURNPIKE_API_KEY (or --key) to a key that `turnpike apply` printed"),
        StatusCode::FORBIDDEN => {
            Some("the key lacks the scope; add it to the key's scopes in the file and `turnpike apply` it")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_shows_code_words_and_field() {
        let answer = Answer {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body: json!({"error": {"code": "INVALID_FIELD", "message": "to: expected a number", "status": 422,
                "details": {"field": "to", "value": "555", "expected": "E.164"}}}),
        };

        assert_eq!(
            answer.refusal(),
            "INVALID_FIELD (HTTP 422): to: expected a number\n  expected  E.164\n  field     to\n  value     555"
        );
    }

    #[test]
    fn a_wrong_key_is_told_where_keys_come_from() {
        let answer = Answer {
            status: StatusCode::UNAUTHORIZED,
            body: json!({"error": {"code": "UNAUTHORIZED", "message": "no such key", "details": null}}),
        };

        assert!(answer.refusal().ends_with("a key that `turnpike apply` printed"));
    }
}
