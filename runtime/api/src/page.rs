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
    page: BytesMut,
}

thread_local! {
    static DESK: RefCell<Desk> = RefCell::default();
}

/// What `write` writes. It writes to a buffer that is there already, and must not come here again.
pub(crate) fn written(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    DESK.with_borrow_mut(|desk| {
        desk.buffer.clear();
        write(&mut desk.buffer);
        if desk.buffer.len() > COPIED_BYTES_MAX { std::mem::take(&mut desk.buffer).into() } else { desk.cut() }
    })
}

/// A copy of a short text.
pub(crate) fn copied(text: &[u8]) -> Bytes {
    written(|out| out.extend_from_slice(text))
}

impl Desk {
    fn cut(&mut self) -> Bytes {
        if self.page.capacity() < self.buffer.len() {
            self.page = BytesMut::with_capacity(PAGE_BYTES);
        }
        self.page.extend_from_slice(&self.buffer);
        self.page.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stay_as_they_were_written() {
        let lengths = || (0..200).map(|at| at * 97 % (COPIED_BYTES_MAX + 100));
        let answers: Vec<Bytes> = lengths().map(|length| written(|out| out.resize(length, length as u8))).collect();
        for (length, answer) in lengths().zip(answers) {
            assert_eq!(answer, vec![length as u8; length]);
        }
    }
}
