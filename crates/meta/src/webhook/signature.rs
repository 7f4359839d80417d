//! The signature in `X-Hub-Signature-256`.

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// Whether `header` (`sha256=<hex>`) signs `raw` under one of the app secrets; several during rotation. Compares in constant
/// time and over the bytes received: JSON written anew would not match. An empty secret signs nothing.
pub fn verify(secrets: &[SecretString], raw: &[u8], header: Option<&str>) -> bool {
    let Some(signature) = header.and_then(|header| header.trim().strip_prefix("sha256=")) else {
        return false;
    };
    let Ok(signature) = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()) else {
        return false;
    };
    let mut genuine = false;
    for secret in secrets
        .iter()
        .map(|secret| secret.expose_secret())
        .filter(|secret| !secret.is_empty())
    {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes any key length");
        mac.update(raw);
        // No early end: how long it takes does not tell which secret matched.
        genuine |= mac.verify_slice(&signature).is_ok();
    }
    genuine
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The well known test vector of HMAC-SHA256.
    const RAW: &[u8] = b"The quick brown fox jumps over the lazy dog";
    const SIGNATURE: &str = "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";

    fn secrets(secrets: &[&str]) -> Vec<SecretString> {
        secrets.iter().map(|secret| SecretString::from(*secret)).collect()
    }

    #[test]
    fn the_right_secret_wherever_it_stands_makes_it_genuine() {
        assert!(verify(&secrets(&["key"]), RAW, Some(SIGNATURE)));
        assert!(verify(&secrets(&["old", "key"]), RAW, Some(SIGNATURE)));
        assert!(verify(&secrets(&["key", "new"]), RAW, Some(SIGNATURE)));
        assert!(verify(
            &secrets(&["key"]),
            RAW,
            Some(&SIGNATURE.to_uppercase().replace("SHA256", "sha256"))
        ));
    }

    #[test]
    fn anything_else_is_not_genuine() {
        assert!(!verify(&[], RAW, Some(SIGNATURE)));
        assert!(!verify(&secrets(&["other"]), RAW, Some(SIGNATURE)));
        assert!(!verify(&secrets(&["key"]), b"other", Some(SIGNATURE)));
        assert!(!verify(&secrets(&["key"]), RAW, None));
        for header in [
            "",
            "sha256=",
            "sha256",
            &SIGNATURE[7..],
            "sha1=f7bc83f4",
            "sha256=zz",
            &SIGNATURE[..70],
        ] {
            assert!(!verify(&secrets(&["key"]), RAW, Some(header)), "{header}");
        }
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let mac = Hmac::<Sha256>::new_from_slice(b"")
            .unwrap()
            .chain_update(RAW)
            .finalize();
        let header = format!("sha256={}", data_encoding::HEXLOWER.encode(&mac.into_bytes()));

        assert!(!verify(&secrets(&[""]), RAW, Some(&header)));
    }

    proptest! {
        #[test]
        fn no_other_header_passes(header in "(sha256=)?[0-9a-f]{0,70}") {
            prop_assume!(header != SIGNATURE);
            prop_assert!(!verify(&secrets(&["key"]), RAW, Some(&header)));
        }
    }
}
