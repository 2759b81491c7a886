//! What the functions of both query languages have in common.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The digest of a text in hexadecimal; nothing for an algorithm that the service does not have.
pub(crate) fn digest(algorithm: &str, data: &str) -> Option<String> {
    fn hex<D: Digest>(data: &str) -> String {
        let digits = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[digit as usize]));
        D::digest(data.as_bytes()).iter().copied().flat_map(digits).collect()
    }
    Some(match algorithm {
        "MD5" => hex::<Md5>(data),
        "SHA-1" => hex::<Sha1>(data),
        "SHA-256" => hex::<Sha256>(data),
        "SHA-384" => hex::<Sha384>(data),
        "SHA-512" => hex::<Sha512>(data),
        _ => return None,
    })
}

/// A version 4 UUID of 128 random bits.
pub(crate) fn uuid_of(high: u64, low: u64) -> String {
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | (1 << 63);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// `java.util.Random`: what a seed means in the service.
pub(crate) struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    /// The sequence of a seed.
    pub(crate) fn new(seed: i64) -> Self {
        Self { state: (seed as u64 ^ Self::MULTIPLIER) & Self::MASK }
    }

    /// The next `bits` bits, at most 48.
    pub(crate) fn next(&mut self, bits: u32) -> u64 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        self.state >> (48 - bits)
    }

    /// `nextDouble()`: at least 0 and less than 1.
    pub(crate) fn next_double(&mut self) -> f64 {
        let high = self.next(26) << 27;
        (high + self.next(27)) as f64 / (1_u64 << 53) as f64
    }
}
