//! The string that comes back: `biz_opaque_callback_data = "1.<id>.<attempt>.<mac>"`.
//!
//! Meta's send call has no idempotency key and no look-up by client reference. What Meta does is echo this string (up to 512
//! characters) in every status webhook of the message, which makes it the only way to learn of an accepted message whose
//! answer was lost. Any app subscribed to the WABA can read it, so it carries no personal data; the mac tells our own from
//! strangers'.

use data_encoding::{BASE32_DNSSEC, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::ids::MessageId;

const VERSION: &str = "1";
/// Bytes of the mac that are kept.
const MAC_BYTES: usize = 8;
const ENCODING: Encoding = BASE32_DNSSEC;

/// Signs and reads callback strings.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// A signer with a key derived from the server's secret key.
    pub fn new(secret_key: &[u8; 32]) -> Self {
        let derived = Self::mac(secret_key, b"turnpike opaque callback");
        Self(Hmac::new_from_slice(&derived).expect("HMAC takes keys of any length"))
    }

    fn mac(key: &[u8], data: &[u8]) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    fn tag(&self, signed: &str) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(signed.as_bytes());
        mac
    }

    /// The string for one attempt of one message.
    pub fn sign(&self, id: MessageId, attempt: i32) -> String {
        let signed = format!("{VERSION}.{}.{attempt}", ENCODING.encode(id.0.as_bytes()));
        let tag = self.tag(&signed).finalize().into_bytes();
        format!("{signed}.{}", ENCODING.encode(&tag[..MAC_BYTES]))
    }

    /// The message and attempt of a string that we signed; `None` for every other string.
    pub fn read(&self, text: &str) -> Option<(MessageId, i32)> {
        let (signed, tag) = text.rsplit_once('.')?;
        let tag = ENCODING.decode(tag.as_bytes()).ok()?;
        if tag.len() != MAC_BYTES {
            return None;
        }
        self.tag(signed).verify_truncated_left(&tag).ok()?;
        let mut parts = signed.split('.');
        let (VERSION, id, attempt, None) = (parts.next()?, parts.next()?, parts.next()?, parts.next()) else {
            return None;
        };
        let id = Uuid::from_slice(&ENCODING.decode(id.as_bytes()).ok()?).ok()?;
        Some((MessageId(id), attempt.parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_we_sign_we_read_and_nobody_elses(id in any::<u128>(), attempt in 1..i32::MAX) {
            let id = MessageId(Uuid::from_u128(id));
            let ours = Signer::new(&[7; 32]);
            let text = ours.sign(id, attempt);

            prop_assert!(text.len() <= 64, "far below Meta's 512: {}", text);
            prop_assert_eq!(ours.read(&text), Some((id, attempt)));
            prop_assert_eq!(Signer::new(&[8; 32]).read(&text), None);
        }

        #[test]
        fn a_changed_string_is_not_ours(id in any::<u128>(), at in 0..60_usize, with in "[a-z0-9.]") {
            let signer = Signer::new(&[7; 32]);
            let text = signer.sign(MessageId(Uuid::from_u128(id)), 1);
            let mut changed = text.clone();
            let at = at % text.len();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != text);
            prop_assert_eq!(signer.read(&changed), None);
        }

        #[test]
        fn reading_never_panics(text in ".*") {
            let _ = Signer::new(&[7; 32]).read(&text);
        }
    }
}
