//! Version 4 UUIDs, as text.

/// A fresh random UUID, formatted. The generator is the thread's own: no lock, no system call.
#[derive(Clone, Copy)]
pub(crate) struct Uuid([u8; 36]);

impl Uuid {
    pub(crate) fn random() -> Self {
        Self::from_bits(fastrand::u128(..))
    }

    /// The UUID whose random bits are those of `bits`.
    fn from_bits(bits: u128) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut bytes = bits.to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in bytes.into_iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        Self(text)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 36] {
        &self.0
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits and hyphens are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_the_form_of_version_4() {
        let all = Uuid::from_bits(u128::MAX);
        assert_eq!(all.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(Uuid::from_bits(0).as_str(), "00000000-0000-4000-8000-000000000000");
        assert_ne!(Uuid::random().as_str(), Uuid::random().as_str());
    }
}
