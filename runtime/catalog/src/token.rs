//! Task tokens: what names a wait for a call back.
//!
//! A token is made of the execution and the wait with a key that this process drew when it started, so that nothing has
//! to be kept to make it again, and nobody else can. It says of itself that it was made here, and for which account: one
//! that is over is told from one that never was.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fleetstep_document::Text;
use fleetstep_machine::{Identity, Ticket, TokenSource};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use std::sync::LazyLock;

/// Bytes of each of a token's halves: what names the wait, and what shows that it was made here.
const HALF_BYTES: usize = 16;
/// Bytes of the key.
const KEY_BYTES: usize = 32;

static KEY: LazyLock<[u8; KEY_BYTES]> = LazyLock::new(|| {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).expect("the operating system gives random bytes");
    key
});

/// The tokens of all executions of this process.
pub(crate) const TOKENS: TokenSource = TokenSource(token_of);

fn token_of(identity: &Identity, ticket: Ticket) -> Text {
    let numbers = [identity.redrive_count, ticket.strand, ticket.generation].map(u32::to_be_bytes).concat();
    let name = half(&[b"wait", identity.execution_arn.as_bytes(), &numbers]);
    // arn:aws:states:REGION:ACCOUNT:express:…
    let account = identity.execution_arn.split(':').nth(4).unwrap_or_default();
    let token = [name, proof(&name, account)].concat();
    Text::from(URL_SAFE_NO_PAD.encode(token))
}

/// Whether a text is a token that was made for that account since this process started.
#[must_use]
pub fn is_task_token(token: &str, account: &str) -> bool {
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Some((name, shown)) = bytes.split_first_chunk::<HALF_BYTES>() else { return false };
    // What can be learned of the time that this takes is a proof for a wait that nobody knows of.
    shown == proof(name, account)
}

fn proof(name: &[u8], account: &str) -> [u8; HALF_BYTES] {
    half(&[b"made here", account.as_bytes(), name])
}

fn half(parts: &[&[u8]]) -> [u8; HALF_BYTES] {
    let mut mac = Hmac::<Sha256>::new_from_slice(&*KEY).expect("a key of any length will do");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let whole = mac.finalize().into_bytes();
    *whole.first_chunk().expect("SHA-256 is longer than that")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(account: &str, redrive_count: u32) -> Identity {
        let execution_arn = Text::from(format!("arn:aws:states:us-east-1:{account}:express:m:n:u"));
        Identity { execution_arn, redrive_count, ..Identity::default() }
    }

    #[test]
    fn a_token_is_the_same_for_a_wait_and_another_for_any_other() {
        let ticket = |strand, generation| Ticket { strand, generation };
        let token = token_of(&identity("1", 0), ticket(0, 1));
        assert_eq!(token, token_of(&identity("1", 0), ticket(0, 1)));
        assert_eq!(URL_SAFE_NO_PAD.decode(&*token).unwrap().len(), 2 * HALF_BYTES);
        for (other, ticket) in [
            (identity("1", 0), ticket(0, 2)),
            (identity("1", 0), ticket(1, 1)),
            (identity("1", 1), ticket(0, 1)),
            (identity("2", 0), ticket(0, 1)),
        ] {
            assert_ne!(token, token_of(&other, ticket), "{other:?} {ticket:?}");
        }
    }

    #[test]
    fn a_token_is_known_for_its_account_alone_and_only_as_it_was_made() {
        let token = token_of(&identity("1", 0), Ticket { strand: 3, generation: 9 });
        assert!(is_task_token(&token, "1"));
        assert!(!is_task_token(&token, "2"));
        for at in 0..token.len() {
            let mut other = token.to_string().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(!is_task_token(std::str::from_utf8(&other).unwrap(), "1"), "changed at {at}");
        }
        for wrong in ["", "x", "token-of-n-0-1", &token[1..], &format!("{token}A")] {
            assert!(!is_task_token(wrong, "1"), "{wrong}");
        }
    }
}
