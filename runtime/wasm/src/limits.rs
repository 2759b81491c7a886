//! Bounds on what one instance may hold.

use crate::quantum;
use async_trait::async_trait;
use wasmtime::{ResourceLimiter, ResourceLimiterAsync};

/// Core instances within one component: its own, adapters and shims.
pub(crate) const CORE_INSTANCES_MAX: u32 = 16;
/// Memories within one component.
pub(crate) const MEMORIES_MAX: u32 = 4;
/// Tables within one component.
pub(crate) const TABLES_MAX: u32 = 8;
/// Tables within one core module.
pub(crate) const MODULE_TABLES_MAX: u32 = 4;
/// Entries of one table. Programs of the Go tool chain need more than the engine's default of 20,000.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;

/// An instance with more memory than this has its turns in the slow lane. One instruction can fill or copy all of it,
/// and nothing ends a turn within an instruction.
const MEMORY_SERVED_BYTES_MAX: usize = 16 << 20;

/// Counts an instance's memory, and remembers that it was refused some.
pub(crate) struct Limits {
    memory_bytes: usize,
    memory_bytes_max: usize,
    /// What the latest growth was granted; nothing once one was refused.
    granted_last: usize,
    refused: bool,
    /// Whether it had to leave the serving threads.
    is_large: bool,
}

impl Limits {
    pub(crate) fn new(memory_bytes_max: u64) -> Self {
        let memory_bytes_max = usize::try_from(memory_bytes_max).unwrap_or(usize::MAX);
        Self { memory_bytes: 0, memory_bytes_max, granted_last: 0, refused: false, is_large: false }
    }

    /// What the instance holds, in KiB. A memory never shrinks: this is the most that it held.
    pub(crate) fn memory_kib(&self) -> u32 {
        u32::try_from(self.memory_bytes >> 10).unwrap_or(u32::MAX)
    }

    /// Whether the guest asked for memory and did not get it. One that then fails did so for want of memory.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// What all its memories have together.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Whether it had to leave the serving threads.
    pub(crate) fn is_large(&self) -> bool {
        self.is_large
    }

    /// Grants more memory, or remembers that it did not.
    fn grant(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let fits = self.memory_bytes.checked_add(more).filter(|&all| all <= self.memory_bytes_max);
        match fits {
            Some(all) => (self.memory_bytes, self.granted_last) = (all, more),
            None => (self.granted_last, self.refused) = (0, true),
        }
        fits.is_some()
    }
}

/// While an instance is made that starts with a small memory and runs nothing meanwhile: it has no turn to end.
impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grant(current, desired))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        // Granted here, but beyond the memory's own maximum, or refused by the operating system.
        self.memory_bytes -= std::mem::take(&mut self.granted_last);
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX as usize
    }
}

/// The same bounds while a guest runs, whose turn ends where its memory has become large.
#[async_trait]
impl ResourceLimiterAsync for Limits {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = ResourceLimiter::memory_growing(self, current, desired, maximum)?;
        if !self.is_large && self.memory_bytes > MEMORY_SERVED_BYTES_MAX {
            self.is_large = true;
            quantum::end_turn().await;
        }
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        ResourceLimiter::memory_grow_failed(self, error)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        ResourceLimiter::table_growing(self, current, desired, maximum)
    }

    fn instances(&self) -> usize {
        ResourceLimiter::instances(self)
    }

    fn tables(&self) -> usize {
        ResourceLimiter::tables(self)
    }

    fn memories(&self) -> usize {
        ResourceLimiter::memories(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_all_memories_together() {
        let mut limits = Limits::new(100);
        assert!(limits.grant(0, 60));
        assert!(!limits.grant(0, 60), "a second memory counts too");
        assert!(limits.refused());
        assert!(limits.grant(60, 100), "what fits is still granted");
    }

    #[test]
    fn a_growth_that_failed_is_given_back() {
        let mut limits = Limits::new(100);
        assert!(limits.grant(0, 100));
        ResourceLimiter::memory_grow_failed(&mut limits, wasmtime::Error::msg("no")).unwrap();
        assert!(limits.refused());
        assert!(limits.grant(0, 100));
    }

    #[test]
    fn what_was_granted_before_is_not_given_back_by_a_later_failure() {
        let mut limits = Limits::new(100);
        assert!(limits.grant(0, 100));
        assert!(!limits.grant(100, 200));
        ResourceLimiter::memory_grow_failed(&mut limits, wasmtime::Error::msg("no")).unwrap();
        assert!(!limits.grant(100, 101));
    }
}
