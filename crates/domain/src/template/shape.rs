//! What a template's placeholders ask for, read from the components that Meta stores.

use serde_json::Value;

use super::ParameterFormat;

/// The placeholders of a template, by part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// What the header needs.
    pub header: Header,
    /// The body's placeholders: names in order of first use; `1`, `2`, … for positional templates.
    pub body: Vec<String>,
    /// Buttons that need a parameter, by index.
    pub buttons: Vec<Button>,
    /// Cards of a carousel, each with its own shape; empty when there is none.
    pub cards: Vec<Shape>,
    /// Whether placeholders are named.
    pub named: bool,
}

/// What a header needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Header {
    /// No parameter.
    #[default]
    Nothing,
    /// Its text has placeholders.
    Text(Vec<String>),
    /// A media object or location, by Meta's lower-case word (`image`, `video`, `document`, `location`, `product`).
    Media(&'static str),
}

/// A button that needs a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Place among the template's buttons, from 0.
    pub index: usize,
    /// Meta's lower-case `sub_type`: `url`, `copy_code`.
    pub sub_type: &'static str,
}

impl Shape {
    /// Reads Meta's component list (`[{"type":"BODY","text":"Hi {{1}}"}, …]`). Parts that need no parameter are passed over;
    /// so are parts that are newer than this build, since Meta checks them once more.
    pub fn from_components(components: &Value, format: ParameterFormat) -> Self {
        let mut shape = Self {
            named: format == ParameterFormat::Named,
            ..Self::default()
        };
        for component in components.as_array().into_iter().flatten() {
            let text = component["text"].as_str().unwrap_or_default();
            match word(&component["type"]).as_str() {
                "header" => shape.header = header(component, text),
                "body" => shape.body = placeholders(text),
                "buttons" => shape.buttons = buttons(&component["buttons"]),
                "carousel" => {
                    shape.cards = component["cards"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|card| Self::from_components(&card["components"], format))
                        .collect();
                }
                _ => {}
            }
        }
        shape
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_ascii_lowercase()
}

fn header(component: &Value, text: &str) -> Header {
    match word(&component["format"]).as_str() {
        "image" => Header::Media("image"),
        "video" | "gif" => Header::Media("video"),
        "document" => Header::Media("document"),
        "location" => Header::Media("location"),
        "product" => Header::Media("product"),
        _ => match placeholders(text) {
            names if names.is_empty() => Header::Nothing,
            names => Header::Text(names),
        },
    }
}

fn buttons(list: &Value) -> Vec<Button> {
    list.as_array()
        .into_iter()
        .flatten()
        .enumerate()
        .filter_map(|(index, button)| {
            let sub_type = match word(&button["type"]).as_str() {
                "url" if button["url"].as_str().is_some_and(|url| !placeholders(url).is_empty()) => "url",
                // A one-time code is given twice: in the body, and to the button, which Meta calls a url button.
                "otp" => "url",
                "copy_code" => "copy_code",
                _ => return None,
            };
            Some(Button { index, sub_type })
        })
        .collect()
}

/// The distinct `{{…}}` of a text in order of first use.
pub(crate) fn placeholders(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("{{") {
        let Some((name, tail)) = after.split_once("}}") else {
            break;
        };
        let name = name.trim();
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        rest = tail;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_parts_that_need_parameters_are_found() {
        let components = json!([
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hi {{1}}, order {{2}} ({{1}})"},
            {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Ok"},
                {"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"},
                {"type": "URL", "text": "Home", "url": "https://example.com"}
            ]}
        ]);

        let shape = Shape::from_components(&components, ParameterFormat::Positional);

        assert_eq!(shape.header, Header::Media("image"));
        assert_eq!(shape.body, ["1", "2"]);
        assert_eq!(
            shape.buttons,
            [Button {
                index: 1,
                sub_type: "url"
            }]
        );
    }

    #[test]
    fn odd_braces_are_text() {
        for text in ["{{", "}}", "{{}}", "{ {1} }", "a {{ b", "}} {{"] {
            assert_eq!(placeholders(text), Vec::<String>::new(), "{text}");
        }
    }
}
