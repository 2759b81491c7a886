//! Arrays and objects that are kept as their text, and what was looked at in it.

use crate::object::same_key;
use crate::{Document, Text, parse};
use std::ops::Range;
use std::sync::OnceLock;

/// Members of an object that are found one by one; an object with more is taken apart as a whole, and gets an index.
const MEMBERS_MAX: usize = 16;

/// An array or an object as its text, in the form in which [`Document::write_json`] would write it.
pub(crate) struct Raw {
    /// The text in which it stands, and where.
    text: Text,
    start: u32,
    end: u32,
    /// How many levels of arrays and objects it has.
    pub(crate) depth: u8,
    /// Where its members are, once somebody asked for one: nothing for what is taken apart as a whole.
    members: OnceLock<Option<Box<[Member]>>>,
    /// What it says, once somebody looked at all of it.
    document: OnceLock<Document>,
}

/// A member of an object within a text.
pub(crate) struct Member {
    /// Its name, which has no escapes.
    name: (u32, u32),
    value: (u32, u32),
    /// What the value says, once somebody looked.
    document: OnceLock<Document>,
}

impl Member {
    pub(crate) fn new(name: Range<usize>, value: Range<usize>) -> Self {
        let place = |range: Range<usize>| (range.start as u32, range.end as u32);
        Self { name: place(name), value: place(value), document: OnceLock::new() }
    }
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

impl Raw {
    /// What stands at a place of a text, which was checked, and has so many levels.
    pub(crate) fn new(text: Text, place: Range<usize>, depth: u8) -> Self {
        let (start, end) = (place.start as u32, place.end as u32);
        Self { text, start, end, depth, members: OnceLock::new(), document: OnceLock::new() }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text[self.place()]
    }

    /// The text to share, where this is all of it.
    pub(crate) fn whole_text(&self) -> Option<&Text> {
        (self.place().len() == self.text.len()).then_some(&self.text)
    }

    fn place(&self) -> Range<usize> {
        range((self.start, self.end))
    }

    /// All of it, taken apart by one level.
    #[cold]
    pub(crate) fn look(&self) -> &Document {
        self.document.get_or_init(|| parse::look_into(&self.text, self.place()))
    }

    /// The value of one member: mostly few of them are looked at, and the others stay text.
    #[cold]
    #[inline(never)]
    pub(crate) fn member(&self, name: &str) -> Option<&Document> {
        if let Some(document) = self.document.get() {
            return document.as_object()?.get(name);
        }
        let members = self.members.get_or_init(|| parse::members(&self.text, self.place(), MEMBERS_MAX));
        let Some(members) = members else { return self.look().as_object()?.get(name) };
        let member = members.iter().find(|member| same_key(&self.text[range(member.name)], name))?;
        Some(member.document.get_or_init(|| parse::look_at(&self.text, range(member.value))))
    }

    /// The same as a document of its own, taken out or shared.
    pub(crate) fn taken(this: &mut std::sync::Arc<Self>) -> Document {
        this.look();
        let document = match std::sync::Arc::get_mut(this) {
            Some(raw) => raw.document.take(),
            None => this.document.get().cloned(),
        };
        document.expect("it has been looked into")
    }
}
