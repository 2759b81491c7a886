//! Looking through text, a word at a time.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Where the first byte at or behind `from` is that a JSON string does not hold as it is: a quote, a backslash or a
/// control character; the end of the text where there is none.
#[inline]
pub(crate) fn special(bytes: &[u8], mut from: usize) -> usize {
    while let Some(word) = bytes.get(from..).and_then(<[u8]>::first_chunk) {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return from + found.trailing_zeros() as usize / 8;
        }
        from += 8;
    }
    while let Some(&byte) = bytes.get(from) {
        if is_special(byte) {
            break;
        }
        from += 1;
    }
    from
}

/// Whether a JSON string does not hold that byte as it is: a quote, a backslash or a control character.
#[inline]
#[must_use]
pub fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The high bit of the first special byte (see [`is_special`]) of a word of eight, the first in its lowest byte; perhaps
/// of some behind it: a borrow goes up, never down.
#[inline]
#[must_use]
pub fn specials(word: u64) -> u64 {
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let zero_or_less = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    (zero_or_less(quotes, 1) | zero_or_less(backslashes, 1) | zero_or_less(word, 0x20)) & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::{is_special, special};

    #[test]
    fn every_byte_is_told_at_every_place() {
        for byte in 0..=255_u8 {
            for length in 1..20 {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = byte;
                    // What comes behind the first does not hide it, nor what is like it come before.
                    for other in [b'x', b'"', 0, 0x1f, 0x20, 0x80, 0xff, b'#', b'!', b'[', b']'] {
                        text[at + 1..].fill(other);
                        let expected = text.iter().position(|&byte| is_special(byte)).unwrap_or(length);
                        assert_eq!(special(&text, 0), expected, "{text:?}");
                        assert_eq!(special(&text, at), expected.max(at), "{text:?}");
                    }
                }
            }
        }
    }
}
