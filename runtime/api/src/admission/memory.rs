//! The memory of the process, looked at by those who start: over the budget nothing is started until there is room
//! again. What executions hold is not counted document by document, which every step would pay for; the operating system
//! knows it.

use fleetstep_engine::clock;
use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// A thread looks at the clock for one of so many starts.
const STARTS_BETWEEN_LOOKS: u32 = 16;
/// The process is measured no more often than this, in microseconds.
const MEASURED_EVERY_MICROS: i64 = 50_000;
/// Once over the budget, it has to be below this share of it.
const ROOM_AGAIN: f64 = 0.95;
/// The file that says what the process holds, and how much of it is read: the line lies in its first half.
const STATUS: &str = "/proc/self/status";
const STATUS_BYTES: usize = 4_096;

thread_local! {
    static STARTS: Cell<u32> = const { Cell::new(0) };
}

/// The budget, and how the process stands to it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    bytes_max: Option<u64>,
    /// Kept open: reading it again costs one system call.
    status: Option<File>,
    is_short: AtomicBool,
    measured_at: AtomicI64,
    resident: AtomicU64,
}

impl Memory {
    pub(crate) fn new(bytes_max: Option<u64>) -> Self {
        Self { bytes_max, status: File::open(STATUS).ok(), ..Self::default() }
    }

    /// Whether nothing more is to be started now.
    pub(crate) fn is_short(&self) -> bool {
        let Some(bytes_max) = self.bytes_max else { return false };
        let is_short = self.is_short.load(Relaxed);
        let looks = STARTS.with(|starts| {
            let count = starts.get().wrapping_add(1);
            starts.set(count);
            count.is_multiple_of(STARTS_BETWEEN_LOOKS)
        });
        // While it is short, everyone looks: the first who may start must find out that it is over.
        if looks || is_short { self.look(bytes_max, clock::now().as_micros()) } else { false }
    }

    fn look(&self, bytes_max: u64, now: i64) -> bool {
        let before = self.measured_at.load(Relaxed);
        let is_due = now - before >= MEASURED_EVERY_MICROS || now < before;
        if is_due
            && self.measured_at.compare_exchange(before, now, Relaxed, Relaxed).is_ok()
            && let Some(resident) = self.resident_bytes()
        {
            self.resident.store(resident, Relaxed);
            let is_short = is_over(resident, bytes_max, self.is_short.load(Relaxed));
            self.is_short.store(is_short, Relaxed);
        }
        self.is_short.load(Relaxed)
    }

    /// Resident memory of this process now.
    pub(crate) fn resident_bytes(&self) -> Option<u64> {
        let mut text = [0; STATUS_BYTES];
        let length = self.status.as_ref()?.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(&text[..length]).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim_ascii().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    }

    /// The budget.
    pub(crate) fn bytes_max(&self) -> Option<u64> {
        self.bytes_max
    }
}

/// Whether so much is too much; less is asked of one that was over it.
fn is_over(resident: u64, bytes_max: u64, was_over: bool) -> bool {
    let bound = if was_over { (bytes_max as f64 * ROOM_AGAIN) as u64 } else { bytes_max };
    resident > bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_over_must_come_down_a_little_further() {
        assert!(!is_over(100, 100, false));
        assert!(is_over(101, 100, false));
        assert!(is_over(96, 100, true));
        assert!(!is_over(95, 100, true));
    }

    #[test]
    fn it_is_measured_now_and_then_and_not_for_every_start() {
        let memory = Memory::new(Some(1));
        assert!(memory.look(1, 1_000_000), "this process has more than a byte");
        memory.is_short.store(false, Relaxed);
        assert!(!memory.look(1, 1_000_000 + MEASURED_EVERY_MICROS - 1), "not due yet");
        assert!(memory.look(1, 1_000_000 + MEASURED_EVERY_MICROS));
        assert!((0..100).any(|_| memory.is_short()));
        assert!((0..100).all(|_| !Memory::new(None).is_short()), "without a budget nobody looks");
    }
}
