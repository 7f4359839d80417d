//! Whether every placeholder gets exactly its parameter: Meta would answer 132000, 132012 or 132018 otherwise, after the attempt.

use serde_json::Value;

use super::parameters::{Mismatch, Parameters, count};
use super::shape::{Header, Shape};

/// Longest one-time code, in characters (Meta).
const MAX_CODE: usize = 15;
/// Longest coupon code of a limited-time offer (Meta).
const MAX_OFFER_COUPON: usize = 15;

impl Parameters {
    /// Whether they fit a template of this shape. Components that are newer than this build are passed over.
    ///
    /// # Errors
    /// With the first part that they do not fit.
    pub fn fit(&self, shape: &Shape) -> Result<(), Mismatch> {
        let parts = self.components();
        fit_parts(parts, shape, "template")?;
        fit_offer(parts, shape)?;
        if shape.one_time_code {
            fit_code(parts)?;
        }
        let cards = parts_of(parts, "carousel").find_map(|part| part["cards"].as_array());
        let given = cards.map_or(0, Vec::len);
        if given != shape.cards.len() {
            return Err(Mismatch::new(
                "template.carousel",
                format!("{} cards", shape.cards.len()),
                format!("{given}"),
            ));
        }
        for (index, (card, shape)) in cards.into_iter().flatten().zip(&shape.cards).enumerate() {
            let parts = card["components"].as_array().map(Vec::as_slice).unwrap_or_default();
            fit_parts(parts, shape, &format!("template.carousel.cards[{index}]"))?;
        }
        Ok(())
    }
}

fn parts_of<'a>(parts: &'a [Value], kind: &'static str) -> impl Iterator<Item = &'a Value> {
    parts.iter().filter(move |part| {
        part["type"]
            .as_str()
            .is_some_and(|word| word.eq_ignore_ascii_case(kind))
    })
}

fn parameters_of<'a>(parts: &'a [Value], kind: &'static str) -> Vec<&'a Value> {
    parts_of(parts, kind)
        .flat_map(|part| part["parameters"].as_array().into_iter().flatten())
        .collect()
}

fn fit_parts(parts: &[Value], shape: &Shape, at: &str) -> Result<(), Mismatch> {
    let body = parameters_of(parts, "body");
    fit_text(&body, &shape.body, shape.named, &format!("{at}.body"))?;
    fit_length(&body, shape, &format!("{at}.body"))?;
    let header = parameters_of(parts, "header");
    let field = format!("{at}.header");
    match &shape.header {
        Header::Nothing if header.is_empty() => {}
        Header::Nothing => return Err(Mismatch::new(field, "no parameters", count(header.len()))),
        Header::Text(names) => fit_text(&header, names, shape.named, &field)?,
        Header::Media(word) => {
            let right = header.len() == 1 && header[0]["type"].as_str() == Some(word) && header[0][word].is_object();
            if !right {
                let given = header.first().and_then(|parameter| parameter["type"].as_str());
                let given = given.map_or_else(|| count(header.len()), |given| format!("a {given} parameter"));
                return Err(Mismatch::new(field, format!("one {word} parameter"), given));
            }
        }
    }
    fit_buttons(parts, shape, at)
}

fn fit_buttons(parts: &[Value], shape: &Shape, at: &str) -> Result<(), Mismatch> {
    for given in parts_of(parts, "button") {
        let sub_type = given["sub_type"].as_str().unwrap_or_default();
        let place = index_of(given);
        let known = shape.buttons.iter().find(|button| Some(button.index) == place);
        if known.is_none_or(|button| !button.sub_type.eq_ignore_ascii_case(sub_type)) {
            let place = place.map_or_else(|| given["index"].to_string(), |place| place.to_string());
            let field = format!("{at}.buttons[{place}]");
            let expected = match known {
                Some(button) => format!("a parameter for its {} button", button.sub_type),
                None => "no parameter: the template has no button there that takes one".to_owned(),
            };
            return Err(Mismatch::new(field, expected, format!("one for a {sub_type} button")));
        }
    }
    for needed in shape.buttons.iter().filter(|button| button.required) {
        let given = parts_of(parts, "button").find(|part| index_of(part) == Some(needed.index));
        let filled = given.is_some_and(|part| part["parameters"].as_array().is_some_and(|list| list.len() == 1));
        if !filled {
            let field = format!("{at}.buttons[{}]", needed.index);
            let expected = format!("one parameter for its {} button", needed.sub_type);
            return Err(Mismatch::new(field, expected, "none"));
        }
    }
    Ok(())
}

fn fit_offer(parts: &[Value], shape: &Shape) -> Result<(), Mismatch> {
    let given = parameters_of(parts, "limited_time_offer").len();
    let field = "template.limited_time_offer";
    match (shape.offer_ends, given) {
        (true, 1) => {}
        (true, _) => {
            return Err(Mismatch::new(
                field,
                "when the offer ends, as expiration_time_ms",
                count(given),
            ));
        }
        (false, 0) => return Ok(()),
        (false, _) => return Err(Mismatch::new(field, "no parameters: no offer that ends", count(given))),
    }
    let codes = parts_of(parts, "button").filter_map(|part| part["parameters"][0]["coupon_code"].as_str());
    for code in codes {
        if code.len() > MAX_OFFER_COUPON {
            let expected = format!("a coupon code of at most {MAX_OFFER_COUPON} in a limited-time offer");
            return Err(Mismatch::new(field, expected, format!("one of {}", code.len())));
        }
    }
    Ok(())
}

/// The code stands in the body and, once more, with the button.
fn fit_code(parts: &[Value]) -> Result<(), Mismatch> {
    let code = parameters_of(parts, "body")
        .first()
        .and_then(|parameter| parameter["text"].as_str())
        .unwrap_or_default();
    let length = code.chars().count();
    if length > MAX_CODE {
        let expected = format!("a code of at most {MAX_CODE} characters");
        return Err(Mismatch::new("template.body", expected, format!("one of {length}")));
    }
    let again = parts_of(parts, "button").find_map(|part| part["parameters"][0]["text"].as_str());
    if again != Some(code) {
        return Err(Mismatch::new(
            "template.buttons[0]",
            "the same code as in the body",
            "another one",
        ));
    }
    Ok(())
}

/// Meta's examples write the index as a string or as a number.
fn index_of(button: &Value) -> Option<usize> {
    match &button["index"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|index| index.try_into().ok()),
    }
}

fn fit_text(given: &[&Value], names: &[String], named: bool, field: &str) -> Result<(), Mismatch> {
    let expected = || match (named, names.len()) {
        (_, 0) => "no parameters".to_owned(),
        (true, _) => format!("the parameters {}", names.join(", ")),
        (false, 1) => "1 parameter".to_owned(),
        (false, n) => format!("{n} parameters"),
    };
    if given.len() != names.len() {
        return Err(Mismatch::new(field, expected(), count(given.len())));
    }
    for (place, parameter) in given.iter().enumerate() {
        let name = parameter["parameter_name"].as_str();
        let known = name.is_some_and(|name| names.iter().any(|known| known == name));
        if named && !known {
            return Err(Mismatch::new(
                field,
                expected(),
                name.unwrap_or("a parameter without parameter_name"),
            ));
        }
        if named
            && given[..place]
                .iter()
                .any(|earlier| earlier["parameter_name"].as_str() == name)
        {
            return Err(Mismatch::new(
                field,
                expected(),
                format!("{} twice", name.unwrap_or_default()),
            ));
        }
        if !named && name.is_some() {
            return Err(Mismatch::new(
                field,
                "parameters without parameter_name, in order",
                name.unwrap_or_default(),
            ));
        }
        if parameter["type"].as_str() == Some("text") && parameter["text"].as_str().is_none_or(str::is_empty) {
            return Err(Mismatch::new(
                format!("{field}.parameters[{place}].text"),
                "a text that is not empty",
                "an empty one",
            ));
        }
    }
    Ok(())
}

/// Whether the body, filled in, is as short as Meta wants it (132005).
fn fit_length(given: &[&Value], shape: &Shape, field: &str) -> Result<(), Mismatch> {
    if shape.length.most == 0 {
        return Ok(());
    }
    let mut length = shape.length.fixed;
    for (place, (name, uses)) in shape.body.iter().zip(&shape.length.uses).enumerate() {
        let parameter = match shape.named {
            true => given
                .iter()
                .find(|parameter| parameter["parameter_name"].as_str() == Some(name)),
            false => given.get(place),
        };
        length += parameter.map_or(0, |parameter| shown(parameter)) * uses;
    }
    match length > shape.length.most {
        true => Err(Mismatch::new(
            field,
            format!("at most {} characters when it is filled in", shape.length.most),
            format!("{length}"),
        )),
        false => Ok(()),
    }
}

/// How many characters a parameter shows.
fn shown(parameter: &Value) -> usize {
    let texts = [
        &parameter["text"],
        &parameter["currency"]["fallback_value"],
        &parameter["date_time"]["fallback_value"],
    ];
    texts
        .into_iter()
        .find_map(Value::as_str)
        .map_or(0, |text| text.chars().count())
}

#[cfg(test)]
mod tests;
