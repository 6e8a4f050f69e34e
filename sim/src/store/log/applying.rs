//! Nodes apply what was decided, each at its own pace.

use std::sync::Arc;

use tidegate_tablets::{Metadata, NodeId, Version};

use super::SimLog;
use crate::event::Event;
use crate::store::SimStore;
use crate::store::copy::Copy;

/// What a node does next.
enum Next {
    /// It has applied all, or is held back.
    Rests,
    /// It applies the next entry.
    Applies,
    /// It applies the next entry when others had their turn.
    Yields,
    /// It applies the next entry later.
    Waits,
}

impl SimLog {
    pub(super) fn enlist(self: &Arc<Self>, node: NodeId, metadata: Arc<Metadata>) -> Arc<SimStore> {
        let (version, lag) = (metadata.version, self.config.lag.clone());
        let (copy, before) = {
            let mut inner = self.lock();
            let copy = Copy::new(node, metadata, lag, inner.rng.fork());
            let before = inner.copies.insert(node, (Arc::downgrade(&copy), version));
            if inner.stopped {
                copy.stop();
            }
            (copy, before)
        };
        if let Some(before) = before.and_then(|(copy, _)| copy.upgrade()) {
            before.stop();
        }
        self.follow(&copy);
        Arc::new(SimStore::new(Arc::clone(self), copy))
    }

    /// Has a node apply what it lacks, unless somebody is at it.
    pub(in crate::store) fn follow(self: &Arc<Self>, copy: &Arc<Copy>) {
        let newest = self.lock().history.newest().version;
        {
            let mut state = copy.state();
            if state.stopped || state.paused || state.applying || state.metadata.version >= newest {
                return;
            }
            state.applying = true;
        }
        let (log, copy) = (Arc::clone(self), Arc::clone(copy));
        tokio::spawn(async move {
            copy.rest().await;
            log.apply(&copy).await;
        });
    }

    /// A node takes a copy that is newer than its own.
    pub(in crate::store) fn step(&self, copy: &Arc<Copy>, to: &Arc<Metadata>, snapshot: bool) -> bool {
        if !copy.step(to, snapshot) {
            return false;
        }
        let (node, version) = (copy.node, to.version);
        self.applied_is(copy, version);
        self.recorder.record(Event::Applied {
            node,
            version,
            snapshot,
        });
        true
    }

    fn applied_is(&self, copy: &Arc<Copy>, version: Version) {
        let mut inner = self.lock();
        if let Some((newest, applied)) = inner.copies.get_mut(&copy.node)
            && std::ptr::eq(newest.as_ptr(), Arc::as_ptr(copy))
        {
            *applied = version.max(*applied);
        }
    }

    /// Applies entry by entry, with rests drawn between them, until there is no more.
    async fn apply(self: Arc<Self>, copy: &Arc<Copy>) {
        loop {
            match self.next(copy) {
                Next::Rests => return,
                Next::Applies => {}
                Next::Yields => tokio::task::yield_now().await,
                Next::Waits => copy.rest().await,
            }
        }
    }

    /// Applies the next entry, unless the node is held back; draws what comes then.
    fn next(&self, copy: &Arc<Copy>) -> Next {
        let after = {
            let inner = self.lock();
            let mut state = copy.state();
            let after = inner.history.after(state.metadata.version);
            if state.stopped || state.paused || after.is_none() {
                // Under both locks: what is decided from here on finds that nobody is at it.
                state.applying = false;
                return Next::Rests;
            }
            after
        };
        if let Some((metadata, snapshot)) = after {
            self.step(copy, &metadata, snapshot);
        }
        match copy.state().rng.u8(0..4) {
            0 => Next::Waits,
            1 => Next::Applies,
            _ => Next::Yields,
        }
    }
}
