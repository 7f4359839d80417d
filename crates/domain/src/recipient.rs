//! Who a message goes to. Parsed once, at the door; inside, nobody validates again.

use std::fmt;

use serde::Serialize;

/// A phone number in E.164 form: `+`, then 7 to 15 digits, the first not zero. The `+` is kept and sent: without it Meta
/// prepends the business number's own calling code (Meta, "Phone number formats").
///
/// Or a business-scoped user id, by which Meta speaks of people who do not show their number: the two letters of a country, a dot, then up
/// to 128 letters and digits, as in `US.13491208655302741918`; `US.ENT.…` is one of several portfolios together.
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
    /// Neither a phone number nor a user id.
    #[error(
        "must be a phone number with +, as in +15550001111, or a business-scoped user id, as in US.13491208655302741918"
    )]
    Neither,
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

    /// Reads an E.164 number or a business-scoped user id.
    ///
    /// # Errors
    /// When it is neither; for what begins with `+`, with what is wrong with the number.
    pub fn parse_any(text: &str) -> Result<Self, Error> {
        match Self::parse(text) {
            Err(Error::NoPlus) if is_user_id(text) => Ok(Self(text.to_owned())),
            // Digits without a + are a number that was written wrong.
            Err(Error::NoPlus) if !text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.') => {
                Err(Error::Neither)
            }
            read => read,
        }
    }

    /// Whether it is a user id, behind which no phone number is known.
    pub fn is_user_id(&self) -> bool {
        !self.0.starts_with('+')
    }

    /// A number as Meta writes it in webhooks: digits without the `+`.
    pub fn from_digits(digits: &str) -> Result<Self, Error> {
        Self::parse(&format!("+{}", digits.trim_start_matches('+')))
    }

    /// The number with the `+`, or the user id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_user_id(text: &str) -> bool {
    let Some((country, rest)) = text.split_once('.') else {
        return false;
    };
    let id = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_uppercase())
        && (1..=128).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Masked: a recipient that slips into a log line does not give a person away.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (head, tail) = (&self.0[..3], &self.0[self.0.len() - 2.min(self.0.len() - 3)..]);
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
    fn a_user_id_is_a_recipient_where_it_may_be() {
        let long = format!("US.{}", "a".repeat(128));
        for id in ["US.13491208655302741918", "DE.ENT.abc123", "US.1", long.as_str()] {
            let recipient = Recipient::parse_any(id).unwrap();
            assert!(recipient.is_user_id());
            assert_eq!(recipient.as_str(), id);
            assert_eq!(Recipient::parse(id), Err(Error::NoPlus));
        }
        assert!(!Recipient::parse_any("+15550001111").unwrap().is_user_id());
        let longer = format!("US.{}", "a".repeat(129));
        for bad in ["US.", "us.1", "USA.1", "US.1-2", "US.ENT.", "US.a.b", longer.as_str()] {
            assert_eq!(Recipient::parse_any(bad), Err(Error::Neither), "{bad}");
        }
        assert_eq!(Recipient::parse_any("15550001111"), Err(Error::NoPlus));
        assert_eq!(Recipient::parse_any("+1555"), Err(Error::Length));
        assert_eq!(format!("{:?}", Recipient::parse_any("US.1").unwrap()), "US.***1");
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
            if let Ok(recipient) = Recipient::parse_any(&text) {
                let _ = format!("{recipient:?}");
            }
        }
    }
}
