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
    /// How long the body gets when it is filled in.
    pub length: Length,
    /// Buttons that take a parameter, by index.
    pub buttons: Vec<Button>,
    /// The offer ends at a time that has to be given.
    pub offer_ends: bool,
    /// It holds a one-time code: the body's only parameter, and once more that of its button.
    pub one_time_code: bool,
    /// Cards of a carousel, each with its own shape; empty when there is none.
    pub cards: Vec<Shape>,
    /// Whether placeholders are named.
    pub named: bool,
}

/// How long a body gets when it is filled in, in characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Length {
    /// Of the words between the placeholders.
    pub fixed: usize,
    /// How often each placeholder stands there, in the order of the names.
    pub uses: Vec<usize>,
    /// The most that Meta delivers; 0 where there is no body.
    pub most: usize,
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

/// A button that takes a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// Place among the template's buttons, from 0.
    pub index: usize,
    /// Meta's lower-case `sub_type`: `url`, `quick_reply`, `copy_code`, `flow`, `catalog`, `mpm`, `voice_call`, `order_details`.
    pub sub_type: &'static str,
    /// It has to get one. Others have something to fall back to: a quick reply its label, a flow no token.
    pub required: bool,
}

/// Meta's limit for a body that is filled in.
const MAX_BODY: usize = 1024;
/// The same, with a limited-time offer.
const MAX_OFFER_BODY: usize = 600;

impl Shape {
    /// Reads Meta's component list (`[{"type":"BODY","text":"Hi {{1}}"}, …]`). Parts that need no parameter are passed over;
    /// so are parts that are newer than this build, since Meta checks them once more.
    pub fn from_components(components: &Value, format: ParameterFormat) -> Self {
        let mut shape = Self {
            named: format == ParameterFormat::Named,
            ..Self::default()
        };
        let mut most = MAX_BODY;
        for component in components.as_array().into_iter().flatten() {
            let text = component["text"].as_str().unwrap_or_default();
            match word(&component["type"]).as_str() {
                "header" => shape.header = header(component, text),
                "body" => {
                    shape.body = placeholders(text);
                    shape.length = Length::of(text, &shape.body);
                }
                "buttons" => {
                    shape.buttons = buttons(&component["buttons"]);
                    shape.one_time_code = has_one_time_code(&component["buttons"]);
                }
                "limited_time_offer" => {
                    most = MAX_OFFER_BODY;
                    shape.offer_ends = component["limited_time_offer"]["has_expiration"] != Value::Bool(false);
                }
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
        if shape.one_time_code && shape.body.is_empty() {
            // Meta writes the words of such a body itself, and does not always show them.
            shape.body.push("1".to_owned());
            shape.length = Length::default();
        }
        if shape.length != Length::default() {
            shape.length.most = most;
        }
        shape
    }
}

impl Length {
    fn of(text: &str, names: &[String]) -> Self {
        let mut length = Self {
            uses: vec![0; names.len()],
            ..Self::default()
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, tail)) = after.split_once("}}") else {
                break;
            };
            length.fixed += before.chars().count();
            match names.iter().position(|known| known == name.trim()) {
                Some(place) => length.uses[place] += 1,
                None => length.fixed += name.chars().count() + 4,
            }
            rest = tail;
        }
        length.fixed += rest.chars().count();
        length
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
            let (sub_type, required) = match word(&button["type"]).as_str() {
                "url" if button["url"].as_str().is_some_and(|url| !placeholders(url).is_empty()) => ("url", true),
                // A one-time code is given twice: in the body, and to the button, which Meta calls a url button.
                "otp" => ("url", true),
                "copy_code" => ("copy_code", true),
                "mpm" => ("mpm", true),
                "order_details" => ("order_details", true),
                "quick_reply" => ("quick_reply", false),
                "flow" => ("flow", false),
                "catalog" => ("catalog", false),
                "voice_call" => ("voice_call", false),
                _ => return None,
            };
            Some(Button {
                index,
                sub_type,
                required,
            })
        })
        .collect()
}

fn has_one_time_code(list: &Value) -> bool {
    list.as_array()
        .into_iter()
        .flatten()
        .any(|button| word(&button["type"]) == "otp")
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
    fn the_parts_that_take_parameters_are_found() {
        let components = json!([
            {"type": "HEADER", "format": "IMAGE"},
            {"type": "BODY", "text": "Hi {{1}}, order {{2}} ({{1}})"},
            {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": [
                {"type": "QUICK_REPLY", "text": "Ok"},
                {"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"},
                {"type": "URL", "text": "Home", "url": "https://example.com"},
                {"type": "PHONE_NUMBER", "text": "Call"}
            ]}
        ]);

        let shape = Shape::from_components(&components, ParameterFormat::Positional);

        assert_eq!(shape.header, Header::Media("image"));
        assert_eq!(shape.body, ["1", "2"]);
        assert_eq!(
            (shape.length.fixed, shape.length.uses.as_slice()),
            ("Hi , order  ()".len(), &[2, 1][..])
        );
        let button = |index, sub_type, required| Button {
            index,
            sub_type,
            required,
        };
        assert_eq!(shape.buttons, [button(0, "quick_reply", false), button(1, "url", true)]);
    }

    #[test]
    fn a_one_time_code_is_a_parameter_even_where_meta_hides_the_words() {
        let components =
            json!([{"type": "BODY"}, {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]}]);

        let shape = Shape::from_components(&components, ParameterFormat::Positional);

        assert!(shape.one_time_code);
        assert_eq!(shape.body, ["1"]);
    }

    #[test]
    fn odd_braces_are_text() {
        for text in ["{{", "}}", "{{}}", "{ {1} }", "a {{ b", "}} {{"] {
            assert_eq!(placeholders(text), Vec::<String>::new(), "{text}");
            let length = Length::of(text, &[]);
            assert_eq!(length.fixed, text.chars().count(), "{text}");
        }
    }
}
