//! What a function may read and nobody else: variables whose values are taken out of what it says.

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The shortest value of a secret: a shorter one would be found in any text.
pub const SECRET_BYTES_MIN: usize = 8;
/// What stands where a value was.
pub const MASKED: &str = "***";

/// Variables of a function's environment that are secret, by name.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secrets(pub BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, MASKED))).finish()
    }
}

impl Secrets {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Takes the values of secrets out of texts, in time that grows with the text alone.
#[derive(Default)]
pub(crate) struct Mask(Option<Values>);

struct Values {
    finder: AhoCorasick,
    bytes_max: usize,
}

impl Mask {
    /// For these secrets. A value of several lines is found by each of its lines too: a log has them one by one.
    pub(crate) fn new<'v>(secrets: impl IntoIterator<Item = &'v String>) -> Result<Self, BuildError> {
        let values = secrets.into_iter().flat_map(|value| std::iter::once(value.as_str()).chain(value.lines()));
        let values: Vec<_> = values.filter(|value| value.len() >= SECRET_BYTES_MIN).collect();
        if values.is_empty() {
            return Ok(Self(None));
        }
        let bytes_max = values.iter().map(|value| value.len()).max().unwrap_or_default();
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(values)?;
        Ok(Self(Some(Values { finder, bytes_max })))
    }

    /// The text without the values.
    pub(crate) fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(values) if values.finder.is_match(text) => {
                Cow::Owned(values.finder.replace_all(text, &vec![MASKED; values.finder.patterns_len()]))
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// As [`Mask::apply`], for a text whose end was cut off: what may be the beginning of a value goes too.
    pub(crate) fn apply_to_cut<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let doubtful = self.0.as_ref().map_or(0, |values| values.bytes_max - 1);
        // Before the cut, so that a whole value that reaches into the doubtful part goes as one.
        match self.apply(text) {
            Cow::Borrowed(text) => {
                Cow::Borrowed(&text[..text.floor_char_boundary(text.len().saturating_sub(doubtful))])
            }
            Cow::Owned(mut text) => {
                text.truncate(text.floor_char_boundary(text.len().saturating_sub(doubtful)));
                Cow::Owned(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(values: &[&str]) -> Mask {
        let named = values.iter().enumerate().map(|(n, value)| (format!("S{n}"), (*value).to_owned()));
        let named: BTreeMap<_, _> = named.collect();
        Mask::new(named.values()).unwrap()
    }

    #[test]
    fn values_are_taken_out_the_longest_first() {
        let mask = mask(&["password", "password-of-two", "-----BEGIN\nMIIabcdef\nx\n-----END--"]);
        let cases = [
            ("nothing here: passwor", "nothing here: passwor"),
            ("a password, password-of-two!", "a ***, ***!"),
            ("passwordpassword", "******"),
            ("MIIabcdef", "***"),
            ("x", "x"),
            ("key -----BEGIN\nMIIabcdef\nx\n-----END--.", "key ***."),
        ];
        for (text, masked) in cases {
            assert_eq!(mask.apply(text), masked);
        }
    }

    #[test]
    fn the_beginning_of_a_value_at_a_cut_goes_too() {
        let mask = mask(&["password"]);
        assert_eq!(mask.apply_to_cut("it is passwor"), "it is ");
        assert_eq!(Mask::default().apply_to_cut("it is passwor"), "it is passwor");
    }

    #[test]
    fn secrets_do_not_show_their_values() {
        let secrets = Secrets(BTreeMap::from([("KEY".to_owned(), "password".to_owned())]));
        assert_eq!(format!("{secrets:?}"), r#"{"KEY": "***"}"#);
    }
}
