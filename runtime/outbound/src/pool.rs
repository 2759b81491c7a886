//! Connections that wait for the next request. None is shared by two policies.

use crate::body::Outgoing;
use crate::origin::Origin;
use fleetstep_engine::clock;
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Idle connections of one policy to one origin.
const IDLE_PER_ORIGIN_MAX: usize = 8;
/// Idle connections in all.
const IDLE_MAX: usize = 256;
/// How long a connection waits for its next request.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long one that was given back may take to be ready again. It mostly is at once; where the server has answered
/// before it has taken the whole request, it never is.
const READY_TIMEOUT: Duration = Duration::from_millis(2);

pub(crate) type Sender = SendRequest<Outgoing>;
type Key = (u64, Origin);

#[derive(Default)]
pub(crate) struct Pool(Mutex<Shelves>);

#[derive(Default)]
struct Shelves {
    idle: HashMap<Key, Vec<(Sender, Instant)>>,
    count: usize,
}

/// A connection that is in use. Dropped, it is closed.
pub(crate) struct Lease {
    pub(crate) sender: Sender,
    /// Whether it had a request before.
    pub(crate) reused: bool,
    key: Key,
    pool: Weak<Pool>,
}

impl Pool {
    /// A connection that is new.
    pub(crate) fn lease(self: &Arc<Self>, sender: Sender, policy: u64, origin: &Origin) -> Lease {
        Lease { sender, reused: false, key: (policy, origin.clone()), pool: Arc::downgrade(self) }
    }

    /// A connection that waits for this policy and origin, if there is one. The one that was used last comes first.
    pub(crate) async fn take(self: &Arc<Self>, policy: u64, origin: &Origin) -> Option<Lease> {
        let key = (policy, origin.clone());
        loop {
            let mut sender = self.shelves().pop(&key)?;
            if matches!(tokio::time::timeout(READY_TIMEOUT, sender.ready()).await, Ok(Ok(()))) {
                return Some(Lease { sender, reused: true, key, pool: Arc::downgrade(self) });
            }
        }
    }

    /// Closes the connections that have waited too long.
    pub(crate) fn purge(&self) {
        let now = clock::instant();
        let shelves = &mut *self.shelves();
        shelves.idle.retain(|_, shelf| {
            shelf.retain(|(sender, since)| !sender.is_closed() && now.duration_since(*since) < IDLE_TIMEOUT);
            !shelf.is_empty()
        });
        shelves.count = shelves.idle.values().map(Vec::len).sum();
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        // Every change leaves the shelves whole; the count is only for their bound.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn pop(&mut self, key: &Key) -> Option<Sender> {
        let shelf = self.idle.get_mut(key)?;
        let popped = shelf.pop();
        if shelf.is_empty() {
            self.idle.remove(key);
        }
        let (sender, _) = popped?;
        self.count = self.count.saturating_sub(1);
        Some(sender)
    }
}

impl Lease {
    /// Puts the connection by for the next request.
    pub(crate) fn give_back(self) {
        let Some(pool) = self.pool.upgrade() else { return };
        if self.sender.is_closed() {
            return;
        }
        let shelves = &mut *pool.shelves();
        if shelves.count >= IDLE_MAX {
            return;
        }
        let shelf = shelves.idle.entry(self.key).or_default();
        if shelf.len() < IDLE_PER_ORIGIN_MAX {
            shelf.push((self.sender, clock::instant()));
            shelves.count += 1;
        }
    }
}
