//! A place.

use serde::Serialize;
use serde_json::{Number, Value};

use super::reader::At;

/// Longest name or address of a place, in characters. Meta documents none.
pub const MAX_PLACE: usize = 1000;

/// `location`, and the location of a template's header.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Location {
    /// Degrees north, −90 to 90; written as the caller wrote it.
    pub latitude: Degrees,
    /// Degrees east, −180 to 180.
    pub longitude: Degrees,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// Meta's examples write degrees as texts, its schema as numbers; both are taken.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Degrees {
    /// As a number.
    Number(Number),
    /// As a text.
    Text(String),
}

impl Location {
    pub(super) fn read(at: At<'_>) -> Option<Self> {
        at.object(|fields| {
            let latitude = Degrees::read(fields.need("latitude"), 90.0);
            let longitude = Degrees::read(fields.need("longitude"), 180.0);
            let name = fields.find("name").and_then(|at| at.text(MAX_PLACE));
            let address = fields.find("address").and_then(|at| at.text(MAX_PLACE));
            Some(Self {
                latitude: latitude?,
                longitude: longitude?,
                name,
                address,
            })
        })
    }
}

impl Degrees {
    fn read(at: At<'_>, most: f64) -> Option<Self> {
        let (degrees, read) = match at.value() {
            Value::Number(number) => (number.as_f64(), Some(Self::Number(number.clone()))),
            Value::String(text) => (text.parse::<f64>().ok(), Some(Self::Text(text.clone()))),
            _ => (None, None),
        };
        if degrees.is_some_and(|degrees| degrees.abs() <= most) {
            return read;
        }
        at.fault(format!("degrees from -{most} to {most}, as in 37.4847"));
        None
    }
}
