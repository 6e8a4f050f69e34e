//! Proof of having been admitted at an epoch.

use std::fmt;
use std::sync::Arc;

use tidegate_guard::{Closing, Guard, OwnedEntry, Rejected, SessionId};

use super::ledger::{EpochGates, Ledger};
use crate::{Epoch, TabletId};

/// Proof of having been admitted at an epoch of a tablet, for a request or for a long operation.
///
/// It holds no map: it follows changes of other tablets without a word. A change of its own tablet wakes
/// [`changed`](Self::changed); a barrier that fences its epoch off wakes [`closing`](Guard::closing), fails
/// [`check`](Guard::check), and waits for the guard to be dropped. It holds up barriers of its own tablet only.
pub struct MetadataGuard {
    tablet: TabletId,
    epoch: Epoch,
    gates: Arc<EpochGates>,
    // Some until dropped.
    entry: Option<OwnedEntry>,
    ledger: Arc<Ledger>,
}

impl MetadataGuard {
    pub(super) fn new(
        tablet: TabletId,
        epoch: Epoch,
        gates: Arc<EpochGates>,
        entry: OwnedEntry,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            tablet,
            epoch,
            gates,
            entry: Some(entry),
            ledger,
        }
    }

    /// The tablet of which the work is.
    #[must_use]
    pub const fn tablet(&self) -> TabletId {
        self.tablet
    }

    /// The epoch at which the work was admitted.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Completes when the node's metadata shows a later epoch of the tablet, or the node has no part in it any
    /// more. The work may still go on, as long as [`check`](Guard::check) lets it.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub fn changed(&self) -> Closing<'_> {
        self.gates.changed.closing()
    }

    /// Whether [`changed`](Self::changed) would complete at once.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.gates.changed.check().is_err()
    }
}

impl Guard for MetadataGuard {
    fn session(&self) -> Option<SessionId> {
        None
    }

    fn check(&self) -> Result<(), Rejected> {
        self.gates.admitted.check().map_err(|_| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.gates.admitted.closing()
    }
}

impl Drop for MetadataGuard {
    fn drop(&mut self) {
        // Left first, looked after: were it the other way round, a close between the two would find the gate held
        // and this guard would have seen it open, and nobody would take it off the list.
        drop(self.entry.take());
        if self.gates.admitted.check().is_err() {
            self.ledger.prune(self.tablet);
        }
    }
}

impl fmt::Debug for MetadataGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataGuard")
            .field("tablet", &self.tablet)
            .field("epoch", &self.epoch)
            .field("closing", &self.check().is_err())
            .finish_non_exhaustive()
    }
}
