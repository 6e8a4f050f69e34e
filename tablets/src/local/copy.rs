//! What one node has applied, shared by its handle and by those who follow it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Metadata, StoreStopped};

/// What a node has applied, and whether it goes on.
pub(super) struct Applied {
    pub(super) metadata: Arc<Metadata>,
    pub(super) stopped: bool,
    pub(super) paused: bool,
}

/// One node's copy.
pub(super) struct NodeCopy {
    applied: Mutex<Applied>,
    /// Wakes those who wait in the order in which they came, which a watch channel of tokio does not.
    changed: Notify,
}

impl NodeCopy {
    pub(super) fn new(applied: Applied) -> Arc<Self> {
        Arc::new(Self {
            applied: Mutex::new(applied),
            changed: Notify::new(),
        })
    }

    pub(super) fn look(&self) -> MutexGuard<'_, Applied> {
        // Nothing under the lock panics.
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes those who wait if `change` says that there is something for them.
    pub(super) fn change(&self, change: impl FnOnce(&mut Applied) -> bool) {
        let wakes = change(&mut self.look());
        if wakes {
            self.changed.notify_waiters();
        }
    }

    /// Waits until the copy is `enough`, and gives it.
    ///
    /// Cancel safe.
    pub(super) async fn wait_for(
        &self,
        enough: impl Fn(&Metadata) -> bool,
    ) -> Result<Arc<Metadata>, StoreStopped> {
        loop {
            // Made before the look at the copy: it hears of what is applied from here on.
            let changed = self.changed.notified();
            {
                let applied = self.look();
                if applied.stopped {
                    return Err(StoreStopped);
                }
                if enough(&applied.metadata) {
                    return Ok(Arc::clone(&applied.metadata));
                }
            }
            changed.await;
        }
    }
}

impl Applied {
    pub(super) fn step(&mut self, to: &Arc<Metadata>) -> bool {
        let newer = !self.stopped && to.version > self.metadata.version;
        if newer {
            self.metadata = Arc::clone(to);
        }
        newer
    }
}
