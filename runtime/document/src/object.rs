//! Objects: entries in the order in which they came, with a sorted index beside the large ones.

use crate::extent::ExtentCell;
use crate::{Document, Text};
use std::sync::OnceLock;

/// Up to this many keys a look-up walks the entries; above, it searches a sorted index.
const LINEAR_KEYS_MAX: usize = 12;

/// The entries of a JSON object, in insertion order, each key once.
#[derive(Default)]
pub struct Object {
    entries: Vec<(Text, Document)>,
    /// Positions of `entries` sorted by key; made at the first look-up into a large object.
    index: OnceLock<Box<[u32]>>,
    pub(crate) extent: ExtentCell,
}

impl Object {
    /// An object of `entries`; of a key that comes twice the last value stays, at the first place.
    #[must_use]
    pub fn from_entries(mut entries: Vec<(Text, Document)>) -> Self {
        if entries.len() <= LINEAR_KEYS_MAX {
            drop_repeats_linear(&mut entries);
            return Self { entries, ..Self::default() };
        }
        let order = sorted(&entries);
        if order.windows(2).any(|pair| key_at(&entries, pair[0]) == key_at(&entries, pair[1])) {
            drop_repeats_sorted(&mut entries, &order);
            return Self { entries, ..Self::default() };
        }
        Self { entries, index: order.into(), ..Self::default() }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `key`.
    #[must_use]
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Document> {
        // In line, since the walk along nearly every path is made of this loop.
        if self.entries.len() <= LINEAR_KEYS_MAX {
            for (known, value) in &self.entries {
                if same_key(known, key) {
                    return Some(value);
                }
            }
            return None;
        }
        self.search(key)
    }

    #[cold]
    fn search(&self, key: &str) -> Option<&Document> {
        self.position(key).map(|at| &self.entries[at].1)
    }

    /// Whether `key` is there.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.position(key).is_some()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Document)> {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// Sets `key`: in its place when it is there, else as the last.
    pub fn insert(&mut self, key: Text, value: Document) {
        match self.position(&key) {
            Some(at) => self.entries[at].1 = value,
            None => {
                self.entries.push((key, value));
                self.index = OnceLock::new();
            }
        }
    }

    /// The value of `key`, to change; `Null` is inserted where the key is missing.
    pub fn entry<K: AsRef<str> + Into<Text>>(&mut self, key: K) -> &mut Document {
        let at = match self.position(key.as_ref()) {
            Some(at) => at,
            None => {
                self.insert(key.into(), Document::NULL);
                self.entries.len() - 1
            }
        };
        &mut self.entries[at].1
    }

    /// Takes `key` out; the order of the others stays.
    pub fn remove(&mut self, key: &str) -> Option<Document> {
        let at = self.position(key)?;
        self.index = OnceLock::new();
        Some(self.entries.remove(at).1)
    }

    fn position(&self, key: &str) -> Option<usize> {
        if self.entries.len() <= LINEAR_KEYS_MAX {
            return self.entries.iter().position(|(k, _)| k == key);
        }
        let index = self.index.get_or_init(|| sorted(&self.entries));
        let at = index.binary_search_by(|&at| key_at(&self.entries, at).cmp(key)).ok()?;
        Some(index[at] as usize)
    }
}

/// Whether two keys are the same. Keys are short, and calling a comparison of memory takes longer than making one.
#[inline]
pub(crate) fn same_key(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    if left.len() != right.len() {
        return false;
    }
    // Two words that overlap cover all lengths up to twice theirs.
    match left.len() {
        0 => true,
        1..4 => {
            let (middle, last) = (left.len() / 2, left.len() - 1);
            left[0] == right[0] && left[middle] == right[middle] && left[last] == right[last]
        }
        4..=8 => left.first_chunk::<4>() == right.first_chunk() && left.last_chunk::<4>() == right.last_chunk(),
        9..=16 => left.first_chunk::<8>() == right.first_chunk() && left.last_chunk::<8>() == right.last_chunk(),
        // No call here either.
        _ => words(left).eq(words(right)) && left.last_chunk::<8>() == right.last_chunk(),
    }
}

#[inline]
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word))
}

impl Clone for Object {
    /// Copies the entries but neither index nor size, and leaves room for one more: a clone is made in order to be
    /// changed.
    fn clone(&self) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len() + 1);
        entries.extend_from_slice(&self.entries);
        Self { entries, ..Self::default() }
    }
}

impl PartialEq for Object {
    /// Two objects are equal when they have the same keys with equal values, in whatever order.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

/// Collects entries and makes an object of them.
#[derive(Default)]
pub struct ObjectBuilder(Vec<(Text, Document)>);

impl ObjectBuilder {
    /// A builder with room for `capacity` keys.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds an entry.
    pub fn push(&mut self, key: impl Into<Text>, value: impl Into<Document>) {
        self.0.push((key.into(), value.into()));
    }

    /// Adds an entry and gives the builder back.
    #[must_use]
    pub fn with(mut self, key: impl Into<Text>, value: impl Into<Document>) -> Self {
        self.push(key, value);
        self
    }

    /// The finished object.
    #[must_use]
    pub fn build(self) -> Document {
        Document::from(Object::from_entries(self.0))
    }
}

fn key_at(entries: &[(Text, Document)], at: u32) -> &str {
    &entries[at as usize].0
}

fn sorted(entries: &[(Text, Document)]) -> Box<[u32]> {
    let mut order: Box<[u32]> = (0..entries.len() as u32).collect();
    order.sort_by(|&a, &b| key_at(entries, a).cmp(key_at(entries, b)));
    order
}

fn drop_repeats_linear(entries: &mut Vec<(Text, Document)>) {
    // A bit for each key, by a digest: two keys that are the same have the same.
    let mut digests = 0_u64;
    let mut at = 0;
    while at < entries.len() {
        let digest = digest(&entries[at].0);
        let may_repeat = digests & digest != 0;
        digests |= digest;
        if may_repeat && let Some(first) = entries[..at].iter().position(|(key, _)| same_key(key, &entries[at].0)) {
            entries[first].1 = entries.remove(at).1;
        } else {
            at += 1;
        }
    }
}

/// One bit of 64, from the length of a key and its ends.
#[inline]
fn digest(key: &str) -> u64 {
    let (Some(&first), Some(&last)) = (key.as_bytes().first(), key.as_bytes().last()) else { return 1 };
    1 << ((usize::from(first) * 5 + usize::from(last) * 3 + key.len()) % 64)
}

/// The sort is stable, so that within a run of equal keys the positions rise: the first keeps its place and
/// takes the value of the last.
fn drop_repeats_sorted(entries: &mut Vec<(Text, Document)>, order: &[u32]) {
    let mut keep = vec![true; entries.len()];
    for run in order
        .chunk_by(|&a, &b| key_at(entries, a) == key_at(entries, b))
        .filter(|run| run.len() > 1)
        .map(<[u32]>::to_vec)
        .collect::<Vec<_>>()
    {
        let (first, last) = (run[0] as usize, run[run.len() - 1] as usize);
        entries[first].1 = entries[last].1.clone();
        for &other in &run[1..] {
            keep[other as usize] = false;
        }
    }
    let mut keep = keep.into_iter();
    entries.retain(|_| keep.next().unwrap_or(true));
}

#[cfg(test)]
mod tests {
    use super::same_key;

    #[test]
    fn keys_of_every_length_differ_in_every_place() {
        for length in 0..40 {
            let key = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnop"[..length].to_owned();
            assert!(same_key(&key, &key.clone()), "{key}");
            assert!(!same_key(&key, &format!("{key}x")), "{key}");
            for at in 0..length {
                let other = format!("{}{}{}", &key[..at], '_', &key[at + 1..]);
                assert!(!same_key(&key, &other), "{key} and {other}");
            }
        }
    }
}
