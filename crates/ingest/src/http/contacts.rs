//! What an organization knows of a person better than the number tells: `PUT /api/v1/contacts/{phone}`.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use domain::content::FieldError;
use domain::zone::{self, Zones};
use serde_json::{Value, json};

use super::{Api, body, read};
use crate::answer::Answer;
use crate::credentials::{Caller, Scope};
use crate::openapi::schema::{data, list, nullable, object, phone as phone_schema, request, string};
use crate::openapi::{Operation, Routes};
use crate::problem::{Code, Problem};
use crate::request::recipient_of_query;

pub(super) fn routes() -> Routes<Api> {
    let body = request(&[("zone", nullable(string()))], &[]);
    let shown = object(&[
        ("phone", phone_schema()),
        ("zone", nullable(string())),
        ("zones", list(&string())),
    ]);
    Routes::new().on(
        Operation::put(
            "/api/v1/contacts/{phone}",
            "putContact",
            "Say where a person lives, for quiet hours",
        )
        .tag("Contacts")
        .scope(Scope::Write)
        .path_parameter("phone", phone_schema(), "The person; the plus as %2B.")
        .json(body)
        .no(Code::InvalidPhoneNumber)
        .answer(200, "What is kept, and the zones that count.", data(shown)),
        put,
    )
}

/// `{"zone": "Europe/Berlin"}` keeps where the person lives, for quiet hours; `null` goes back to what the number says.
pub(super) async fn put(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    phone: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, Problem> {
    caller.require(Scope::Write)?;
    let phone = phone.map(|Path(text)| text).unwrap_or_default();
    let phone =
        recipient_of_query("phone", Some(&phone)).map_err(|wrong| Problem::field(Code::InvalidPhoneNumber, wrong))?;
    let fields = body::object(&headers, body).await?;
    body::known(&fields, &["zone"])?;
    let told = told_zone(fields.get("zone"))?;
    let kept = api.0.store.set_zone(caller.organization, &phone, told.as_deref()).await;
    kept.map_err(|error| read::failed(&error))?;
    let zones = Zones::of(&phone, told.as_deref());
    let zones: Vec<&str> = zones.all().iter().map(|zone| zone.name()).collect();
    Ok(Answer::data(200, json!({"phone": phone, "zone": told, "zones": zones})))
}

/// The name of a zone that the calendar knows, or an explicit null.
fn told_zone(value: Option<&Value>) -> Result<Option<String>, Problem> {
    let wrong = |value: &Value| {
        let expected = "the IANA name of a time zone, as in Europe/Berlin, or null";
        Problem::field(Code::ValidationError, FieldError::new("zone", value, expected))
    };
    match value {
        Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(zone::parse) {
            Some(zone) => Ok(Some(zone.name().to_owned())),
            None => Err(wrong(value)),
        },
        None => Err(wrong(&Value::Null)),
    }
}
