//! A form for a postal address: businesses and people in India only.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::content::reader::At;

/// Longest text of a value, in characters; Meta documents none but the one below.
const MAX_VALUE: usize = 1000;
/// Longest postal code, in characters.
const MAX_PIN_CODE: usize = 6;
/// Most saved addresses; Meta documents none.
const MAX_SAVED: usize = 50;

/// Parameters of the form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Address {
    country: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    saved_addresses: Vec<Saved>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_errors: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Saved {
    id: String,
    value: Map<String, Value>,
}

impl Address {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let country = fields.need("country").word(&["IN"]);
            let values = fields.find("values").and_then(|at| at.texts(most));
            let saved_addresses = fields.find("saved_addresses").and_then(|at| {
                at.list(0..=MAX_SAVED, |item| {
                    item.object(|fields| {
                        let id = fields.need("id").text(MAX_VALUE);
                        let value = fields.need("value").texts(most);
                        Some(Saved { id: id?, value: value? })
                    })
                })
            });
            let validation_errors = fields.find("validation_errors").and_then(|at| at.texts(|_| MAX_VALUE));
            Some(Self {
                country: country?,
                values,
                saved_addresses: saved_addresses.unwrap_or_default(),
                validation_errors,
            })
        })
    }
}

/// Meta's fields of the form.
fn most(name: &str) -> usize {
    if name == "in_pin_code" { MAX_PIN_CODE } else { MAX_VALUE }
}
