//! Whether the components of a message fill those that Meta approved, apart from the body's texts: header, buttons, offer, cards.

use serde_json::Value;

use crate::graph_error::GraphError;

/// Checks the components given against those stored.
///
/// # Errors
/// 132012 for a parameter of another kind than approved, 132018 for one that is missing or was never asked for, 132005 for a code that is
/// too long.
pub(super) fn check(given: &[Value], stored: &Value) -> Result<(), GraphError> {
    header(given, stored)?;
    buttons(given, stored)?;
    let cards = |value: Option<&Value>| value.and_then(|part| part["cards"].as_array()).cloned();
    let approved = cards(part(stored.as_array(), "carousel")).unwrap_or_default();
    let filled = cards(given.iter().find(|component| is(component, "carousel"))).unwrap_or_default();
    if approved.len() != filled.len() {
        return Err(wrong(format!(
            "carousel: {} cards, {} approved",
            filled.len(),
            approved.len()
        )));
    }
    for (filled, approved) in filled.iter().zip(&approved) {
        let parts = filled["components"].as_array().map(Vec::as_slice).unwrap_or_default();
        header(parts, &approved["components"])?;
        buttons(parts, &approved["components"])?;
        let places = text_of(&approved["components"], "body").matches("{{").count();
        let texts = parts.iter().filter(|component| is(component, "body"));
        let texts = texts.map(|component| component["parameters"].as_array().map_or(0, Vec::len));
        let texts: usize = texts.sum();
        if texts != places {
            return Err(
                GraphError::of(132_000).with_details(format!("card body: {texts} parameters, {places} approved"))
            );
        }
    }
    Ok(())
}

fn is(component: &Value, kind: &str) -> bool {
    component["type"]
        .as_str()
        .is_some_and(|word| word.eq_ignore_ascii_case(kind))
}

fn part<'a>(list: Option<&'a Vec<Value>>, kind: &str) -> Option<&'a Value> {
    list.into_iter().flatten().find(|component| is(component, kind))
}

fn text_of(stored: &Value, kind: &str) -> String {
    let part = part(stored.as_array(), kind);
    part.and_then(|part| part["text"].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn wrong(details: impl Into<String>) -> GraphError {
    GraphError::of(132_018).with_details(details)
}

fn header(given: &[Value], stored: &Value) -> Result<(), GraphError> {
    let given = given.iter().find(|component| is(component, "header"));
    let kinds: Vec<String> = given
        .and_then(|component| component["parameters"].as_array())
        .into_iter()
        .flatten()
        .map(|parameter| parameter["type"].as_str().unwrap_or_default().to_ascii_lowercase())
        .collect();
    let format = part(stored.as_array(), "header").map(|part| part["format"].as_str().unwrap_or("TEXT"));
    let asked: Vec<String> = match format.map(str::to_ascii_lowercase).as_deref() {
        None => Vec::new(),
        Some("text") => vec!["text".to_owned(); text_of(stored, "header").matches("{{").count()],
        Some("gif") => vec!["video".to_owned()],
        Some(other) => vec![other.to_owned()],
    };
    match kinds == asked {
        true => Ok(()),
        false => Err(GraphError::of(132_012).with_details(format!("header: {kinds:?} given, {asked:?} approved"))),
    }
}

fn buttons(given: &[Value], stored: &Value) -> Result<(), GraphError> {
    let list = part(stored.as_array(), "buttons").and_then(|part| part["buttons"].as_array());
    let approved: Vec<(String, bool)> = list
        .into_iter()
        .flatten()
        .map(|button| {
            let kind = button["type"].as_str().unwrap_or_default().to_ascii_lowercase();
            let needed = match kind.as_str() {
                "url" => button["url"].as_str().is_some_and(|url| url.contains("{{")),
                "otp" | "copy_code" | "mpm" | "order_details" => true,
                _ => false,
            };
            (kind, needed)
        })
        .collect();
    let mut filled = vec![false; approved.len()];
    for button in given.iter().filter(|component| is(component, "button")) {
        let index = &button["index"];
        let index = index.as_u64().or_else(|| index.as_str()?.parse().ok());
        let place = index
            .and_then(|index| usize::try_from(index).ok())
            .unwrap_or(usize::MAX);
        let sub_type = button["sub_type"].as_str().unwrap_or_default().to_ascii_lowercase();
        let fits = approved.get(place).is_some_and(|(kind, needed)| match kind.as_str() {
            "url" => sub_type == "url" && *needed,
            "otp" => sub_type == "url",
            other => sub_type == other,
        });
        if !fits {
            return Err(wrong(format!(
                "buttons[{place}]: no {sub_type} button that takes a parameter"
            )));
        }
        filled[place] = true;
        let code = button["parameters"][0]["text"].as_str().unwrap_or_default();
        if approved[place].0 == "otp" && code.chars().count() > 15 {
            return Err(GraphError::of(132_005).with_details("The code is longer than 15 characters."));
        }
    }
    let missing = approved
        .iter()
        .zip(&filled)
        .position(|((_, needed), filled)| *needed && !filled);
    match missing {
        None => Ok(()),
        Some(place) => Err(GraphError::missing(&format!("buttons[{place}]"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn is_code(given: &Value, stored: &Value, expected: Result<(), i64>) {
        let given = given.as_array().unwrap();
        assert_eq!(check(given, stored).map_err(|error| error.code), expected, "{given:?}");
    }

    #[test]
    fn headers_and_buttons_are_filled_as_approved() {
        let stored = json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": [
            {"type": "QUICK_REPLY"}, {"type": "URL", "url": "https://a.example/{{1}}"}, {"type": "URL", "url": "https://a.example"}]}]);
        let image = json!({"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]});
        let video = json!({"type": "header", "parameters": [{"type": "video", "video": {"id": "1"}}]});
        let url = |index: u8| json!({"type": "button", "sub_type": "url", "index": index, "parameters": [{"type": "text", "text": "x"}]});

        is_code(&json!([image, url(1)]), &stored, Ok(()));
        is_code(&json!([video, url(1)]), &stored, Err(132_012));
        is_code(&json!([url(1)]), &stored, Err(132_012));
        is_code(&json!([image]), &stored, Err(131_008));
        is_code(&json!([image, url(1), url(2)]), &stored, Err(132_018));
        is_code(&json!([image, url(1), url(9)]), &stored, Err(132_018));
    }

    #[test]
    fn a_carousel_has_as_many_cards_as_approved() {
        let card = json!({"components": [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "{{1}}"}]});
        let stored = json!([{"type": "BODY", "text": "Look"}, {"type": "CAROUSEL", "cards": [card, card]}]);
        let filled = json!({"components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": "1"}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "x"}]}]});

        is_code(
            &json!([{"type": "carousel", "cards": [filled, filled]}]),
            &stored,
            Ok(()),
        );
        is_code(&json!([{"type": "carousel", "cards": [filled]}]), &stored, Err(132_018));
        let bare = json!({"components": [filled["components"][0]]});
        is_code(
            &json!([{"type": "carousel", "cards": [filled, bare]}]),
            &stored,
            Err(132_000),
        );
    }
}
