//! `turnpike asyncapi`

use anyhow::Result;
use broker::Topology;
use clap::Args;
use domain::event::KINDS;
use serde_json::{Map, Value, json};

use crate::exit::Exit;
use crate::output;

/// Print what may be published and heard on the broker, as AsyncAPI
///
/// Made from the code that reads and writes these messages; the schemas are those of the OpenAPI document that ingest serves at
/// /openapi.json. For generators of clients and documentation.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Example:
  turnpike asyncapi > turnpike.asyncapi.json

Needs nothing: no server, no variable."
)]
pub(crate) struct Options {
    /// First word of every exchange, as in `TURNPIKE_AMQP_PREFIX`
    #[arg(long, value_name = "WORD", default_value = "turnpike")]
    prefix: String,
}

pub(crate) fn run(options: &Options) -> Result<Exit> {
    let document = document(&Topology::new(&options.prefix));
    output::data(serde_json::to_string_pretty(&document)?);
    Ok(Exit::Done)
}

fn document(topology: &Topology) -> Value {
    let schemas = ingest::http::document()["components"]["schemas"].clone();
    let exchange = |name: &str, kind: &str| json!({"amqp": {"is": "routingKey", "exchange": {"name": name, "type": kind, "durable": true, "autoDelete": false}}});
    let events: Map<String, Value> = KINDS
        .iter()
        .map(|kind| (kind.name.to_owned(), reference("messages", kind.name)))
        .collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {"title": "Turnpike", "version": env!("CARGO_PKG_VERSION"), "license": {"name": "MIT"},
            "description": "Messages taken in over AMQP, and events told there. RabbitMQ, AMQP 0-9-1."},
        "defaultContentType": "application/json",
        "channels": {
            "intake": {
                "address": topology.exchanges.intake,
                "description": "Publish with the routing key `message` or `broadcast`. `message_id` is the idempotency key. The organization comes \
                    from the `user_id` property, which RabbitMQ checks against the login, or from an `x-api-key` header. With `reply_to` and \
                    `correlation_id` you get the answer.",
                "messages": {"message": reference("messages", "message"), "broadcast": reference("messages", "broadcast")},
                "bindings": exchange(&topology.exchanges.intake, "direct"),
            },
            "replies": {
                "address": null,
                "description": "The queue that `reply_to` names.",
                "messages": {"reply": reference("messages", "reply")},
            },
            "events": {
                "address": topology.exchanges.events,
                "description": "Bind a queue with `<organization>.<type>`, where `*` and `#` are wildcards. At least once, in order, numbered without \
                    gaps per organization.",
                "messages": events,
                "bindings": exchange(&topology.exchanges.events, "topic"),
            },
        },
        "operations": {
            "submit": {"action": "receive", "channel": {"$ref": "#/channels/intake"}, "summary": "Hand a message or a broadcast in",
                "reply": {"address": {"location": "$message.header#/replyTo"}, "channel": {"$ref": "#/channels/replies"}}},
            "tell": {"action": "send", "channel": {"$ref": "#/channels/events"}, "summary": "Tell what changed"},
        },
        "components": {"schemas": schemas, "messages": messages()},
    })
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn messages() -> Map<String, Value> {
    let headers = json!({"type": "object", "properties": {
        "x-api-key": {"type": "string", "description": "Instead of the `user_id` property."},
        "traceparent": {"type": "string", "description": "The trace that it belongs to (W3C Trace Context)."}}});
    let submission = |name: &str, schema: &str| {
        let message = json!({"name": name, "contentType": "application/json", "headers": headers, "payload": reference("schemas", schema)});
        (name.to_owned(), message)
    };
    let reply = json!({"name": "reply", "contentType": "application/json", "payload": {"type": "object", "required": ["status"],
        "description": "The status and the body of the HTTP answer to the same request."}});
    let mut messages: Map<String, Value> = [
        submission("message", "NewMessage"),
        submission("broadcast", "NewBroadcast"),
        ("reply".to_owned(), reply),
    ]
    .into_iter()
    .collect();
    for kind in KINDS {
        let data: Map<String, Value> = kind
            .fields
            .iter()
            .map(|field| ((*field).to_owned(), json!(true)))
            .collect();
        let payload = json!({"allOf": [reference("schemas", "Event"), {"type": "object", "properties": {
            "type": {"const": kind.name}, "data": {"type": "object", "required": kind.fields, "properties": data}}}]});
        let message =
            json!({"name": kind.name, "summary": kind.when, "contentType": "application/json", "payload": payload});
        messages.insert(kind.name.to_owned(), message);
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` below a value.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn everything_that_is_referred_to_is_there() {
        let document = document(&Topology::new("turnpike"));
        let mut found = Vec::new();
        references(&document, &mut found);

        assert!(found.len() > KINDS.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn exchanges_and_kinds_are_those_of_the_code() {
        let topology = Topology::new("acme");
        let document = document(&topology);

        assert_eq!(document["channels"]["intake"]["address"], topology.exchanges.intake);
        assert_eq!(document["channels"]["events"]["address"], topology.exchanges.events);
        let told = document["channels"]["events"]["messages"].as_object().unwrap();
        assert_eq!(told.len(), KINDS.len());
        let failed = &document["components"]["messages"]["message.failed"]["payload"]["allOf"][1]["properties"]["data"]
            ["required"];
        assert_eq!(failed, &json!(["message_id", "status", "reason", "broadcast_id"]));
    }
}
