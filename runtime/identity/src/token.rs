//! Bearer tokens: `fst_ID_SECRET`. The id finds the token, the secret is random as a whole, so that its hash gives nothing away.

use crate::seal::{hex, random};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What every token begins with, so that it is recognised where it should not be.
const PREFIX: &str = "fst_";
/// Bytes of the secret part: 256 bits, which cannot be guessed from their hash.
const SECRET_BYTES: usize = 32;

/// SHA-256 of a whole token.
#[derive(Clone)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Whether it is the hash of `token`, in a time that does not tell how much of it is right.
    pub(crate) fn is_of(&self, token: &str) -> bool {
        self.0.ct_eq(&Self::of(token).0).into()
    }
}

/// A fresh token with that id.
pub(crate) fn generate(id: &str) -> Result<Zeroizing<String>, getrandom::Error> {
    let secret = Zeroizing::new(hex(&*random::<SECRET_BYTES>()?));
    Ok(Zeroizing::new(format!("{PREFIX}{id}_{}", *secret)))
}

/// The id in a token.
pub(crate) fn id_of(token: &str) -> Option<&str> {
    let (id, secret) = token.strip_prefix(PREFIX)?.split_once('_')?;
    (secret.len() == 2 * SECRET_BYTES).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_id_and_only_it_has_its_hash() {
        let token = generate("ID").unwrap();
        assert_eq!(id_of(&token), Some("ID"));
        let hash = TokenHash::from_hex(&TokenHash::of(&token).to_hex()).unwrap();
        assert!(hash.is_of(&token));
        assert!(!hash.is_of(&generate("ID").unwrap()));
        assert!(!hash.is_of(&token[..token.len() - 1]));
        for wrong in ["", "fst_", "fst_ID_", "fst_ID_short", "bearer"] {
            assert_eq!(id_of(wrong), None, "{wrong}");
        }
        for wrong in ["", "0g", &"g".repeat(64), &"é".repeat(32)] {
            assert!(TokenHash::from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
