//! A text that is shown to nobody.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The shortest secret: a shorter one is guessed.
pub const SECRET_BYTES_MIN: usize = 8;
/// What is shown in its place.
pub const MASKED: &str = "***";

/// What two sides know, and nobody else. It is kept as it is and never told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whoever computes with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASKED)
    }
}
