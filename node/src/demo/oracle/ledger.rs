//! What clients were told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::digest::Digest;
use super::told::{State, Told};
use super::verdict::Wrong;

/// Nodes of one process share a clock to the millisecond; what was given up longer ago has an earlier timestamp.
const SETTLE: Duration = Duration::from_millis(200);

/// What a client is about to do with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent<'a> {
    /// Write this value. It is kept by its digest.
    Write(&'a [u8]),
    /// Delete the key.
    Delete,
}

/// What clients were told; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    keys: Mutex<BTreeMap<Bytes, Told>>,
    operations: AtomicU64,
    settle: Duration,
}

impl Ledger {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::settling_after(SETTLE)
    }

    /// An empty one, in which a later operation covers one whose outcome is unknown if it began that much later.
    pub(super) fn settling_after(settle: Duration) -> Self {
        Self {
            shared: Arc::new(Shared {
                keys: Mutex::default(),
                operations: AtomicU64::new(0),
                settle,
            }),
        }
    }

    /// A client begins an operation. Until the answer is told, and if it never is, the operation may have taken
    /// effect or not.
    #[must_use = "dropped, the operation's outcome is unknown"]
    pub(crate) fn begin(&self, key: &Bytes, intent: Intent<'_>) -> Pending {
        let state = match intent {
            Intent::Write(value) => State::Value(Digest::of(value)),
            Intent::Delete => State::Deleted,
        };
        // Relaxed: numbers of one key are given out one after the other by its one client.
        let number = self.shared.operations.fetch_add(1, Ordering::Relaxed);
        self.keys()
            .entry(key.clone())
            .or_default()
            .begin(number, state, Instant::now());
        Pending {
            ledger: self.clone(),
            key: key.clone(),
            number,
            told: false,
        }
    }

    /// A read through the cluster has shown a value, or none. Remembered for the verdict if that cannot be.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn read(&self, key: &Bytes, value: Option<&[u8]>) -> Result<(), Wrong> {
        let seen = value.map(Digest::of);
        self.keys()
            .entry(key.clone())
            .or_default()
            .read(seen, self.shared.settle)
    }

    /// The tombstones of these keys were purged on every replica. Counts for those that are certainly deleted.
    pub(crate) fn purged(&self, keys: &[Bytes]) {
        let mut told = self.keys();
        for key in keys {
            if let Some(told) = told.get_mut(key) {
                told.purge();
            }
        }
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, BTreeMap<Bytes, Told>> {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

/// An operation under way. Dropped, its outcome is unknown.
#[derive(Debug)]
pub(crate) struct Pending {
    ledger: Ledger,
    key: Bytes,
    number: u64,
    told: bool,
}

impl Pending {
    /// The client was told that it is done.
    pub(crate) fn acknowledged(mut self) {
        let settle = self.ledger.shared.settle;
        self.tell(|told, number| told.acknowledge(number, settle));
    }

    /// The client was told that it was not done, and will not be.
    pub(crate) fn refused(mut self) {
        self.tell(Told::refuse);
    }

    fn tell(&mut self, tell: impl FnOnce(&mut Told, u64)) {
        self.told = true;
        if let Some(told) = self.ledger.keys().get_mut(&self.key) {
            tell(told, self.number);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.told {
            let now = Instant::now();
            self.tell(|told, number| told.unknown(number, now));
        }
    }
}
