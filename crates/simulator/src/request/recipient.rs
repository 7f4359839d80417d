//! Whom a message is addressed to: a phone number in `to`, or a business-scoped user id in `recipient`.

use serde_json::Value;

use crate::graph_error::GraphError;

/// The addressee as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Recipient {
    /// `to`: a phone number (or a group id).
    Phone {
        /// As sent, echoed in `contacts[0].input`.
        input: String,
        /// Without `+`, `-`, brackets and spaces.
        digits: String,
        /// Whether it began with `+`, so that no country code is put before it.
        plus: bool,
    },
    /// `recipient`: a business-scoped user id.
    UserId(String),
}

/// Digits of a phone number at most (E.164 allows 15; Meta takes a few extra and fails later).
const DIGITS: std::ops::RangeInclusive<usize> = 5..=20;

impl Recipient {
    /// Reads `to`, else `recipient`; `to` wins when both are there.
    pub(crate) fn of(body: &Value) -> Result<Self, GraphError> {
        match (&body["to"], &body["recipient"]) {
            (Value::Null, Value::Null) => Err(GraphError::missing("to")),
            (Value::Null, Value::String(user_id)) if is_user_id(user_id) => Ok(Self::UserId(user_id.clone())),
            (Value::Null, _) => Err(GraphError::bad_value(
                "Param recipient is not a business-scoped user id",
            )),
            (Value::String(input), _) => Self::phone(input),
            _ => Err(GraphError::bad_value("Param to must be a string")),
        }
    }

    fn phone(input: &str) -> Result<Self, GraphError> {
        let digits: String = input
            .chars()
            .filter(|character| !"+-() ".contains(*character))
            .collect();
        if !DIGITS.contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GraphError::bad_value(
                "Param to is not a valid WhatsApp ID or phone number",
            ));
        }
        Ok(Self::Phone {
            input: input.to_owned(),
            digits,
            plus: input.trim_start().starts_with('+'),
        })
    }
}

fn is_user_id(text: &str) -> bool {
    text.split_once('.').is_some_and(|(country, id)| {
        country.len() == 2
            && country.bytes().all(|byte| byte.is_ascii_uppercase())
            && (1..=132).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn to_wins_over_recipient() {
        let both = json!({ "to": "+14155550100", "recipient": "US.123" });
        assert!(matches!(Recipient::of(&both), Ok(Recipient::Phone { plus: true, .. })));

        let only = json!({ "recipient": "US.ENT.123" });
        assert_eq!(Recipient::of(&only), Ok(Recipient::UserId("US.ENT.123".into())));
    }

    #[test]
    fn a_number_without_plus_is_told_apart() {
        let plain = json!({ "to": "14155550100" });
        assert!(matches!(
            Recipient::of(&plain),
            Ok(Recipient::Phone { plus: false, .. })
        ));
    }

    #[test]
    fn what_is_no_address_is_a_bad_value() {
        for body in [
            json!({ "to": 14_155_550_100_u64 }),
            json!({ "to": "+1" }),
            json!({ "recipient": "nobody" }),
        ] {
            assert_eq!(Recipient::of(&body).unwrap_err().code, 131_009, "{body}");
        }
    }
}
