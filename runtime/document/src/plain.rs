//! Texts that are written as they were read: checked, but not taken apart.

use crate::scan::special;

/// Deeper texts are taken apart at once.
const DEPTH_MAX: usize = 32;
/// So are texts with more keys in the objects that are open at one place.
const OPEN_KEYS_MAX: usize = 64;

/// How many levels of arrays and objects a text has, if it is an array or an object in exactly the form in which
/// [`Document::write_json`](crate::Document::write_json) would write it: no space, no escape that is not needed, no
/// key twice. Of such a text it is enough to know that.
///
/// Nothing for any other text, be it JSON or not; a few that are of that form are among them.
pub(crate) fn depth_of_plain(text: &str) -> Option<u8> {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, keys: [(0, 0); OPEN_KEYS_MAX], open_keys: 0 };
    scan.container()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Start and length of the keys of all objects that are open.
    keys: [(u32, u32); OPEN_KEYS_MAX],
    open_keys: usize,
}

/// An array or an object that is open.
#[derive(Clone, Copy, Default)]
struct Level {
    is_object: bool,
    /// The first of its keys.
    first_key: u8,
    /// A bit for each of its keys, by a digest: two keys that are the same have the same.
    digests: u64,
}

impl Scan<'_> {
    fn container(&mut self) -> Option<u8> {
        if !matches!(self.peek()?, b'{' | b'[') || u32::try_from(self.bytes.len()).is_err() {
            return None;
        }
        let mut levels = [Level::default(); DEPTH_MAX];
        let (mut depth, mut deepest) = (0, 0);
        loop {
            match self.next()? {
                b'"' => self.string()?,
                b'{' => {
                    let first_key = self.open_keys as u8;
                    let level = levels.get_mut(depth)?;
                    *level = Level { is_object: true, first_key, digests: 0 };
                    depth += 1;
                    if self.peek()? != b'}' {
                        self.key(level)?;
                        continue;
                    }
                    self.at += 1;
                    deepest = deepest.max(depth);
                    depth -= 1;
                }
                b'[' => {
                    *levels.get_mut(depth)? = Level::default();
                    depth += 1;
                    if self.peek()? != b']' {
                        continue;
                    }
                    self.at += 1;
                    deepest = deepest.max(depth);
                    depth -= 1;
                }
                b'-' => {
                    let digit = self.next()?;
                    self.number(digit)?;
                }
                digit @ b'0'..=b'9' => self.number(digit)?,
                b't' => self.word(b"rue")?,
                b'f' => self.word(b"alse")?,
                b'n' => self.word(b"ull")?,
                _ => return None,
            }
            // After a value: what closes, and then a comma or the end.
            loop {
                let Some(level) = depth.checked_sub(1).and_then(|top| levels.get_mut(top)) else {
                    return (self.at == self.bytes.len()).then_some(deepest as u8);
                };
                match (self.next()?, level.is_object) {
                    (b',', false) => break,
                    (b',', true) => {
                        self.key(level)?;
                        break;
                    }
                    (b'}', true) => self.open_keys = level.first_key.into(),
                    (b']', false) => {}
                    _ => return None,
                }
                deepest = deepest.max(depth);
                depth -= 1;
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    /// The rest of a string, behind its first quote.
    #[inline]
    fn string(&mut self) -> Option<()> {
        loop {
            self.at = special(self.bytes, self.at);
            match self.next()? {
                b'"' => return Some(()),
                // The escapes that are written; `\u` is needed by few characters, and left to the parser.
                b'\\' if matches!(self.peek()?, b'"' | b'\\' | b'n' | b'r' | b't' | b'b' | b'f') => self.at += 1,
                _ => return None,
            }
        }
    }

    /// A key with its colon. Keys with escapes are left to the parser, so that keys that differ here differ.
    #[inline]
    fn key(&mut self, level: &mut Level) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        let start = self.at;
        self.at = special(self.bytes, start);
        if self.next()? != b'"' || self.next()? != b':' {
            return None;
        }
        let length = self.at - 2 - start;
        let digest = digest(&self.bytes[start..start + length]);
        if level.digests & digest != 0 && self.has_key(level, start, length) {
            return None;
        }
        level.digests |= digest;
        *self.keys.get_mut(self.open_keys)? = (start as u32, length as u32);
        self.open_keys += 1;
        Some(())
    }

    #[cold]
    fn has_key(&self, level: &Level, start: usize, length: usize) -> bool {
        let text = |start: usize, length: usize| &self.bytes[start..start + length];
        let open = &self.keys[level.first_key.into()..self.open_keys];
        open.iter().any(|&(at, other)| text(at as usize, other as usize) == text(start, length))
    }

    /// The rest of a number, behind its first digit.
    #[inline]
    fn number(&mut self, first: u8) -> Option<()> {
        match first {
            b'0' => {}
            b'1'..=b'9' => while self.took_digit() {},
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let some = self.took_digit();
        while self.took_digit() {}
        some.then_some(())
    }

    #[inline]
    fn took_digit(&mut self) -> bool {
        let here = self.peek().is_some_and(|byte| byte.is_ascii_digit());
        self.at += usize::from(here);
        here
    }

    #[inline]
    fn word(&mut self, rest: &[u8]) -> Option<()> {
        let end = self.at + rest.len();
        let here = self.bytes.get(self.at..end)? == rest;
        self.at = end;
        here.then_some(())
    }
}

/// One bit of 64, from a key's length and its first, middle and last byte.
#[inline]
fn digest(key: &[u8]) -> u64 {
    let (Some(&first), Some(&last)) = (key.first(), key.last()) else { return 1 };
    let middle = key[key.len() / 2];
    let mixed = usize::from(first) * 5 + usize::from(middle) * 3 + usize::from(last) + key.len() * 7;
    1 << (mixed % 64)
}

#[cfg(test)]
mod tests {
    use super::depth_of_plain;

    #[test]
    fn plain_texts_are_known() {
        let cases = [
            ("{}", Some(1)),
            ("[[],[[]],{}]", Some(3)),
            (r#"{"a":{"a":1},"b":[{"a":"\\\"\n"},{"a":-0.5e-7}],"ab":true,"ba":null}"#, Some(3)),
            (r#"{"a":1,"a":2}"#, None),
            (r#"{"a":{},"b":{"a":1,"a":2}}"#, None),
            (r#"{"a":{"b":1},"b":2}"#, Some(2)),
            (r#"{"\n":1}"#, None),
            ("[1, 2]", None),
            ("[1]\n", None),
            ("1", None),
            ("", None),
            ("[01]", None),
            ("[1.]", None),
            ("[-]", None),
            ("[1e]", None),
            ("[tru]", None),
            ("[1,]", None),
            ("[,1]", None),
            ("[1}", None),
            (r#"{"a"}"#, None),
            (r#"{"a":}"#, None),
            (r#"{"a":1,}"#, None),
            ("[", None),
            ("]", None),
            ("[]]", None),
            ("[\"\u{1}\"]", None),
            (r#"["\/"]"#, None),
        ];
        for (text, expected) in cases {
            assert_eq!(depth_of_plain(text), expected, "{text}");
        }
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(depth_of_plain(&nested(super::DEPTH_MAX)), Some(super::DEPTH_MAX as u8));
        assert_eq!(depth_of_plain(&nested(super::DEPTH_MAX + 1)), None);
    }
}
