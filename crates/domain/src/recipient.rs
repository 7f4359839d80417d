//! Who a message goes to. Parsed once, at the door; inside, nobody validates again.

use std::fmt;

use serde::Serialize;

/// A phone number in E.164 form: `+`, then 7 to 15 digits, the first not zero. The `+` is kept and sent: without it Meta
/// prepends the business number's own calling code (Meta, "Phone number formats").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Recipient(String);

/// Why a text is not a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No `+` in front.
    #[error("must begin with + and the country calling code, as in +15550001111")]
    NoPlus,
    /// Something other than digits after the `+`.
    #[error("must hold digits only after the +, as in +15550001111")]
    NotDigits,
    /// Too few or too many digits.
    #[error("must have 7 to 15 digits after the +")]
    Length,
    /// A calling code never begins with zero.
    #[error("must not have 0 after the +: calling codes begin with 1 to 9")]
    LeadingZero,
}

impl Recipient {
    /// Reads an E.164 number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix('+').ok_or(Error::NoPlus)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::NotDigits);
        }
        if !(7..=15).contains(&digits.len()) {
            return Err(Error::Length);
        }
        if digits.starts_with('0') {
            return Err(Error::LeadingZero);
        }
        Ok(Self(text.to_owned()))
    }

    /// A number as Meta writes it in webhooks: digits without the `+`.
    pub fn from_digits(digits: &str) -> Result<Self, Error> {
        Self::parse(&format!("+{}", digits.trim_start_matches('+')))
    }

    /// With the `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Masked: a recipient that slips into a log line does not give a person away.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, tail) = (&self.0[..3], &self.0[self.0.len() - 2..]);
        write!(f, "{head}***{tail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_mistake_is_named() {
        for (text, error) in [
            ("15550001111", Error::NoPlus),
            ("", Error::NoPlus),
            ("+1555 0001111", Error::NotDigits),
            ("+1555000111a", Error::NotDigits),
            ("+155500", Error::Length),
            ("+1555000111122223", Error::Length),
            ("+05550001111", Error::LeadingZero),
            ("+", Error::Length),
            ("+１５５５０００１１１１", Error::NotDigits),
        ] {
            assert_eq!(Recipient::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_number() {
        let recipient = Recipient::parse("+15550001111").unwrap();
        assert_eq!(format!("{recipient:?}"), "+15***11");
    }

    proptest! {
        #[test]
        fn every_e164_number_is_taken_and_kept(text in "\\+[1-9][0-9]{6,14}") {
            let recipient = Recipient::parse(&text).unwrap();
            prop_assert_eq!(recipient.as_str(), &text);
            prop_assert_eq!(Recipient::from_digits(&text[1..]).unwrap(), recipient);
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = Recipient::parse(&text);
        }
    }
}
