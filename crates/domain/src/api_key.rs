//! The form of an API key: `tp_<id>_<secret>`, or `tp_test_<id>_<secret>` for one whose messages go to a stand-in. The prefix lets secret scanners find leaked keys; the id finds the row; the secret
//! has 256 random bits and is kept only as a keyed hash.

use std::fmt;

use data_encoding::{BASE32_DNSSEC, Encoding};

const PREFIX: &str = "tp_";
const TEST_PREFIX: &str = "tp_test_";
const ENCODING: Encoding = BASE32_DNSSEC;
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 52;

/// A whole key. Shown once; no `Debug` of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its messages go to a stand-in for Meta.
    pub test: bool,
    /// The public half: 12 lowercase letters and digits.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

impl ApiKey {
    /// A key from random bytes.
    pub fn from_random(test: bool, id: [u8; 8], secret: [u8; 32]) -> Self {
        let mut id = ENCODING.encode(&id);
        id.truncate(ID_LENGTH);
        Self {
            test,
            id,
            secret: ENCODING.encode(&secret),
        }
    }

    /// Reads a key; `None` when it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        // The longer prefix first; an id has no `_`, and so none is called test.
        let of_test = text.strip_prefix(TEST_PREFIX);
        let (id, secret) = of_test.or_else(|| text.strip_prefix(PREFIX))?.split_once('_')?;
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits =
            id.len() == ID_LENGTH && secret.len() >= SECRET_LENGTH && secret.len() <= 128 && plain(id) && plain(secret);
        fits.then(|| Self {
            test: of_test.is_some(),
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    fn prefix(&self) -> &'static str {
        if self.test { TEST_PREFIX } else { PREFIX }
    }

    /// The text that the caller sends.
    pub fn to_text(&self) -> String {
        format!("{}{}_{}", self.prefix(), self.id, self.secret)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}_***", self.prefix(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_round_trips(test in any::<bool>(), id in any::<[u8; 8]>(), secret in any::<[u8; 32]>()) {
            let key = ApiKey::from_random(test, id, secret);
            prop_assert_eq!(key.to_text().starts_with("tp_test_"), test);
            prop_assert_eq!(ApiKey::parse(&key.to_text()), Some(key));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = ApiKey::parse(&text);
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        assert!(format!("{:?}", ApiKey::from_random(false, [1; 8], [2; 32])).ends_with("_***"));
    }
}
