//! Money for a balance: `POST /api/v1/balance/top-up`.

use domain::Amount;
use domain::content::FieldError;
use serde_json::{Map, Value};

use super::wrong::Wrong;
use crate::problem::Problem;

/// The path, also part of what an idempotency key stands for.
const PATH: &str = "/api/v1/balance/top-up";

/// A well-formed top-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUp {
    /// Not zero; below zero it takes back what was paid in by mistake.
    pub amount: Amount,
    /// Tells the same request from another one under the same idempotency key.
    pub hash: [u8; 32],
}

impl TopUp {
    /// Reads a body.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub fn read(fields: &Map<String, Value>) -> Result<Self, Problem> {
        let mut wrong = Wrong::default();
        wrong.unknown(fields, &["amount"], "");
        let amount = wrong.check(amount(fields.get("amount").unwrap_or(&Value::Null)));
        wrong.into_result()?;
        Ok(Self {
            amount: amount.expect("an amount that is wrong is an error"),
            hash: super::hash(PATH, Value::from(fields.clone()).to_string().as_bytes()),
        })
    }
}

/// In a string, because a number may have been rounded on its way.
fn amount(value: &Value) -> Result<Amount, FieldError> {
    let expected =
        "an amount in a string, not zero, with a point and up to 6 decimals, at most 1000000000, as in \"50.00\"";
    let read = value.as_str().and_then(|text| Amount::parse(text).ok());
    read.filter(|amount| *amount != Amount::ZERO)
        .ok_or_else(|| FieldError::new("amount", value, expected))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<TopUp, Problem> {
        TopUp::read(body.as_object().unwrap())
    }

    #[test]
    fn an_amount_is_a_decimal_in_a_string() {
        assert_eq!(read(json!({"amount": "50.25"})).unwrap().amount.micros(), 50_250_000);
        assert_eq!(read(json!({"amount": "-1"})).unwrap().amount.micros(), -1_000_000);
        for body in [
            json!({}),
            json!({"amount": 50}),
            json!({"amount": "0.00"}),
            json!({"amount": "1,5"}),
            json!({"amount": null}),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().details["field"], "amount", "{body}");
        }
    }

    #[test]
    fn a_field_that_nobody_reads_is_a_mistake() {
        let problem = read(json!({"amount": "1", "currency": "EUR"})).unwrap_err();
        assert_eq!(problem.details["field"], "currency");
    }

    #[test]
    fn another_amount_is_another_request() {
        let hash = |amount: &str| read(json!({"amount": amount})).unwrap().hash;
        assert_eq!(hash("1"), hash("1"));
        assert_ne!(hash("1"), hash("2"));
    }
}
