//! Classes of characters, and what it means to ignore case.

/// A class: `[a-z_]`, `\d`, `[^\s]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Class {
    pub(super) negated: bool,
    /// Inclusive.
    pub(super) ranges: Vec<(char, char)>,
}

/// `\d`
pub(super) const DIGITS: &[(char, char)] = &[('0', '9')];
/// `\w`
pub(super) const WORDS: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
/// `\s`
pub(super) const SPACES: &[(char, char)] = &[
    ('\t', '\r'),
    (' ', ' '),
    ('\u{a0}', '\u{a0}'),
    ('\u{1680}', '\u{1680}'),
    ('\u{2000}', '\u{200a}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202f}', '\u{202f}'),
    ('\u{205f}', '\u{205f}'),
    ('\u{3000}', '\u{3000}'),
    ('\u{feff}', '\u{feff}'),
];

impl Class {
    pub(super) fn of(ranges: &[(char, char)], negated: bool) -> Self {
        Self { negated, ranges: ranges.to_vec() }
    }

    pub(super) fn push(&mut self, low: char, high: char) {
        self.ranges.push((low, high));
    }

    /// Adds one of the sets that an escape names, or what it leaves out.
    pub(super) fn push_set(&mut self, set: &[(char, char)], negated: bool) {
        if negated {
            self.ranges.extend(complement(set));
        } else {
            self.ranges.extend_from_slice(set);
        }
    }

    pub(super) fn matches(&self, c: char, ignore_case: bool) -> bool {
        (self.holds(c) || ignore_case && self.holds_other_case(c)) != self.negated
    }

    fn holds(&self, c: char) -> bool {
        self.ranges.iter().any(|&(low, high)| low <= c && c <= high)
    }

    /// Whether a character is in the class whose canonical case is that of `c`.
    fn holds_other_case(&self, c: char) -> bool {
        let upper = canonical(c);
        let same = |other: char| canonical(other) == upper && self.holds(other);
        // A range is asked for the plain pair of cases, a single member also for the rarer kin (`ς` and `σ`).
        same(upper)
            || single(upper.to_lowercase()).is_some_and(same)
            || self.ranges.iter().any(|&(low, high)| low == high && canonical(low) == upper)
    }
}

/// The gaps between the sorted ranges of `set`.
fn complement(set: &[(char, char)]) -> Vec<(char, char)> {
    let mut gaps = Vec::with_capacity(set.len() + 1);
    let mut next = Some('\0');
    for &(low, high) in set {
        if let (Some(start), Some(end)) = (next, before(low))
            && start <= end
        {
            gaps.push((start, end));
        }
        next = after(high);
    }
    gaps.extend(next.map(|start| (start, char::MAX)));
    gaps
}

fn before(c: char) -> Option<char> {
    char::from_u32((c as u32).checked_sub(1)?)
}

fn after(c: char) -> Option<char> {
    char::from_u32(c as u32 + 1)
}

/// The form of a character by which those are compared that differ only in case (ECMAScript `Canonicalize` without
/// the `u` flag): upper case, unless that takes several characters or turns another script into ASCII.
pub(super) fn canonical(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    single(c.to_uppercase()).filter(|upper| !upper.is_ascii()).unwrap_or(c)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

pub(super) fn is_line_terminator(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
