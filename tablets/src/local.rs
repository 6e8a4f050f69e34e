//! A metadata log in one process, for tests and for clusters that live in one.

mod changes;
mod copy;
mod history;
mod store;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use self::history::History;
pub use self::store::LocalStore;
use crate::{Answer, LogState, Metadata, NodeId, Proposal, ProposeError, StoreStopped, Version};

/// Bounds of a [`LocalLog`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalConfig {
    /// Changes in one proposal at most. 4096.
    pub proposal_changes_max: usize,
    /// Answers remembered for repeats. 4096.
    pub answers_max: usize,
    /// Versions kept for nodes that are behind; one that is further behind gets the newest copy, with everything
    /// touched. 1024.
    pub history_max: usize,
    /// Tablets listed in one update at most; beyond it everything counts as touched. 4096.
    pub touched_max: usize,
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            proposal_changes_max: 4096,
            answers_max: 4096,
            history_max: 1024,
            touched_max: 4096,
        }
    }
}

/// A metadata log in one process. Every node has a [`LocalStore`] on it and applies at its own pace.
///
/// It decides a proposal at once, in the caller's task, and keeps nothing on disk: it is lost with the process.
#[derive(Debug)]
pub struct LocalLog {
    config: LocalConfig,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: LogState,
    history: History,
    stores: Vec<Weak<LocalStore>>,
    stopped: bool,
}

impl LocalLog {
    /// An empty log.
    #[must_use]
    pub fn new(config: LocalConfig) -> Arc<Self> {
        Self::starting_from(config, Metadata::default())
    }

    /// A log that goes on from some metadata; what is derived in it is derived anew.
    #[must_use]
    pub fn starting_from(config: LocalConfig, mut metadata: Metadata) -> Arc<Self> {
        metadata.index();
        let history = History::new(Arc::new(metadata.clone()), config.history_max, config.touched_max);
        let state = LogState::new(metadata, config.answers_max);
        let inner = Inner {
            state,
            history,
            stores: Vec::new(),
            stopped: false,
        };
        Arc::new(Self {
            config,
            inner: Mutex::new(inner),
        })
    }

    /// A handle for a node, which has applied all there is.
    ///
    /// A node that starts again takes a new one, and should have stopped the one before.
    pub fn store(self: &Arc<Self>, node: NodeId) -> Arc<LocalStore> {
        let mut inner = self.lock();
        let store = LocalStore::new(
            node,
            Arc::clone(self),
            inner.history.newest(),
            false,
            inner.stopped,
        );
        inner.enlist(&store);
        store
    }

    /// A handle for a node that starts again and has applied no more than `version`. It stays there, paused, until
    /// it is [resumed](LocalStore::resume). None where that version is not kept any more, or not there yet.
    pub fn store_at(self: &Arc<Self>, node: NodeId, version: Version) -> Option<Arc<LocalStore>> {
        let mut inner = self.lock();
        let copy = inner.history.at(version)?;
        let store = LocalStore::new(node, Arc::clone(self), copy, true, inner.stopped);
        inner.enlist(&store);
        Some(store)
    }

    /// The newest copy that was decided, wherever it is applied.
    #[must_use]
    pub fn newest(&self) -> Arc<Metadata> {
        self.lock().history.newest()
    }

    /// Stops every handle, those to come included. Nothing is decided any more.
    pub fn stop(&self) {
        let stores = {
            let mut inner = self.lock();
            inner.stopped = true;
            inner.live_stores()
        };
        for store in stores {
            store.stop();
        }
    }

    /// Decides a proposal and lets every node that is not paused apply it.
    fn decide(&self, proposal: &Proposal) -> Result<Answer, ProposeError> {
        let (len, max) = (proposal.changes.len(), self.config.proposal_changes_max);
        if len > max {
            return Err(ProposeError::TooLarge { len, max });
        }
        let (decided, newest, stores) = {
            let mut inner = self.lock();
            if inner.stopped {
                return Err(StoreStopped.into());
            }
            if let Some(answer) = inner.state.recall(proposal.request) {
                return Ok(answer.clone());
            }
            let version = Version::new(inner.state.metadata().version.as_u64().saturating_add(1));
            let mut decided = inner.state.decide(version, proposal);
            let newest = Arc::new(inner.state.metadata().clone());
            let touched = std::mem::take(&mut decided.touched);
            inner.history.push(Arc::clone(&newest), touched);
            (decided, newest, inner.live_stores())
        };
        // Counted in the one place that sees each decided change once.
        decided.events.iter().for_each(|event| event.count());
        // Outside the lock, as it wakes. Two commits may come here in any order: a copy never goes back.
        for store in stores {
            store.follow(&newest);
        }
        Ok(decided.answer)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn enlist(&mut self, store: &Arc<LocalStore>) {
        self.stores.retain(|other| other.strong_count() > 0);
        self.stores.push(Arc::downgrade(store));
    }

    fn live_stores(&self) -> Vec<Arc<LocalStore>> {
        self.stores.iter().filter_map(Weak::upgrade).collect()
    }
}
