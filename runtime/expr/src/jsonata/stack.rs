//! How much of the thread's stack is used: the backstop behind the bounds of depth, since how much a nested call takes
//! depends on the build.

use super::JsonataError;
use super::budget::{TOO_DEEP, exceeded};

/// What compiling and evaluating may use of the stack; a thread has 2 MiB.
const STACK_BYTES_MAX: usize = 1 << 20;

/// Where the stack stood at the beginning.
#[derive(Clone, Copy)]
pub(super) struct Stack {
    base: usize,
}

impl Stack {
    /// Begins to count here.
    pub(super) fn here() -> Self {
        Self { base: address() }
    }

    /// An error when too much is used.
    #[inline]
    pub(super) fn check(self) -> Result<(), JsonataError> {
        if self.base.abs_diff(address()) > STACK_BYTES_MAX {
            return Err(exceeded(TOO_DEEP));
        }
        Ok(())
    }
}

/// The address of something that lies on the stack now.
#[inline]
fn address() -> usize {
    let marker = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&marker)).addr()
}
