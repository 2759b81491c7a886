//! Where answers are written: one buffer of each thread, and pages that hold many answers in a row.
//!
//! The latest answers are kept, so that memory for the next one is cold. In a page they lie one behind the other, which
//! the processor foresees, and one page is allocated for dozens of them.

use bytes::{Bytes, BytesMut};
use std::cell::RefCell;

/// A page. Kept answers hold their page.
const PAGE_BYTES: usize = 64 << 10;
/// Longer answers are not copied into a page.
const COPIED_BYTES_MAX: usize = 8 << 10;

#[derive(Default)]
struct Desk {
    buffer: Vec<u8>,
    /// For answers that are kept.
    kept: BytesMut,
    /// For all others: what is kept must not hold a page of them.
    passing: BytesMut,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// What `write` writes, to be kept. It writes to a buffer that is there already, and must not come here again.
pub(crate) fn kept(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    written(write, |desk| &mut desk.kept)
}

/// What `write` writes, to be sent and forgotten.
pub(crate) fn passing(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    written(write, |desk| &mut desk.passing)
}

fn written(write: impl FnOnce(&mut Vec<u8>), page: fn(&mut Desk) -> &mut BytesMut) -> Bytes {
    DESK.with_borrow_mut(|desk| {
        let mut buffer = std::mem::take(&mut desk.buffer);
        buffer.clear();
        write(&mut buffer);
        if buffer.len() > COPIED_BYTES_MAX {
            return buffer.into();
        }
        let cut = cut(page(desk), &buffer);
        desk.buffer = buffer;
        cut
    })
}

fn cut(page: &mut BytesMut, text: &[u8]) -> Bytes {
    if page.capacity() < text.len() {
        *page = BytesMut::with_capacity(PAGE_BYTES);
    }
    page.extend_from_slice(text);
    page.split().freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stay_as_they_were_written() {
        let lengths = || (0..200).map(|at| at * 97 % (COPIED_BYTES_MAX + 100));
        let answers: Vec<Bytes> = lengths().map(|length| kept(|out| out.resize(length, length as u8))).collect();
        for (length, answer) in lengths().zip(answers) {
            assert_eq!(answer, vec![length as u8; length]);
        }
    }
}
