//! Reading a file's parts, each of which knows its place.

use crate::{Failure, Timestamp};
use fleetstep_document::{Document, Text};
use std::fmt;

/// What is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// A JSON pointer (RFC 6901); the empty one is the whole file.
    pub place: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.problem),
            place => write!(f, "{place}: {}", self.problem),
        }
    }
}

impl std::error::Error for Unreadable {}

/// A value of the file.
pub(super) struct Part<'a> {
    value: &'a Document,
    place: String,
}

impl<'a> Part<'a> {
    /// The whole.
    pub(super) fn of(value: &'a Document) -> Self {
        Self { value, place: String::new() }
    }

    pub(super) fn wrong(&self, problem: impl Into<String>) -> Unreadable {
        Unreadable { place: self.place.clone(), problem: problem.into() }
    }

    pub(super) fn value(&self) -> Document {
        self.value.clone()
    }

    /// A member that has to be there.
    pub(super) fn get(&self, name: &str) -> Result<Self, Unreadable> {
        if self.value.as_object().is_none() {
            return Err(self.wrong(format!("an object should be here, not a value of type {}", self.value.type_name())));
        }
        self.find(name).ok_or_else(|| self.wrong(format!("the member '{name}' is missing")))
    }

    /// A member that may be there.
    pub(super) fn find(&self, name: &str) -> Option<Self> {
        let value = self.value.get(name)?;
        let name = name.replace('~', "~0").replace('/', "~1");
        Some(Self { value, place: format!("{}/{name}", self.place) })
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, Unreadable> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("an array should be here"))?;
        let item = |(at, value)| Self { value, place: format!("{}/{at}", self.place) };
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The members of an object.
    pub(super) fn members(&self) -> Result<Vec<(Text, Self)>, Unreadable> {
        let object = self.value.as_object().ok_or_else(|| self.wrong("an object should be here"))?;
        Ok(object.iter().filter_map(|(name, _)| Some((name.clone(), self.find(name)?))).collect())
    }

    pub(super) fn text(&self) -> Result<Text, Unreadable> {
        self.value.as_text().cloned().ok_or_else(|| self.wrong("a text should be here"))
    }

    pub(super) fn integer(&self) -> Result<i64, Unreadable> {
        self.value.as_i64().ok_or_else(|| self.wrong("a whole number should be here"))
    }

    /// A whole number that is not negative and fits.
    pub(super) fn number<T: TryFrom<i64>>(&self) -> Result<T, Unreadable> {
        T::try_from(self.integer()?).map_err(|_| self.wrong("this number is out of range"))
    }

    /// `2026-11-22T16:10:37.123456Z`
    pub(super) fn date(&self) -> Result<Timestamp, Unreadable> {
        let moment = self.text()?.parse::<jiff::Timestamp>();
        let moment = moment.map_err(|_| self.wrong("a time such as 2026-11-22T16:10:37.123456Z should be here"))?;
        Ok(Timestamp::from_micros(moment.as_microsecond()))
    }

    /// `error` and `cause`, either of which may be missing.
    pub(super) fn failure(&self) -> Result<Failure, Unreadable> {
        let text = |name| self.find(name).map(|part| part.text()).transpose();
        Ok(Failure { error: text("error")?, cause: text("cause")? })
    }
}

/// A time, to the microsecond; one that no calendar covers is none.
pub(super) fn date(at: Timestamp) -> Document {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(time) => Document::from(time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()),
        Err(_) => Document::NULL,
    }
}
