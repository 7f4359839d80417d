//! What has a name: schemas that several operations use, headers, and how callers say who they are.

use serde_json::{Value, json};

use super::schema::{boolean, integer, nullable, object, object_with, string, timestamp};
use super::{balance, broadcasts, campaigns, events, keys, limits, media, messages, story, suppressions};

/// `components` of the document.
pub(super) fn all() -> Value {
    let schemas = [
        ("Meta", meta()),
        ("MetaOfPage", meta_of_page()),
        ("ErrorDetails", error_details()),
        ("NewMessage", messages::new()),
        ("TakenMessage", messages::taken()),
        ("Message", messages::message()),
        ("InboundMessage", messages::inbound()),
        ("Attempt", messages::attempt()),
        ("MessageError", messages::error()),
        ("Why", messages::why()),
        ("Fallback", messages::fallback()),
        ("NewBroadcast", broadcasts::new()),
        ("TemplateParams", broadcasts::template_params()),
        ("BroadcastResults", broadcasts::results()),
        ("Broadcast", broadcasts::broadcast()),
        ("StoppedBroadcast", broadcasts::stopped()),
        ("NewCampaign", campaigns::new()),
        ("Campaign", campaigns::campaign()),
        ("CampaignRecipient", campaigns::recipient()),
        ("StoppedCampaign", campaigns::stopped()),
        ("CountedReason", campaigns::counted_reason()),
        ("Story", story::story()),
        ("Limits", limits::limits()),
        ("NewKey", keys::new()),
        ("Key", keys::key()),
        ("MadeKey", keys::made()),
        ("Balance", balance::balance()),
        ("Suppression", suppressions::suppression()),
        ("Event", events::event()),
        ("NewWebhookEndpoint", events::new_endpoint()),
        ("WebhookEndpointChange", events::endpoint_change()),
        ("WebhookEndpoint", events::endpoint()),
        ("WebhookEndpointWithSecret", events::endpoint_with_secret()),
        ("WebhookDelivery", events::delivery()),
        ("Media", media::media()),
        ("Template", crate::http::templates::schema()),
    ];
    let schemas: serde_json::Map<String, Value> = schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect();
    json!({
        "schemas": schemas,
        "headers": {
            "X-Request-Id": header("Names this exchange, in our logs too.", string()),
            "X-RateLimit-Limit": header("Requests per minute that this key may make.", integer()),
            "X-RateLimit-Remaining": header("Requests left right now.", integer()),
            "X-RateLimit-Reset": header("Seconds until all of them are there again.", integer()),
            "Retry-After": header("Seconds after which the same request may do better.", integer()),
            "Idempotency-Replayed": header("`true`: this answer was given to the same key before.", string()),
            "Preference-Applied": header("The wait that was granted.", string()),
            "WWW-Authenticate": header("`Bearer`.", string()),
        },
        "securitySchemes": {
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`tp_…`, as `turnpike apply` printed it once."},
            "bearer": {"type": "http", "scheme": "bearer"},
        },
    })
}

fn header(about: &str, schema: Value) -> Value {
    json!({"description": about, "schema": schema})
}

fn meta() -> Value {
    object(&[("request_id", string()), ("timestamp", timestamp())])
}

fn meta_of_page() -> Value {
    let pagination = object(&[("cursor", nullable(string())), ("has_more", boolean())]);
    object(&[
        ("request_id", string()),
        ("timestamp", timestamp()),
        ("pagination", pagination),
    ])
}

/// Whatever a no was decided on; these are its most common fields.
fn error_details() -> Value {
    let mut details = object_with(
        &[],
        &[
            (
                "field",
                json!({"type": "string", "description": "Path of the field that is wrong, as in recipients[3].to."}),
            ),
            ("value", json!({"description": "What was given, short."})),
            (
                "expected",
                json!({"type": ["string", "null"], "description": "What would have been right."}),
            ),
            (
                "reason",
                json!({"type": "string", "description": "A stable reason code, where a gate said no."}),
            ),
            (
                "message_id",
                json!({"type": "string", "description": "The failed row that was kept."}),
            ),
            (
                "errors",
                json!({"type": "array", "description": "Everything that is wrong, when it is more than one thing."}),
            ),
            ("error_count", integer()),
        ],
    );
    details["additionalProperties"] = json!(true);
    details
}
