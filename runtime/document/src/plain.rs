//! Texts that are written as they were read: checked, but not taken apart.

use crate::scan::{special, specials};

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
    let mut scan = Scan { bytes: text.as_bytes(), at: 0, keys: [0; OPEN_KEYS_MAX], open_keys: 0 };
    scan.container()
}

/// The text without the space between its tokens, if there is any, and if every space touches one of `{}[],:`: then
/// the two texts are the same JSON, or neither is JSON.
pub(crate) fn without_space(text: &str) -> Option<String> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    let is_mark = |byte: &u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':');
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        if byte == b'"' {
            at = special(bytes, at + 1);
            while bytes.get(at) == Some(&b'\\') {
                at = special(bytes, at + 2);
            }
            at += 1;
            out.extend_from_slice(bytes.get(start..at)?);
            continue;
        }
        if !is_space(&byte) {
            out.push(byte);
            at += 1;
            continue;
        }
        at += bytes[at..].iter().take_while(|&byte| is_space(byte)).count();
        let is_between = |byte: Option<&u8>| byte.is_none_or(is_mark);
        if !is_between(out.last()) && !is_between(bytes.get(at)) {
            return None;
        }
    }
    if out.len() == bytes.len() {
        return None;
    }
    String::from_utf8(out).ok()
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the keys of all objects that are open start.
    keys: [u32; OPEN_KEYS_MAX],
    open_keys: usize,
}

/// The arrays and objects that are open.
struct Levels {
    is_object: [bool; DEPTH_MAX],
    /// The first key of each.
    first_key: [u8; DEPTH_MAX],
    /// A bit for each key of each, by a digest: two keys that are the same have the same.
    digests: [u64; DEPTH_MAX],
}

impl Scan<'_> {
    fn container(&mut self) -> Option<u8> {
        if !matches!(self.peek()?, b'{' | b'[') || u32::try_from(self.bytes.len()).is_err() {
            return None;
        }
        let mut levels = Levels { is_object: [false; DEPTH_MAX], first_key: [0; DEPTH_MAX], digests: [0; DEPTH_MAX] };
        let (mut depth, mut deepest) = (0, 0);
        loop {
            match self.next()? {
                b'"' => self.string()?,
                open @ (b'{' | b'[') => {
                    let is_object = open == b'{';
                    *levels.is_object.get_mut(depth)? = is_object;
                    levels.first_key[depth] = self.open_keys as u8;
                    levels.digests[depth] = 0;
                    depth += 1;
                    deepest = deepest.max(depth);
                    // The brackets are two apart in ASCII.
                    if self.peek()? == open + 2 {
                        self.at += 1;
                        depth -= 1;
                    } else {
                        if is_object {
                            self.key(&mut levels.digests[depth - 1], levels.first_key[depth - 1])?;
                        }
                        continue;
                    }
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
                let Some(top) = depth.checked_sub(1).filter(|&top| top < DEPTH_MAX) else {
                    return (self.at == self.bytes.len()).then_some(deepest as u8);
                };
                match (self.next()?, levels.is_object[top]) {
                    (b',', false) => break,
                    (b',', true) => {
                        self.key(&mut levels.digests[top], levels.first_key[top])?;
                        break;
                    }
                    (b'}', true) => self.open_keys = levels.first_key[top].into(),
                    (b']', false) => {}
                    _ => return None,
                }
                depth = top;
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
    fn key(&mut self, digests: &mut u64, first_key: u8) -> Option<()> {
        if self.next()? != b'"' {
            return None;
        }
        let start = self.at;
        let (end, digest) = self.key_end(start);
        self.at = end;
        if self.next()? != b'"' || self.next()? != b':' {
            return None;
        }
        if *digests & digest != 0 && self.has_key(first_key, &self.bytes[start..=end]) {
            return None;
        }
        *digests |= digest;
        *self.keys.get_mut(self.open_keys)? = start as u32;
        self.open_keys += 1;
        Some(())
    }

    /// Where the key ends, and one bit of 64 from its first seven bytes.
    #[inline]
    fn key_end(&self, start: usize) -> (usize, u64) {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let bit = |word: u64| 1 << ((word << 8).wrapping_mul(SPREAD) >> 58);
        let Some(&word) = self.bytes.get(start..).and_then(<[u8]>::first_chunk) else {
            return (special(self.bytes, start), !0);
        };
        let word = u64::from_le_bytes(word);
        match specials(word) {
            0 => (special(self.bytes, start + 8), bit(word)),
            found => {
                let length = found.trailing_zeros() / 8;
                (start + length as usize, bit(word & ((1 << (8 * length)) - 1)))
            }
        }
    }

    /// Whether the object has the key already, which is given with its closing quote.
    #[cold]
    fn has_key(&self, first_key: u8, key: &[u8]) -> bool {
        let open = &self.keys[first_key.into()..self.open_keys];
        open.iter().any(|&start| self.bytes[start as usize..].starts_with(key))
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

#[cfg(test)]
mod tests {
    use super::{depth_of_plain, without_space};

    #[test]
    fn space_goes_where_it_says_nothing() {
        let cases = [
            (" { \"a b\" :\n[ 1 ,\ttrue ] }\r\n", Some("{\"a b\":[1,true]}")),
            ("[\"\\\" , \"  ]", Some("[\"\\\" , \"]")),
            ("[\"\\\" , \\\\\"  ]", Some("[\"\\\" , \\\\\"]")),
            (" 1 ", Some("1")),
            ("1 2", None),
            ("[1 2]", None),
            ("[tr ue]", None),
            ("[\"a\" \"b\"]", None),
            ("[1,2]", None),
            ("[\"\n\", 1]", None),
            ("", None),
            (" ", Some("")),
        ];
        for (text, expected) in cases {
            assert_eq!(without_space(text).as_deref(), expected, "{text}");
        }
    }

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
            (r#"{"key of some length":1,"key of some lengths":2,"key of some":3,"":4}"#, Some(1)),
            (r#"{"key of some length":1,"x":2,"key of some length":3}"#, None),
            (r#"{"":1,"":1}"#, None),
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
