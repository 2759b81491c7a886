//! A global allocator that serves a call from memory the module has from its start.
//!
//! A fresh instance lives for one call, so freeing is mostly wasted work, and memory that grows during a call costs
//! the host two system calls. The arena hands out its bytes one after the other and takes back only the last piece;
//! what does not fit goes to the target's own allocator, which grows the memory.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};

/// Bytes of the arena. With a stack of 48 KiB and the data of a small task this makes a module of two pages; a task
/// that needs more sets `FLEETSTEP_ARENA_KIB` where it is built.
#[cfg(target_arch = "wasm32")]
const ARENA_BYTES: usize = match option_env!("FLEETSTEP_ARENA_KIB") {
    None => 40 << 10,
    Some(kib) => match usize::from_str_radix(kib, 10) {
        Ok(kib) => kib << 10,
        Err(_) => panic!("FLEETSTEP_ARENA_KIB is a number of KiB"),
    },
};

#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ARENA: Arena<ARENA_BYTES> = Arena::new();

#[repr(align(16))]
struct Bytes<const SIZE: usize>(UnsafeCell<[u8; SIZE]>);

struct Arena<const SIZE: usize> {
    bytes: Bytes<SIZE>,
    /// How many bytes are handed out: all free ones lie behind them.
    used: Cell<usize>,
}

// SAFETY: a static must be Sync, and this module is left out of builds with threads (`target_feature = "atomics"`):
// only one thread ever calls.
#[cfg(target_arch = "wasm32")]
unsafe impl<const SIZE: usize> Sync for Arena<SIZE> {}

impl<const SIZE: usize> Arena<SIZE> {
    const fn new() -> Self {
        Self { bytes: Bytes(UnsafeCell::new([0; SIZE])), used: Cell::new(0) }
    }

    fn base(&self) -> *mut u8 {
        self.bytes.0.get().cast()
    }

    /// Where the pointer lies in the arena, or `None` when it came from the system.
    fn offset(&self, pointer: *mut u8) -> Option<usize> {
        let offset = pointer.addr().wrapping_sub(self.base().addr());
        (offset < SIZE).then_some(offset)
    }

    /// Hands out the next bytes, or `None` when too few are left.
    fn take(&self, layout: Layout) -> Option<*mut u8> {
        let address = self.base().addr() + self.used.get();
        let start = self.used.get() + (address.next_multiple_of(layout.align()) - address);
        let end = start.checked_add(layout.size()).filter(|end| *end <= SIZE)?;
        self.used.set(end);
        Some(self.base().wrapping_add(start))
    }

    /// Makes the piece at `offset` longer or shorter where it is, if it is the last one and has room.
    fn resize_last(&self, offset: usize, size: usize, size_new: usize) -> bool {
        let last = offset + size == self.used.get();
        let room = size_new <= SIZE - offset;
        if last && room {
            self.used.set(offset + size_new);
        }
        last && room
    }
}

// SAFETY: a piece is in [0, used) from `take` on and `used` falls below its end only when the piece itself is freed
// or shrunk, so pieces never overlap; `take` aligns the address itself; and a pointer goes back to the system exactly
// when it is outside the arena, that is when the system handed it out. Nothing here panics or allocates.
unsafe impl<const SIZE: usize> GlobalAlloc for Arena<SIZE> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            Some(pointer) => pointer,
            // SAFETY: the caller's promise about the layout is passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match self.offset(pointer) {
            Some(offset) => {
                self.resize_last(offset, layout.size(), 0);
            }
            // SAFETY: the pointer is outside the arena, so the system handed it out with this layout.
            None => unsafe { System.dealloc(pointer, layout) },
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size_new: usize) -> *mut u8 {
        let Some(offset) = self.offset(pointer) else {
            // SAFETY: as in `dealloc`, and the caller's promise about the new size is passed on.
            return unsafe { System.realloc(pointer, layout, size_new) };
        };
        let shorter = size_new <= layout.size();
        if self.resize_last(offset, layout.size(), size_new) || shorter {
            return pointer;
        }
        // SAFETY: the alignment is that of a layout, and the caller promises that the new size does not overflow.
        let moved = unsafe { self.alloc(Layout::from_size_align_unchecked(size_new, layout.align())) };
        if !moved.is_null() {
            // SAFETY: the old piece is the shorter one, and both are handed out, so they do not overlap.
            unsafe { std::ptr::copy_nonoverlapping(pointer, moved, layout.size()) };
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout::new::<[u64; 4]>();

    /// Allocates and fills, so that an overlap shows.
    fn filled<const SIZE: usize>(arena: &Arena<SIZE>, layout: Layout, byte: u8) -> *mut u8 {
        // SAFETY: no layout in these tests has a size of zero, and the piece is written within its size.
        unsafe {
            let pointer = arena.alloc(layout);
            assert!(!pointer.is_null());
            assert_eq!(pointer.addr() % layout.align(), 0);
            pointer.write_bytes(byte, layout.size());
            pointer
        }
    }

    fn holds(pointer: *mut u8, size: usize, byte: u8) -> bool {
        // SAFETY: the tests ask only about live pieces, within their size.
        unsafe { std::slice::from_raw_parts(pointer, size) }.iter().all(|found| *found == byte)
    }

    #[test]
    fn pieces_lie_side_by_side_and_aligned() {
        let arena = Arena::<1024>::new();
        let byte = filled(&arena, Layout::new::<u8>(), 1);
        let words = filled(&arena, LAYOUT, 2);
        let wide = filled(&arena, Layout::from_size_align(64, 64).expect("a layout"), 3);
        assert!(holds(byte, 1, 1) && holds(words, 32, 2) && holds(wide, 64, 3));
    }

    #[test]
    fn the_last_piece_is_taken_back_and_others_are_not() {
        let arena = Arena::<1024>::new();
        let first = filled(&arena, LAYOUT, 1);
        let second = filled(&arena, LAYOUT, 2);
        // SAFETY: both are live with this layout.
        unsafe {
            arena.dealloc(first, LAYOUT);
            assert_eq!(arena.used.get(), 64);
            arena.dealloc(second, LAYOUT);
        }
        assert_eq!(arena.used.get(), 32);
    }

    #[test]
    fn the_last_piece_grows_in_place_and_another_moves() {
        let arena = Arena::<1024>::new();
        let first = filled(&arena, LAYOUT, 1);
        // SAFETY: the piece is live with the layout given.
        assert_eq!(unsafe { arena.realloc(first, LAYOUT, 64) }, first);
        filled(&arena, LAYOUT, 2);
        // SAFETY: the piece is live and 64 bytes long by now.
        let moved = unsafe { arena.realloc(first, Layout::from_size_align(64, 8).expect("a layout"), 128) };
        assert_ne!(moved, first);
        assert!(holds(moved, 32, 1));
    }

    #[test]
    fn a_piece_that_becomes_shorter_stays() {
        let arena = Arena::<1024>::new();
        let first = filled(&arena, LAYOUT, 1);
        let second = filled(&arena, LAYOUT, 2);
        // SAFETY: both are live with this layout.
        unsafe {
            assert_eq!(arena.realloc(first, LAYOUT, 8), first);
            assert_eq!(arena.realloc(second, LAYOUT, 8), second);
        }
        assert_eq!(arena.used.get(), 40);
    }

    #[test]
    fn what_does_not_fit_comes_from_the_system_and_goes_back() {
        let arena = Arena::<64>::new();
        let inside = filled(&arena, LAYOUT, 1);
        let large = Layout::from_size_align(4096, 8).expect("a layout");
        let outside = filled(&arena, large, 2);
        assert!(arena.offset(inside).is_some() && arena.offset(outside).is_none());
        // SAFETY: both are live with the layouts given; the second is live with the grown one.
        unsafe {
            let outside = arena.realloc(outside, large, 8192);
            assert!(holds(outside, 4096, 2));
            arena.dealloc(outside, Layout::from_size_align(8192, 8).expect("a layout"));
            let moved = arena.realloc(inside, LAYOUT, 4096);
            assert!(arena.offset(moved).is_none() && holds(moved, 32, 1));
            arena.dealloc(moved, large);
        }
        assert_eq!(arena.used.get(), 32, "a piece that moved out is not reused");
    }

    #[test]
    fn freed_bytes_are_zeroed_when_asked() {
        let arena = Arena::<64>::new();
        let first = filled(&arena, LAYOUT, 7);
        // SAFETY: the piece is live with this layout, and the new one is read within its size.
        unsafe {
            arena.dealloc(first, LAYOUT);
            let zeroed = arena.alloc_zeroed(LAYOUT);
            assert_eq!(zeroed, first);
            assert!(holds(zeroed, 32, 0));
        }
    }
}
