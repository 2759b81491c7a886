//! Secrets that must come out again, sealed: XChaCha20-Poly1305 under a key that lies in a file of its own.
//!
//! The key's id and account are authenticated with the secret: one that was moved to another entry does not open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Bytes of the key.
pub(crate) const SEALING_KEY_BYTES: usize = 32;
/// Bytes of a nonce, random for each secret: so many that two are never the same.
const NONCE_BYTES: usize = 24;

/// Seals and opens secrets.
pub(crate) struct Sealer(XChaCha20Poly1305);

impl Sealer {
    /// One with a fresh key, and the key as text.
    pub(crate) fn generate() -> Result<(Self, Zeroizing<String>), getrandom::Error> {
        let key = random::<SEALING_KEY_BYTES>()?;
        Ok((Self(XChaCha20Poly1305::new(Key::from_slice(&*key))), Zeroizing::new(STANDARD.encode(key.as_slice()))))
    }

    /// The one whose key is that text.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let key = Zeroizing::new(STANDARD.decode(text.trim_ascii()).ok()?);
        (key.len() == SEALING_KEY_BYTES).then(|| Self(XChaCha20Poly1305::new(Key::from_slice(&key))))
    }

    pub(crate) fn seal(&self, secret: &str, bound_to: &str) -> Result<String, getrandom::Error> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: secret.as_bytes(), aad: bound_to.as_bytes() };
        let sealed = self.0.encrypt(XNonce::from_slice(&*nonce), payload).expect("a secret is short");
        Ok(STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    pub(crate) fn open(&self, sealed: &str, bound_to: &str) -> Option<Zeroizing<String>> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload { msg: sealed, aad: bound_to.as_bytes() };
        let secret = self.0.decrypt(XNonce::from_slice(nonce), payload).ok()?;
        String::from_utf8(secret).ok().map(Zeroizing::new)
    }
}

/// Bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_in_its_place_only() {
        let (sealer, text) = Sealer::generate().unwrap();
        let sealed = sealer.seal("secret", "key 1").unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(Sealer::of(&text).unwrap().open(&sealed, "key 1").unwrap().as_str(), "secret");
        assert!(sealer.open(&sealed, "key 2").is_none());
        assert!(Sealer::generate().unwrap().0.open(&sealed, "key 1").is_none());
        assert_ne!(sealer.seal("secret", "key 1").unwrap(), sealed, "a nonce was used twice");
        for wrong in ["", "AAAA", "not base64"] {
            assert!(sealer.open(wrong, "key 1").is_none() && Sealer::of(wrong).is_none(), "{wrong}");
        }
    }
}
