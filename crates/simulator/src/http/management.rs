//! What an account is managed with: templates come, are reviewed, change and go; numbers are registered.
//!
//! A new template is `PENDING`; after [`crate::Config::review_ms`] it is `APPROVED`, or `REJECTED` when its name says so, and a webhook tells.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Shared, graph};
use crate::config::Template;
use crate::graph_error::GraphError;
use crate::state::State;
use crate::webhook::update::{Scheduled, Update};

/// A body of a management call is small.
const BODY_MOST: usize = 1024 * 1024;

/// A template whose name contains this is rejected.
const REJECTED: &str = "rejected";

type Answered = Result<Value, GraphError>;

/// Reads a call's body (none is an empty object), asks, and answers.
pub(super) async fn call(shared: &Shared, request: Request, ask: impl FnOnce(&Shared, &Value) -> Answered) -> Response {
    let (parts, body) = request.into_parts();
    if !shared.state.config().accepts_token(graph::bearer(&parts.headers)) {
        return graph::error(&GraphError::invalid_token());
    }
    let body = to_bytes(body, BODY_MOST).await.unwrap_or_default();
    let mut body = match serde_json::from_slice::<Value>(&body) {
        Ok(body) if body.is_object() => body,
        _ if body.is_empty() => json!({}),
        _ => return graph::error(&GraphError::invalid("The request body is not a JSON object.")),
    };
    // Meta takes parameters in the query too.
    for (name, value) in parts.uri.query().map(pairs).unwrap_or_default() {
        if body.get(&name).is_none() {
            body[name] = value.into();
        }
    }
    match ask(shared, &body) {
        Ok(answer) => graph::json(StatusCode::OK, &answer),
        Err(refused) => graph::error(&refused),
    }
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://simulator/?{query}"));
    url.map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

/// `POST /{waba_id}/message_templates`
pub(super) fn create_template(shared: &Shared, waba_id: &str, body: &Value) -> Answered {
    let text = |field: &str| body[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let name = text("name").ok_or_else(|| GraphError::missing("name"))?;
    let language = text("language").ok_or_else(|| GraphError::missing("language"))?;
    let category = text("category").ok_or_else(|| GraphError::missing("category"))?;
    if !matches!(category.as_str(), "MARKETING" | "UTILITY" | "AUTHENTICATION") {
        return Err(GraphError::invalid(
            "Param category must be one of {MARKETING, UTILITY, AUTHENTICATION}",
        ));
    }
    if body["components"].as_array().is_none_or(Vec::is_empty) {
        return Err(GraphError::missing("components"));
    }
    let template = Template {
        status: "PENDING".into(),
        category: category.clone(),
        waba_id: Some(waba_id.to_owned()),
        body: None,
        components: Some(body["components"].clone()),
        ..Template::new(name.clone(), language.clone(), "")
    };
    let mut referee = shared.state.referee();
    if !referee.all_numbers().any(|number| number.waba_id == waba_id) {
        return Err(GraphError::unknown_object("post", waba_id));
    }
    let mut config = crate::Config::clone(referee.config());
    let same = |known: &Template| known.name == name && known.language == language && known.belongs_to(waba_id);
    if config.templates.iter().any(same) {
        return Err(GraphError::invalid("Content in this language already exists."));
    }
    let id = Template::id_of(config.templates.len());
    config.templates.push(template);
    let review = Duration::from_millis(config.review_ms);
    referee.configure(config);
    drop(referee);
    let decision = if name.contains(REJECTED) {
        "REJECTED"
    } else {
        "APPROVED"
    };
    review_later(Arc::clone(&shared.state), id.clone(), decision, review);
    Ok(json!({ "id": id, "status": "PENDING", "category": category }))
}

/// `POST /{template_id}`: its components, and back to review.
pub(super) fn edit_template(shared: &Shared, id: &str, body: &Value) -> Answered {
    let review = change(&shared.state, id, |template| {
        if !matches!(template.status.as_str(), "APPROVED" | "REJECTED" | "PAUSED") {
            return Err(GraphError::invalid("The template cannot be edited in its state."));
        }
        if let Some(components) = body.get("components") {
            template.components = Some(components.clone());
            template.body = None;
        }
        if let Some(category) = body["category"].as_str() {
            category.clone_into(&mut template.category);
        }
        template.status = "PENDING".into();
        Ok(())
    })?;
    review_later(Arc::clone(&shared.state), id.to_owned(), "APPROVED", review);
    Ok(json!({ "success": true }))
}

/// `DELETE /{waba_id}/message_templates?name=` and `&hsm_id=`
pub(super) fn delete_template(shared: &Shared, waba_id: &str, query: &Value) -> Answered {
    let name = query["name"].as_str().ok_or_else(|| GraphError::missing("name"))?;
    let mut referee = shared.state.referee();
    let mut config = crate::Config::clone(referee.config());
    let mut found = false;
    for (place, template) in config.templates.iter_mut().enumerate() {
        let is_it = query["hsm_id"].as_str().is_none_or(|id| id == Template::id_of(place));
        if template.name == name && is_it && template.belongs_to(waba_id) && template.status != "DELETED" {
            // Places are ids, so it stays in the list.
            template.status = "DELETED".into();
            found = true;
        }
    }
    if !found {
        return Err(GraphError::unknown_object("delete", name));
    }
    referee.configure(config);
    Ok(json!({ "success": true }))
}

/// What can be done to a number that sends already.
pub(super) fn manage_number(shared: &Shared, id: &str, action: &str, body: &Value) -> Answered {
    let mut referee = shared.state.referee();
    if !referee.all_numbers().any(|number| number.phone_number_id == id) {
        return Err(GraphError::unknown_object("post", id));
    }
    let status = match action {
        "register" => {
            pin(body)?;
            Some("CONNECTED")
        }
        "deregister" => Some("DISCONNECTED"),
        "request_code" => match body["code_method"].as_str() {
            Some("SMS" | "VOICE") => None,
            _ => return Err(GraphError::invalid("Param code_method must be one of {SMS, VOICE}")),
        },
        "verify_code" => match body["code"].as_str() {
            Some(code) if code.len() == 6 => None,
            _ => return Err(GraphError::missing("code")),
        },
        _ => {
            pin(body)?;
            None
        }
    };
    if let Some(status) = status {
        let mut config = crate::Config::clone(referee.config());
        let numbers = config.numbers.iter_mut().filter(|number| number.phone_number_id == id);
        numbers.for_each(|number| status.clone_into(&mut number.status));
        referee.configure(config);
    }
    Ok(json!({ "success": true }))
}

fn pin(body: &Value) -> Result<(), GraphError> {
    let six = |pin: &str| pin.len() == 6 && pin.bytes().all(|digit| digit.is_ascii_digit());
    match body["pin"].as_str() {
        Some(pin) if six(pin) => Ok(()),
        _ => Err(GraphError::of(133_005)),
    }
}

/// Changes a template by its id; how long a review takes.
fn change(
    state: &State,
    id: &str,
    change: impl FnOnce(&mut Template) -> Result<(), GraphError>,
) -> Result<Duration, GraphError> {
    let mut referee = state.referee();
    let mut config = crate::Config::clone(referee.config());
    let place = (0..config.templates.len()).find(|place| Template::id_of(*place) == id);
    let template = place.and_then(|place| config.templates.get_mut(place));
    change(template.ok_or_else(|| GraphError::unknown_object("post", id))?)?;
    let review = Duration::from_millis(config.review_ms);
    referee.configure(config);
    Ok(review)
}

fn review_later(state: Arc<State>, id: String, decision: &'static str, after: Duration) {
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        // A template that was deleted meanwhile is not reviewed.
        let _ = tell_template(&state, &id, decision);
    });
}

/// Sets the status of a template, and tells by webhook.
pub(crate) fn tell_template(state: &State, id: &str, event: &str) -> Result<(), GraphError> {
    let mut told = None;
    change(state, id, |template| {
        let status = match event {
            "REINSTATED" | "UNARCHIVED" => "APPROVED",
            other => other,
        };
        if event != "FLAGGED" {
            template.status = status.into();
        }
        told = Some(json!({
            "event": event,
            "message_template_id": id.parse::<u64>().unwrap_or_default(),
            "message_template_name": template.name,
            "message_template_language": template.language,
            "message_template_category": template.category,
            "reason": "NONE",
        }));
        Ok(())
    })?;
    let waba_id = template_owner(state, id);
    tell(
        state,
        &waba_id,
        "message_template_status_update",
        told.unwrap_or_default(),
    );
    Ok(())
}

/// The WABA of a template; that of the first number for one that is everybody's.
fn template_owner(state: &State, id: &str) -> String {
    let referee = state.referee();
    let templates = &referee.config().templates;
    let place = (0..templates.len()).find(|place| Template::id_of(*place) == id);
    let owner = place.and_then(|place| templates[place].waba_id.clone());
    let any = || referee.config().numbers.first().map(|number| number.waba_id.clone());
    owner.or_else(any).unwrap_or_default()
}

/// Tells something about an account by webhook.
pub(crate) fn tell(state: &State, waba_id: &str, field: &str, value: Value) {
    let now_ns = state.clock.now_ns();
    if state.config().webhook_url.is_none() {
        return;
    }
    state.deliver(vec![Scheduled {
        due_ns: now_ns,
        update: Update::Account {
            waba_id: waba_id.into(),
            field: field.into(),
            at: state.clock.wall_ms(now_ns) / 1_000,
            value: Arc::new(value),
        },
        bad_signature: false,
        tried: None,
    }]);
    state.note_change();
}
