//! Whether the address that a message brings along may be called, as far as it can be told without asking anybody.

use domain::content::FieldError;
use domain::destination::{Destination, Policy};
use serde_json::Value;

use super::Submission;
use crate::problem::{Code, Problem};
use crate::request::Request;

/// Goes on only with an address that may be called, or none. Where its name points to is judged at every call.
pub(super) fn check(submission: &Submission, policy: &Policy) -> Result<(), Problem> {
    let url = match &submission.request {
        Request::Message(message) => message.webhook_url.as_ref(),
        Request::Broadcast(broadcast) => broadcast.webhook_url.as_ref(),
    };
    let Some(url) = url else { return Ok(()) };
    Destination::parse(url, policy).map(drop).map_err(|why| {
        let expected = format!("an address that may be called: {why}");
        Problem::field(
            Code::ValidationError,
            FieldError::new("webhook_url", &Value::from(url.as_str()), expected),
        )
    })
}
