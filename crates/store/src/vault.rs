//! Secrets at rest: access tokens are sealed with a key that the database never sees.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::SecretString;
use sha2::Sha256;

use crate::Error;

/// First byte of a sealed secret: the form it is sealed in.
const FORM: u8 = 1;
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets with keys derived from the server's secret key.
#[derive(Clone)]
pub struct Vault {
    cipher: XChaCha20Poly1305,
    pepper: [u8; 32],
    webhooks: [u8; 32],
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

fn mac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

impl Vault {
    /// A vault under the server's secret key (`TURNPIKE_SECRET_KEY`).
    pub fn new(secret_key: &[u8; 32]) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(&mac(secret_key, b"turnpike vault").into()),
            pepper: mac(secret_key, b"turnpike api keys"),
            webhooks: mac(secret_key, b"turnpike webhook secrets"),
        }
    }

    /// Seals a secret. `place` names where it is kept (as in `waba:1000001`), so that it cannot be moved to another row.
    pub fn seal(&self, place: &str, secret: &str) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .expect("a secret is far below the cipher's length limit");
        [&[FORM], nonce.as_slice(), &sealed].concat()
    }

    /// Opens what [`Vault::seal`] sealed for the same place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretString, Error> {
        let [FORM, rest @ ..] = sealed else {
            return Err(Error::Sealed);
        };
        let (nonce, text) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Sealed)?;
        let payload = Payload {
            msg: text,
            aad: place.as_bytes(),
        };
        let opened = self
            .cipher
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| Error::Sealed)?;
        String::from_utf8(opened)
            .map(SecretString::from)
            .map_err(|_| Error::Sealed)
    }

    /// The secret that signs webhooks to an endpoint for which none was chosen.
    pub fn webhook_secret(&self, endpoint: &[u8]) -> [u8; 32] {
        mac(&self.webhooks, endpoint)
    }

    /// The hash under which an API key's secret half is kept.
    pub fn hash_key_secret(&self, secret: &str) -> [u8; 32] {
        mac(&self.pepper, secret.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_opens_only_with_its_key_in_its_place() {
        let vault = Vault::new(&[1; 32]);
        let sealed = vault.seal("waba:1", "token");

        assert_eq!(vault.open("waba:1", &sealed).unwrap().expose_secret(), "token");
        assert!(vault.open("waba:2", &sealed).is_err());
        assert!(Vault::new(&[2; 32]).open("waba:1", &sealed).is_err());
        assert!(vault.open("waba:1", &sealed[..20]).is_err());
        assert!(vault.open("waba:1", &[]).is_err());
        let mut changed = sealed;
        *changed.last_mut().unwrap() ^= 1;
        assert!(vault.open("waba:1", &changed).is_err());
    }

    #[test]
    fn sealing_twice_looks_different() {
        let vault = Vault::new(&[1; 32]);
        assert_ne!(vault.seal("waba:1", "token"), vault.seal("waba:1", "token"));
    }
}
