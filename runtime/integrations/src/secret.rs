//! Values that are shown to nobody: as they stand, from a variable, from a file; and their masks.

use crate::ConfigError;
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// The shortest value that is looked for in what comes back: a shorter one would be found in any text.
const MASKED_BYTES_MIN: usize = 8;
/// What stands where a value was.
const MASK: &str = "***";

/// Where a secret's value is.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Secret {
    /// Here.
    Value(String),
    /// In a variable of the server's environment.
    #[serde(rename_all = "snake_case")]
    Environment {
        /// Its name.
        env: String,
    },
    /// In a file, whose last line end does not count.
    File {
        /// Its path.
        file: PathBuf,
    },
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str(MASK),
            Self::Environment { env } => write!(f, "env {env}"),
            Self::File { file } => write!(f, "file {}", file.display()),
        }
    }
}

impl Secret {
    /// The value.
    pub(crate) fn read(&self, place: &str) -> Result<String, ConfigError> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Environment { env } => std::env::var(env)
                .map_err(|_| ConfigError::new(place, format!("the variable {env} is not set, or is no text"))),
            Self::File { file } => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| ConfigError::new(place, format!("cannot read {}: {error}", file.display())))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

/// Takes values out of texts.
#[derive(Clone, Default)]
pub(crate) struct Mask(Vec<String>);

impl Mask {
    pub(crate) fn add(&mut self, value: &str) {
        if value.len() >= MASKED_BYTES_MIN {
            self.0.push(value.to_owned());
        }
    }

    pub(crate) fn apply(&self, text: String) -> String {
        self.0.iter().fold(text, |text, value| if text.contains(value) { text.replace(value, MASK) } else { text })
    }
}
