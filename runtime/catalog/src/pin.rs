//! What an execution is pinned to: a revision of a state machine, and the modules of the functions that it calls, as they
//! were when its start was accepted. A start that runs again after a crash runs that, whatever was deployed since.

use arc_swap::ArcSwapOption;
use fleetstep_wasm::Digest;
use std::sync::Arc;

/// One such revision with its modules. As long as somebody has it, the store keeps what it names.
#[derive(Debug)]
pub struct Pin {
    digest: Digest,
}

impl Pin {
    pub(crate) fn new(digest: Digest) -> Self {
        Self { digest }
    }

    /// What it is found by again: the SHA-256 of its record.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        self.digest.as_bytes()
    }
}

/// The latest pin of a revision.
#[derive(Debug, Default)]
pub(crate) struct PinCache(ArcSwapOption<Latest>);

#[derive(Debug)]
struct Latest {
    pin: Arc<Pin>,
    /// How many changes of functions there had been; nothing for a program that calls none.
    changes: Option<u64>,
}

impl PinCache {
    /// The pin, if it still says what the program would call.
    pub(crate) fn current(&self, changes: u64) -> Option<Arc<Pin>> {
        let latest = self.0.load();
        let latest = latest.as_ref().filter(|latest| latest.changes.is_none_or(|of_pin| of_pin == changes))?;
        Some(Arc::clone(&latest.pin))
    }

    pub(crate) fn keep(&self, pin: &Arc<Pin>, changes: Option<u64>) {
        self.0.store(Some(Arc::new(Latest { pin: Arc::clone(pin), changes })));
    }
}

/// What is cloned becomes another revision.
impl Clone for PinCache {
    fn clone(&self) -> Self {
        Self::default()
    }
}
