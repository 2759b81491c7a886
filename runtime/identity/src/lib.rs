//! Who asks, and what they may.
//!
//! A [`KeysFile`] holds access keys and bearer tokens: tokens as hashes, the secrets of access keys sealed, since to verify
//! a signature takes the secret itself. A [`Guard`] made of it verifies requests: AWS's Signature Version 4 for the AWS
//! protocol, tokens for the plain interface. What comes out is a [`Caller`]: an account, a key's id, and [`Scopes`]. Which
//! operation [`Need`]s which scope is said where the operations are listed, in the API; what a caller then sees is the
//! tenant's affair.
//!
//! Nothing here reads a clock: the time comes in as an argument, in seconds since 1970.
#![forbid(unsafe_code)]

mod file;
mod guard;
mod keys;
mod refusal;
mod replay;
mod scope;
mod seal;
mod sigv4;
mod token;

pub use file::{KEY_NAME_CHARS_MAX, KEYS_FILE_BYTES_MAX, KEYS_MAX, KeysError, KeysFile, Listed};
pub use guard::{Claim, Guard, GuardConfig};
pub use keys::{AccessKey, Caller, Keys};
pub use refusal::Refusal;
pub use replay::SIGNATURES_SEEN_MAX;
pub use scope::{Need, Scope, Scopes, UnknownScope};
pub use sigv4::CLOCK_SKEW_SECONDS_MAX;
