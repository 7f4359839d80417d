//! The error object of the Graph API.

use domain::attempt::GraphError;
use serde::Deserialize;

use crate::lenient;

/// Characters of Meta's texts that are kept.
const TEXT_CAP: usize = 500;

/// The `error` object as Meta sends it, synchronously or inside a webhook. Only the code must be there and readable.
#[derive(Deserialize)]
pub(crate) struct WireError {
    #[serde(deserialize_with = "lenient::integer")]
    pub(crate) code: i64,
    #[serde(default, deserialize_with = "lenient::or_default")]
    error_subcode: Option<i64>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    error_data: Option<ErrorData>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    fbtrace_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    is_transient: bool,
}

#[derive(Deserialize)]
struct ErrorData {
    #[serde(default)]
    details: Option<String>,
}

impl WireError {
    /// What happened, in Meta's words without the `(#code)` in front.
    pub(crate) fn title(&self) -> String {
        let text = self.title.as_deref().or(self.message.as_deref()).unwrap_or_default();
        let code = format!("(#{})", self.code);
        short(text.strip_prefix(&code).unwrap_or(text).trim())
    }

    /// The explanation, where there is one.
    pub(crate) fn details(&self) -> Option<String> {
        self.error_data.as_ref()?.details.as_deref().map(short)
    }
}

/// The error in an answer; `None` when the answer is anything but a JSON object whose `error` has a code.
pub(crate) fn parse_error(http_status: u16, body: &[u8]) -> Option<GraphError> {
    #[derive(Deserialize)]
    struct Envelope {
        error: WireError,
    }

    let Envelope { error } = serde_json::from_slice(body).ok()?;
    Some(GraphError {
        code: error.code,
        subcode: error.error_subcode,
        http_status,
        title: error.title(),
        details: error.details(),
        fbtrace_id: error.fbtrace_id.as_deref().map(short),
        transient: error.is_transient,
    })
}

fn short(text: &str) -> String {
    text.chars().take(TEXT_CAP).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_read() {
        let body = br##"{"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130429,
            "error_subcode":2494055,"is_transient":true,
            "error_data":{"messaging_product":"whatsapp","details":"Throughput reached."},"fbtrace_id":"Abc"}}"##;

        let error = parse_error(429, body).unwrap();

        assert_eq!(error.code, 130_429);
        assert_eq!(error.subcode, Some(2_494_055));
        assert_eq!(error.http_status, 429);
        assert_eq!(error.title, "Rate limit hit");
        assert_eq!(error.details.as_deref(), Some("Throughput reached."));
        assert_eq!(error.fbtrace_id.as_deref(), Some("Abc"));
        assert!(error.transient);
    }

    #[test]
    fn a_code_is_enough_whatever_the_rest_is() {
        for body in [
            r#"{"error":{"code":190}}"#,
            r#"{"error":{"code":"190"}}"#,
            r#"{"error":{"code":190,"message":7,"error_data":"text","error_subcode":"x","is_transient":null,"fbtrace_id":[]}}"#,
        ] {
            let error = parse_error(401, body.as_bytes()).expect(body);
            assert_eq!((error.code, error.subcode, error.details), (190, None, None));
        }
    }

    #[test]
    fn without_a_code_it_is_no_error_of_metas() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"error":null}"#,
            r#"{"error":"no"}"#,
            r#"{"error":{"message":"no"}}"#,
        ] {
            assert_eq!(parse_error(400, body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let body = format!(r#"{{"error":{{"code":1,"message":"{}"}}}}"#, "é".repeat(1000));
        assert_eq!(
            parse_error(400, body.as_bytes()).unwrap().title.chars().count(),
            TEXT_CAP
        );
    }
}
