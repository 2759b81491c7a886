//! What stands for an execution where its ARN would be too long.

use super::SHARDS;

/// The random bits of the UUID that an execution's ARN ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(super) u128);

/// Characters of a UUID.
const UUID_BYTES: usize = 36;
/// Where its dashes are.
const DASHES: [usize; 4] = [8, 13, 18, 23];
/// No digit.
const NONE: u8 = 0x80;
/// The value of each hexadecimal digit, in lower case.
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};

impl Key {
    pub(crate) fn of(arn: &str) -> Option<Self> {
        let (_, uuid) = arn.as_bytes().split_last_chunk::<UUID_BYTES>()?;
        if DASHES.iter().any(|&at| uuid[at] != b'-') {
            return None;
        }
        // Each start comes here: without a branch for each digit.
        let (mut high, mut low, mut seen) = (0, 0, 0);
        let mut add = |bits: &mut u64, digits: &[u8]| {
            for &digit in digits {
                let value = DIGITS[usize::from(digit)];
                seen |= value;
                *bits = *bits << 4 | u64::from(value);
            }
        };
        add(&mut high, &uuid[..8]);
        add(&mut high, &uuid[9..13]);
        add(&mut high, &uuid[14..18]);
        add(&mut low, &uuid[19..23]);
        add(&mut low, &uuid[24..]);
        (seen & NONE == 0).then_some(Self(u128::from(high) << 64 | u128::from(low)))
    }

    pub(crate) fn shard(self) -> usize {
        self.0 as usize % SHARDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_number_that_the_uuid_writes() {
        let key = |uuid: &str| Key::of(&format!("arn:aws:states:r:a:express:m:n:{uuid}")).map(|key| key.0);
        let uuid = "01234567-89ab-cdef-fedc-ba9876543210";
        assert_eq!(key(uuid), Some(0x0123_4567_89ab_cdef_fedc_ba98_7654_3210));
        assert_eq!(Key::of(uuid).map(Key::shard), Some(0));
        for at in 0..UUID_BYTES {
            for wrong in ["A", "g", "/", ":", "-", "0"] {
                let mut uuid = uuid.to_owned();
                uuid.replace_range(at..=at, wrong);
                let is_right = if DASHES.contains(&at) { wrong == "-" } else { wrong == "0" };
                assert_eq!(key(&uuid).is_some(), is_right, "{uuid}");
            }
        }
        assert_eq!(Key::of("short"), None);
    }
}
