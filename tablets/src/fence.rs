//! Which epochs of a tablet still get in, and who is in.

mod ledger;
mod metadata_guard;
mod rule;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use self::ledger::Ledger;
pub use self::metadata_guard::MetadataGuard;
pub use self::rule::FenceRule;
use crate::{Epoch, TabletId};

/// Admits work at an epoch of a tablet, and shuts older work out: a node has one.
///
/// What the node's metadata shows is *published* here; a barrier *raises* the fence and then waits for what is
/// older. Work is admitted from the fence up to what is published. A node that is neither replica nor participant
/// of a tablet has published nothing of it, and admits nothing.
///
/// A fence is never absent and never goes down: the first publishing of a tablet sets it to the epoch that it
/// shows. So after a start a node publishes nothing before its first read barrier has ended, and then what it
/// shows.
///
/// Everything here is done in short critical sections of one tablet's shard; nobody is woken inside one, and none
/// is held while waiting. What is remembered is bounded by the tablets published and the guards held.
#[derive(Clone)]
pub struct RequestFence {
    ledger: Arc<Ledger>,
}

/// Why work was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AdmitError {
    /// The node is neither replica nor participant of that tablet, as far as it knows: ask others.
    #[error("this node is no replica of the tablet")]
    NotReplica,
    /// The epoch is below the fence: come again with a map that has the wanted one.
    #[error("the epoch is too old: {wanted} is wanted")]
    Stale {
        /// The latest epoch of the tablet that this node has heard of.
        wanted: Epoch,
    },
    /// The node's own metadata has not come that far: wait for it, and ask again.
    #[error("the epoch is ahead of this node's, which is {current}")]
    Ahead {
        /// The epoch that the node's metadata shows.
        current: Epoch,
    },
}

impl RequestFence {
    /// A fence that admits nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ledger: Arc::new(Ledger::new()),
        }
    }

    /// The node's metadata shows the tablet at `epoch`, and the node is replica or participant.
    ///
    /// Never lowers a fence; the first time it sets it. Wakes [`changed`](MetadataGuard::changed) of the guards of
    /// older epochs. An epoch below the one published before changes nothing.
    pub fn publish(&self, tablet: TabletId, epoch: Epoch) {
        for gates in self.ledger.publish(tablet, epoch) {
            gates.changed.close();
        }
    }

    /// The node is neither replica nor participant of the tablet any more, or the tablet is gone.
    ///
    /// Nothing is admitted from now on. Guards that are held are closed and told of the change, and still count
    /// until they are dropped: await [`older_ended`](Self::older_ended) of [`Epoch::MAX`] before deleting.
    pub fn forget(&self, tablet: TabletId) {
        for gates in self.ledger.forget(tablet) {
            gates.changed.close();
            gates.admitted.close();
        }
        self.ledger.prune(tablet);
    }

    /// Admits work at `epoch`, until the guard is dropped. Looking at the fence and entering is one step.
    ///
    /// # Errors
    ///
    /// [`AdmitError`], whose variants name the caller's next move.
    pub fn admit(&self, tablet: TabletId, epoch: Epoch) -> Result<MetadataGuard, AdmitError> {
        let (gates, entry) = self.ledger.admit(tablet, epoch)?;
        Ok(MetadataGuard::new(
            tablet,
            epoch,
            gates,
            entry,
            Arc::clone(&self.ledger),
        ))
    }

    /// Refuses every epoch below `epoch` from now on and begins to close the guards that are older; answers
    /// whether the tablet is published here, and if not remembers nothing.
    ///
    /// It sticks, also above what is published, and is never undone. When it returns, the check of every older
    /// guard fails.
    pub fn raise(&self, tablet: TabletId, epoch: Epoch) -> bool {
        let (known, older) = self.ledger.raise(tablet, epoch);
        if older.is_empty() {
            return known;
        }
        // Closed outside the shard's lock, as closing wakes. Nobody enters these gates meanwhile: the fence went
        // up inside the lock, and entering looks at it inside the lock. A second raise finds the fence up and the
        // gates not yet closed: it is given them too, and closes them before it returns.
        for gates in older {
            gates.admitted.close();
        }
        self.ledger.prune(tablet);
        known
    }

    /// Waits until nothing that was admitted at an epoch below `epoch` is left. [`raise`](Self::raise) first: what
    /// is still allowed in is waited for until somebody does. It has no deadline: drop it.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub async fn older_ended(&self, tablet: TabletId, epoch: Epoch) {
        // What is admitted after this look, and is older, was not fenced off: the caller has not raised. After a
        // raise the list is whole, because an entry that beat the raise to the lock is on it.
        for gates in self.ledger.older(tablet, epoch) {
            gates.admitted.drained().await;
        }
    }

    /// How many guards of epochs below `epoch` are held.
    #[must_use]
    pub fn older_holders(&self, tablet: TabletId, epoch: Epoch) -> usize {
        self.ledger
            .older(tablet, epoch)
            .iter()
            .map(|gates| gates.admitted.holders())
            .sum()
    }

    /// The lowest epoch that is still admitted; none where nothing is published.
    #[must_use]
    pub fn fence(&self, tablet: TabletId) -> Option<Epoch> {
        self.ledger.published(tablet).map(|(fence, _)| fence)
    }

    /// The epoch that the node's metadata shows, as far as it was published.
    #[must_use]
    pub fn published(&self, tablet: TabletId) -> Option<Epoch> {
        self.ledger.published(tablet).map(|(_, published)| published)
    }
}

impl Default for RequestFence {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RequestFence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestFence")
            .field("tablets", &self.ledger.tablets())
            .field("gates", &self.ledger.gates())
            .finish_non_exhaustive()
    }
}
