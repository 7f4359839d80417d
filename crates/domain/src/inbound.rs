//! What a person sent us, as it is shown to customers: Meta's element without its envelope, and beside it what one would look for.

use serde_json::{Map, Value, json};

/// Every type that Meta documents for messages of people, in its order.
pub const KINDS: &[&str] = &[
    "text",
    "image",
    "video",
    "document",
    "audio",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "button",
    "interactive",
    "order",
    "system",
    "unsupported",
    "edit",
    "revoke",
];

/// Who and when, which stand elsewhere.
const ENVELOPE: &[&str] = &[
    "id",
    "from",
    "from_user_id",
    "from_parent_user_id",
    "timestamp",
    "type",
    "context",
];

/// The public form of an element of `messages` as Meta wrote it:
///
/// * `type`, and under its name the object as Meta wrote it; so are `referral`, `errors` and whatever else stands there;
/// * `text`: the words, whichever kind they came in: a text, a caption, the label that was tapped;
/// * `reply`: `{"id", "title", "response"}` of a button, a row of a list, a flow or a question; `response` is what a flow was filled in
///   with, read from the text that Meta wraps it in;
/// * `context`: `{"message_id", "forwarded", "product"}`.
///
/// What is not there is null.
pub fn said(element: &Value) -> Value {
    let kind = element["type"].as_str().unwrap_or("unsupported");
    let fields = element.as_object().into_iter().flatten();
    let mut said: Map<String, Value> = fields
        .filter(|(name, _)| !ENVELOPE.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // Of a text the object holds nothing but the words.
    if kind == "text" {
        said.remove("text");
    }
    said.insert("type".to_owned(), kind.into());
    said.insert("text".to_owned(), words(element));
    said.insert("reply".to_owned(), reply(element));
    said.insert("context".to_owned(), context(&element["context"]));
    said.into()
}

fn words(element: &Value) -> Value {
    let kind = element["type"].as_str().unwrap_or_default();
    let object = &element[kind];
    let interactive = &object[object["type"].as_str().unwrap_or_default()];
    let candidates = match kind {
        "text" => [&object["body"], &Value::Null],
        "button" => [&object["text"], &object["payload"]],
        "interactive" => [&interactive["title"], &interactive["body"]],
        "order" => [&object["text"], &Value::Null],
        "system" => [&object["body"], &Value::Null],
        "edit" => [&object["message"]["text"]["body"], &Value::Null],
        _ => [&object["caption"], &Value::Null],
    };
    candidates
        .into_iter()
        .find(|value| value.is_string())
        .cloned()
        .unwrap_or_default()
}

fn reply(element: &Value) -> Value {
    let kind = element["type"].as_str().unwrap_or_default();
    let object = &element[kind];
    match kind {
        "button" => json!({"id": object["payload"], "title": object["text"], "response": null}),
        "interactive" => {
            let answer = &object[object["type"].as_str().unwrap_or_default()];
            let wrapped = answer["response_json"].as_str();
            let response = match wrapped.map(serde_json::from_str::<Value>) {
                Some(Ok(filled_in)) => filled_in,
                // Not a flow, or one whose text is no JSON: that stands in the object still.
                Some(Err(_)) | None => answer["response"].clone(),
            };
            let id = match answer.get("id") {
                Some(id) => id,
                None => &answer["name"],
            };
            let title = match answer.get("title") {
                Some(title) => title,
                None => &answer["body"],
            };
            json!({"id": id, "title": title, "response": response})
        }
        _ => Value::Null,
    }
}

fn context(context: &Value) -> Value {
    if !context.is_object() {
        return Value::Null;
    }
    let flag = |name: &str| context[name].as_bool().unwrap_or(false);
    json!({
        "message_id": context["id"],
        "forwarded": flag("forwarded") || flag("frequently_forwarded"),
        "frequently_forwarded": flag("frequently_forwarded"),
        "product": context["referred_product"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_whatever_they_came_in() {
        for (element, words) in [
            (json!({"type": "text", "text": {"body": "Hi"}}), json!("Hi")),
            (
                json!({"type": "image", "image": {"id": "1", "caption": "Look"}}),
                json!("Look"),
            ),
            (json!({"type": "image", "image": {"id": "1"}}), json!(null)),
            (
                json!({"type": "button", "button": {"payload": "yes-17", "text": "Yes"}}),
                json!("Yes"),
            ),
            (
                json!({"type": "interactive", "interactive": {"type": "list_reply", "list_reply": {"id": "r1", "title": "First"}}}),
                json!("First"),
            ),
            (json!({"type": "hologram", "hologram": 7}), json!(null)),
            (json!({}), json!(null)),
            (json!("no object"), json!(null)),
        ] {
            assert_eq!(said(&element)["text"], words, "{element}");
        }
    }

    #[test]
    fn a_flows_answer_is_unwrapped() {
        let element = json!({"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {
            "name": "flow", "body": "Sent", "response_json": "{\"flow_token\":\"t\",\"size\":\"L\"}"}}});

        let reply = &said(&element)["reply"];

        assert_eq!(reply["response"], json!({"flow_token": "t", "size": "L"}));
        assert_eq!(reply["title"], "Sent");
    }
}
