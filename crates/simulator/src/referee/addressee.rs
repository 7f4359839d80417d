//! Whom a message really goes to, by Meta's addressing rules.

use std::sync::Arc;

use crate::config::Number;
use crate::ledger::Fingerprint;
use crate::request::Recipient;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addressee {
    /// Digits of the phone number, or the user id: what limits and the ledger go by.
    pub(crate) key: Arc<str>,
    /// As the caller wrote it.
    pub(crate) input: String,
    pub(crate) is_user_id: bool,
}

impl Addressee {
    /// Without `+`, Meta puts the business number's country code in front (switchable).
    pub(crate) fn of(recipient: &Recipient, number: &Number, prepend_country_code: bool, rewrite: bool) -> Self {
        match recipient {
            Recipient::UserId(user_id) => Self {
                key: user_id.as_str().into(),
                input: user_id.clone(),
                is_user_id: true,
            },
            Recipient::Phone { input, digits, plus } => {
                let digits = match *plus || !prepend_country_code {
                    true => digits.clone(),
                    false => format!("{}{digits}", number.country_code),
                };
                let key = if rewrite { known_by(&digits) } else { digits };
                Self {
                    key: key.into(),
                    input: input.clone(),
                    is_user_id: false,
                }
            }
        }
    }

    /// The business-scoped user id that webhooks show.
    pub(crate) fn user_id(&self) -> String {
        if self.is_user_id {
            self.key.to_string()
        } else {
            user_id(&self.key)
        }
    }
}

/// The number that WhatsApp knows a user by: in Brazil with a 9 after the area code, in Mexico with a 1 after the calling code.
fn known_by(digits: &str) -> String {
    match (digits.get(..2), digits.len()) {
        (Some("55"), 12) => format!("{}9{}", &digits[..4], &digits[4..]),
        (Some("52"), 12) => format!("521{}", &digits[2..]),
        _ => digits.to_owned(),
    }
}

/// A made-up business-scoped user id, always the same for the same phone number.
pub(crate) fn user_id(digits: &str) -> String {
    format!("US.{}", Fingerprint::of(digits.as_bytes()).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_country_code_of_the_business_is_put_before_a_number_without_plus() {
        let number = Number {
            country_code: "91".into(),
            ..Number::new("1", "+915550001111", "10")
        };
        let plain = Recipient::Phone {
            input: "16315551234".into(),
            digits: "16315551234".into(),
            plus: false,
        };
        let plus = Recipient::Phone {
            input: "+16315551234".into(),
            digits: "16315551234".into(),
            plus: true,
        };

        assert_eq!(&*Addressee::of(&plain, &number, true, false).key, "9116315551234");
        assert_eq!(&*Addressee::of(&plain, &number, false, false).key, "16315551234");
        assert_eq!(&*Addressee::of(&plus, &number, true, true).key, "16315551234");
        assert_eq!(known_by("551187654321"), "5511987654321");
        assert_eq!(known_by("5511987654321"), "5511987654321");
        assert_eq!(known_by("525512345678"), "5215512345678");
    }
}
