//! Removals of whole tablets that no session covers: of what is left behind, and before a node becomes pending.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_guard::Unfenced;
use tidegate_streaming::EngineError;
use tidegate_tablets::{Epoch, Metadata, NodeId, TabletId};

use crate::Storage;
use crate::published::Published;
use crate::rules::{about_to_be_pending, is_concerned};
use crate::started::started;
use crate::told::{Teller, Told, told};

#[derive(Debug, Default)]
struct State {
    running: BTreeMap<TabletId, Told<()>>,
    /// The tablets wiped before this node became pending, with the epoch at which that transition began.
    wiped: BTreeMap<TabletId, Epoch>,
}

/// Removals of whole tablets that no session covers.
///
/// The race: a removal decided upon an older map is still running, or about to start, while a newer map makes the
/// node pending and rows arrive. Two rules close it. A removal is first entered as running and only then looks at
/// the map, and gives up if that no longer asks for it; whoever is about to put rows has first seen the map that
/// allows it and only then looks for running removals, and waits for them. So one of the two sees the other.
#[derive(Debug)]
pub(crate) struct Removals {
    node: NodeId,
    state: Arc<Mutex<State>>,
    storage: Arc<dyn Storage>,
    published: Arc<Published>,
}

impl Removals {
    pub(crate) fn new(node: NodeId, storage: Arc<dyn Storage>, published: Arc<Published>) -> Self {
        Self {
            node,
            state: Arc::default(),
            storage,
            published,
        }
    }

    /// Waits until no removal of the tablet runs. To be called after the map was read.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn idle(&self, tablet: TabletId) {
        let running = self.lock().running.get(&tablet).cloned();
        if let Some(ended) = running {
            // The removal's task lets its end go when it is over, however that came.
            ended.wait().await;
        }
    }

    /// Whether [`before_pending`](Self::before_pending) has nothing to do, or to wait for, by that map.
    pub(crate) fn is_prepared(&self, map: &Metadata, tablet: TabletId) -> bool {
        let Some(begun) = about_to_be_pending(map, self.node, tablet) else {
            return true;
        };
        let state = self.lock();
        !state.running.contains_key(&tablet) && state.wiped.get(&tablet) == Some(&begun)
    }

    /// Removes what is found of a tablet of which this node is about to be the pending replica: once for each
    /// transition, before its first barrier is answered.
    ///
    /// # Cancel safety
    ///
    /// Safe: a removal that has started goes on, and the next call waits for it.
    pub(crate) async fn before_pending(&self, tablet: TabletId) -> Result<(), EngineError> {
        loop {
            // Looked at anew each time: a node that stops meanwhile has no map, and must not say that it is done.
            let Some(begun) = self.about_to_be_pending(tablet)? else {
                return Ok(());
            };
            self.idle(tablet).await;
            if self.lock().wiped.get(&tablet) == Some(&begun) {
                return Ok(());
            }
            let node = self.node;
            let state = Arc::clone(&self.state);
            let wanted = move |map: &Metadata| about_to_be_pending(map, node, tablet) == Some(begun);
            // One entry stays of a tablet that has left meanwhile, until the node takes up the whole map anew; no
            // transition begins at that epoch again.
            let done = move || {
                lock(&state).wiped.insert(tablet, begun);
            };
            match self.remove(tablet, wanted, done).await {
                Removal::Ended(result) => return result,
                // The map has changed, or another one came first.
                Removal::NotWanted | Removal::Busy => {}
            }
        }
    }

    /// Removes what this node holds of a tablet of which it is neither replica nor participant.
    ///
    /// # Cancel safety
    ///
    /// Safe: a removal that has started goes on.
    pub(crate) async fn left_behind(&self, tablet: TabletId) -> Result<(), EngineError> {
        let node = self.node;
        loop {
            self.idle(tablet).await;
            let wanted = move |map: &Metadata| !is_concerned(map, node, tablet);
            match self.remove(tablet, wanted, || ()).await {
                Removal::Ended(result) => return result,
                Removal::NotWanted => return Ok(()),
                Removal::Busy => {}
            }
        }
    }

    /// Forgets which transitions of these tablets were prepared for.
    pub(crate) fn forget_wiped(&self, tablets: &BTreeSet<TabletId>) {
        let mut state = self.lock();
        for tablet in tablets {
            state.wiped.remove(tablet);
        }
    }

    /// Forgets which transitions were prepared for, but for those of `current`.
    pub(crate) fn keep_wiped(&self, current: &BTreeSet<TabletId>) {
        self.lock().wiped.retain(|tablet, _| current.contains(tablet));
    }

    fn about_to_be_pending(&self, tablet: TabletId) -> Result<Option<Epoch>, EngineError> {
        let stopped = || EngineError::Failed("the replica was stopped".into());
        let map = self.published.map().ok_or_else(stopped)?;
        Ok(about_to_be_pending(&map, self.node, tablet))
    }

    async fn remove(
        &self,
        tablet: TabletId,
        wanted: impl FnOnce(&Metadata) -> bool,
        done: impl FnOnce() + Send + 'static,
    ) -> Removal {
        let (ended, watched) = told();
        {
            let mut state = self.lock();
            if state.running.contains_key(&tablet) {
                return Removal::Busy;
            }
            state.running.insert(tablet, watched);
        }
        let running = Running {
            tablet,
            state: Arc::clone(&self.state),
            _ended: ended,
        };
        // Looked at after it was entered as running, see the race above.
        if !self.published.map().is_some_and(|map| wanted(&map)) {
            return Removal::NotWanted;
        }
        let storage = Arc::clone(&self.storage);
        // Not a part of this future: an engine call that has started is not abandoned when its caller is.
        let removing = started(async move {
            // No session covers this: the rules above do, so the guard is named for what it is.
            let result = storage.remove(tablet, Arc::new(Unfenced)).await;
            if result.is_ok() {
                done();
            }
            drop(running);
            result
        });
        Removal::Ended(
            removing
                .await
                .unwrap_or_else(|panicked| Err(EngineError::Failed(Box::new(panicked)))),
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

enum Removal {
    Ended(Result<(), EngineError>),
    NotWanted,
    Busy,
}

struct Running {
    tablet: TabletId,
    state: Arc<Mutex<State>>,
    /// Dropped after the entry is gone: whoever waited does not find it again.
    _ended: Teller<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        lock(&self.state).running.remove(&self.tablet);
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    // Nothing under the lock panics.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
