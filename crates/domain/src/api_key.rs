//! The form of an API key: `tp_<id>_<secret>`. The prefix lets secret scanners find leaked keys; the id finds the row; the secret
//! has 256 random bits and is kept only as a keyed hash.

use std::fmt;

use data_encoding::{BASE32_DNSSEC, Encoding};

const PREFIX: &str = "tp";
const ENCODING: Encoding = BASE32_DNSSEC;
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 52;

/// A whole key. Shown once; no `Debug` of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The public half: 12 lowercase letters and digits.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

impl ApiKey {
    /// A key from random bytes.
    pub fn from_random(id: [u8; 8], secret: [u8; 32]) -> Self {
        let mut id = ENCODING.encode(&id);
        id.truncate(ID_LENGTH);
        Self {
            id,
            secret: ENCODING.encode(&secret),
        }
    }

    /// Reads a key; `None` when it has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('_');
        let (PREFIX, id, secret, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits =
            id.len() == ID_LENGTH && secret.len() >= SECRET_LENGTH && secret.len() <= 128 && plain(id) && plain(secret);
        fits.then(|| Self {
            id: id.to_owned(),
            secret: secret.to_owned(),
        })
    }

    /// The text that the caller sends.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}_{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}_{}_***", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_round_trips(id in any::<[u8; 8]>(), secret in any::<[u8; 32]>()) {
            let key = ApiKey::from_random(id, secret);
            prop_assert_eq!(ApiKey::parse(&key.to_text()), Some(key));
        }

        #[test]
        fn parsing_never_panics(text in ".*") {
            let _ = ApiKey::parse(&text);
        }
    }

    #[test]
    fn debug_hides_the_secret() {
        assert!(format!("{:?}", ApiKey::from_random([1; 8], [2; 32])).ends_with("_***"));
    }
}
