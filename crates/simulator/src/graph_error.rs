//! Meta's errors as it writes them: in the answer of a POST, and in a `failed` status.

use serde_json::{Value, json};

mod table;

/// An error of the Graph API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphError {
    /// HTTP status of the answer.
    pub(crate) status: u16,
    /// Meta's code: what a client should branch on.
    pub(crate) code: i64,
    subcode: Option<i64>,
    kind: &'static str,
    title: String,
    details: Option<String>,
}

impl GraphError {
    /// The error of this code with the status and words of Meta's table.
    pub(crate) fn of(code: i64) -> Self {
        let row = table::row(code);
        Self {
            status: row.status,
            code,
            subcode: None,
            kind: "OAuthException",
            title: row.title.to_owned(),
            details: Some(row.details.to_owned()),
        }
    }

    /// No bearer token, or not one of ours. Token errors come without `error_data`.
    pub(crate) fn invalid_token() -> Self {
        Self {
            details: None,
            title: "Invalid OAuth access token - Cannot parse access token".into(),
            ..Self::of(190)
        }
    }

    /// The object in the path does not exist for this token: code 100 with subcode 33.
    pub(crate) fn unknown_object(method: &str, id: &str) -> Self {
        Self {
            status: 400,
            code: 100,
            subcode: Some(33),
            kind: "GraphMethodException",
            title: format!(
                "Unsupported {method} request. Object with ID '{id}' does not exist, cannot be loaded due to missing \
                 permissions, or does not support this operation"
            ),
            details: None,
        }
    }

    /// A path that no API has: code 2500.
    pub(crate) fn unknown_path(path: &str) -> Self {
        Self {
            status: 404,
            code: 2500,
            subcode: None,
            kind: "OAuthException",
            title: format!("Unknown path components: {path}"),
            details: None,
        }
    }

    /// Code 100: a parameter that is malformed or not known.
    pub(crate) fn invalid(details: impl Into<String>) -> Self {
        Self::of(100).with_details(details)
    }

    /// Code 131008: a required parameter is missing.
    pub(crate) fn missing(parameter: &str) -> Self {
        Self::of(131_008).with_details(format!("Required parameter is missing: {parameter}"))
    }

    /// Code 131009: a parameter's value is not valid.
    pub(crate) fn bad_value(details: impl Into<String>) -> Self {
        Self::of(131_009).with_details(details)
    }

    #[must_use]
    pub(crate) fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }

    #[must_use]
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The body of a synchronous answer.
    pub(crate) fn body(&self, trace_id: &str) -> Value {
        let plain_words = self.subcode == Some(33) || matches!(self.code, 190 | 2500);
        let message = if plain_words {
            self.title.clone()
        } else {
            format!("(#{}) {}", self.code, self.title)
        };
        let mut error = json!({ "message": message, "type": self.kind, "code": self.code });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({ "messaging_product": "whatsapp", "details": details });
        }
        error["fbtrace_id"] = trace_id.into();
        json!({ "error": error })
    }

    /// The element of `errors[]` in a `failed` status.
    pub(crate) fn in_status(&self) -> Value {
        json!({
            "code": self.code,
            "title": self.title,
            "message": self.title,
            "error_data": { "details": self.details },
            "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
        })
    }
}

impl std::fmt::Display for GraphError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.details.as_deref().unwrap_or(&self.title))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_reads_as_meta_writes_it() {
        let body = GraphError::of(130_429).body("Abc");

        assert_eq!(
            body,
            json!({ "error": {
                "message": "(#130429) Rate limit hit",
                "type": "OAuthException",
                "code": 130_429,
                "error_data": {
                    "messaging_product": "whatsapp",
                    "details": "Cloud API message throughput has been reached.",
                },
                "fbtrace_id": "Abc",
            } })
        );
    }

    #[test]
    fn an_unknown_object_has_its_subcode_and_no_error_data() {
        let error = GraphError::unknown_object("post", "77");
        let body = error.body("Abc");

        assert_eq!(error.status, 400);
        assert_eq!(body["error"]["code"], 100);
        assert_eq!(body["error"]["error_subcode"], 33);
        assert_eq!(body["error"]["type"], "GraphMethodException");
        assert!(body["error"].get("error_data").is_none());
    }

    #[test]
    fn a_code_without_a_row_is_still_an_error() {
        let error = GraphError::of(999_999);
        assert_eq!((error.status, error.code), (400, 999_999));
    }
}
