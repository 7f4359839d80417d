//! Signing secrets: `whsec_` and base64.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// Bytes of a secret that somebody brings along; the specification's bounds.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A signing secret. Shown only on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Why a text is no signing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("whsec_ and the base64 of 24 to 64 random bytes")]
pub struct InvalidSecret;

impl Secret {
    /// A secret of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// When it is something else, or too short to be safe.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let bytes = BASE64.decode(encoded.as_bytes()).map_err(|_| InvalidSecret)?;
        if BYTES.contains(&bytes.len()) {
            Ok(Self(bytes))
        } else {
            Err(InvalidSecret)
        }
    }

    /// As receivers take it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64.encode(&self.0))
    }

    /// `v1,<base64>` over id, time and body.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::signature_header;

    /// The example of the specification's own libraries.
    const EXAMPLE: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNED: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_specifications_example_is_signed_as_it_says() {
        let secret = Secret::parse(EXAMPLE).unwrap();

        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );

        assert_eq!(signature, SIGNED);
    }

    #[test]
    fn during_a_rotation_there_is_a_signature_of_each_secret() {
        let secrets = [Secret::new(&[1; 32]), Secret::parse(EXAMPLE).unwrap()];

        let header = signature_header(
            &secrets,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );

        let signatures: Vec<&str> = header.split(' ').collect();
        assert_eq!((signatures.len(), signatures[1]), (2, SIGNED));
        assert_ne!(signatures[0], SIGNED);
    }

    #[test]
    fn a_secret_is_read_as_it_is_shown_and_nothing_else_is_one() {
        assert_eq!(Secret::parse(EXAMPLE).unwrap().reveal(), EXAMPLE);
        for text in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_not base64!",
        ] {
            assert_eq!(Secret::parse(text), Err(InvalidSecret), "{text}");
        }
    }
}
