//! The functions of the language: one table per theme, looked up by name.

mod array;
mod higher_order;
mod matching;
mod numeric;
mod object;
mod pictures;
mod string;

pub(super) use array::merge_sort;
pub(super) use matching::{call_regex, next_match};

use super::{Arguments, Native};

/// All tables. A theme adds its own `pub(super) const FUNCTIONS: &[Native]` here.
const TABLES: &[&[Native]] = &[
    string::FUNCTIONS,
    matching::FUNCTIONS,
    numeric::FUNCTIONS,
    array::FUNCTIONS,
    object::FUNCTIONS,
    higher_order::FUNCTIONS,
    pictures::FUNCTIONS,
];

/// The functions of the language.
pub(super) fn all() -> impl Iterator<Item = &'static Native> {
    TABLES.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::collections::HashSet;

    #[test]
    fn no_name_stands_twice() {
        let mut names = HashSet::new();
        for native in all() {
            assert!(names.insert(native.name), "{}", native.name);
        }
    }
}
