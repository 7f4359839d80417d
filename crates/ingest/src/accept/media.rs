//! Files at the door: one that is named must be there and be of the kind that the place takes; an address must be one that may be
//! called. Meta would answer 131053 otherwise, some time after the message was taken in.

use chrono::TimeDelta;
use domain::OrganizationId;
use domain::content::FieldError;
use domain::destination::{Destination, Policy};
use domain::media::{Format, Kind, Place, Target, places};
use serde_json::Value;
use store::intake::Questions;

use super::plan::Known;
use super::submission::Submission;
use crate::problem::{Code, Problem};
use crate::request::Request;

/// Every value of a submission in which files may be named, with the path it stands at.
fn values(submission: &Submission) -> Vec<(String, &Value)> {
    match &submission.request {
        // Checked as it will be sent, because that is where the files must be.
        Request::Message(_) => Vec::new(),
        Request::Broadcast(broadcast) => {
            let shared = broadcast
                .template_params
                .as_ref()
                .map(|params| ("template_params".to_owned(), params));
            let rows = broadcast.recipients.iter().enumerate();
            let own = rows.filter_map(|(index, row)| {
                let params = row.template_params.as_ref()?;
                Some((format!("recipients[{index}].template_params"), params))
            });
            shared.into_iter().chain(own).collect()
        }
    }
}

/// The content of a single message; a broadcast has none before its template is known.
fn content(submission: &Submission) -> Option<Value> {
    match &submission.request {
        Request::Message(message) => Some(message.content.to_json(None)),
        Request::Broadcast(_) => None,
    }
}

/// Asks for the files that a submission names.
pub(super) fn ask(questions: &mut Questions, submission: &Submission) {
    let expires_at = match &submission.request {
        Request::Message(message) => message.times.expires_at,
        Request::Broadcast(broadcast) => broadcast.times.expires_at,
    };
    let mut of = |value: &Value| {
        questions
            .media
            .extend(places(value).iter().filter_map(|place| match place.target {
                Target::Ours(id) => Some((submission.organization, id, expires_at + TimeDelta::days(1))),
                Target::Id(_) | Target::Link(_) => None,
            }));
    };
    if let Some(content) = content(submission) {
        of(&content);
    }
    values(submission).into_iter().for_each(|(_, value)| of(value));
}

/// Whether every file that a submission names will do.
///
/// # Errors
/// With the first place that will not.
pub(super) fn check(submission: &Submission, known: &Known<'_>) -> Result<(), Problem> {
    if let Some(content) = content(submission) {
        all(&content, "", submission.organization, known)?;
    }
    for (path, value) in values(submission) {
        all(value, &path, submission.organization, known)?;
    }
    Ok(())
}

fn all(value: &Value, path: &str, organization: OrganizationId, known: &Known<'_>) -> Result<(), Problem> {
    for place in places(value) {
        one(&place, organization, known).map_err(|mut wrong| {
            let separator = if path.is_empty() || wrong.field.starts_with('[') {
                ""
            } else {
                "."
            };
            wrong.field = format!("{path}{separator}{}", wrong.field);
            Problem::field(Code::ValidationError, wrong)
        })?;
    }
    Ok(())
}

fn one(place: &Place<'_>, organization: OrganizationId, known: &Known<'_>) -> Result<(), FieldError> {
    match place.target {
        Target::Ours(id) => {
            let wrong = |expected: String| {
                Err(FieldError::new(
                    format!("{}.id", place.field),
                    &Value::from(id.to_string()),
                    expected,
                ))
            };
            match known.facts.media(organization, id).map(Format::of_mime) {
                None => wrong("the media_id of a file that was uploaded with POST /api/v1/media".to_owned()),
                Some(Some(format)) if !fits(format, place.kind) => {
                    let (is, wanted) = (format.kind().as_str(), place.kind.as_str());
                    wrong(format!(
                        "a file of type {wanted}, and this one is of type {is} ({})",
                        format.mime()
                    ))
                }
                Some(_) => Ok(()),
            }
        }
        Target::Link(link) => link_may_be_called(link, known.links)
            .map_err(|why| FieldError::new(format!("{}.link", place.field), &Value::from(link), why)),
        Target::Id(_) => Ok(()),
    }
}

/// A picture can be sent as a sticker only in WebP, and everything else only as what it is.
fn fits(format: Format, wanted: Kind) -> bool {
    format.kind() == wanted
}

/// Meta fetches it, not we; but it shall not be made to call what we would not, and an inner address is a mistake in any case. Meta
/// takes http too.
fn link_may_be_called(link: &str, policy: &Policy) -> Result<(), String> {
    let policy = Policy {
        plain_http: true,
        any_port: true,
        ..policy.clone()
    };
    let judged = Destination::parse(link, &policy);
    judged
        .map(drop)
        .map_err(|refused| format!("a public https:// or http:// address: {refused}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_go_to_the_public_internet() {
        let allowed = |link| link_may_be_called(link, &Policy::default()).is_ok();

        assert!(allowed("https://example.com/a.png") && allowed("http://example.com:8080/a.png"));
        for link in [
            "http://127.0.0.1/a.png",
            "http://169.254.169.254/latest/meta-data",
            "https://user:pw@example.com/a.png",
            "https://localhost/a.png",
            "file:///etc/passwd",
            "a.png",
        ] {
            assert!(!allowed(link), "{link}");
        }
    }
}
