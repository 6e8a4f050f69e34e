//! What this node has applied, shared by its store, by those who follow it and by what applies.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_tablets::{Answer, LogState, Metadata, RequestId, StoreStopped, TabletId, Touched, Version};
use tokio::sync::Notify;

/// How much is remembered for those who follow the copy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) history_max: usize,
    pub(crate) touched_max: usize,
}

/// One node's copy of the metadata.
#[derive(Debug)]
pub(crate) struct Copy {
    applied: Mutex<Applied>,
    /// Wakes those who wait in the order in which they came, which a watch channel of tokio does not.
    changed: Notify,
    bounds: Bounds,
}

/// What is applied.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) metadata: Arc<Metadata>,
    /// The same, with the answers that repeats get.
    state: LogState,
    /// The entries of the log that are applied: one more than the index of the last.
    pub(crate) entries: u64,
    stopped: bool,
    /// What the versions after `complete` touched, in order.
    touched: VecDeque<(Version, BTreeSet<TabletId>)>,
    complete: Version,
}

impl Copy {
    pub(crate) fn new(state: LogState, bounds: Bounds) -> Arc<Self> {
        let metadata = Arc::new(state.metadata().clone());
        Arc::new(Self {
            applied: Mutex::new(Applied {
                complete: metadata.version,
                metadata,
                state,
                entries: 0,
                stopped: false,
                touched: VecDeque::new(),
            }),
            changed: Notify::new(),
            bounds,
        })
    }

    fn look(&self) -> MutexGuard<'_, Applied> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.look().metadata)
    }

    pub(crate) fn recall(&self, request: RequestId) -> Option<Answer> {
        self.look().state.recall(request).cloned()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.look().stopped
    }

    /// Publishes what was applied: the state after it, and what each version that it has gone through touched. Answers
    /// whether the copy is another than before.
    pub(crate) fn publish(
        &self,
        state: &LogState,
        entries: u64,
        steps: Vec<(Version, BTreeSet<TabletId>)>,
    ) -> bool {
        let stepped = {
            let mut applied = self.look();
            if applied.stopped || entries <= applied.entries {
                return false;
            }
            applied.entries = entries;
            let stepped = applied.take(state);
            for (version, touched) in steps {
                applied.push(version, touched, self.bounds);
            }
            stepped
        };
        self.changed.notify_waiters();
        stepped
    }

    /// Publishes a snapshot: whoever follows is told that everything may differ. Answers as
    /// [`publish`](Self::publish) does.
    pub(crate) fn jump(&self, state: &LogState, entries: u64) -> bool {
        let stepped = {
            let mut applied = self.look();
            if applied.stopped || entries <= applied.entries {
                return false;
            }
            applied.entries = entries;
            let stepped = applied.take(state);
            applied.forget();
            stepped
        };
        self.changed.notify_waiters();
        stepped
    }

    /// Whoever waits, or comes later, is told to stop. What is there stays there.
    pub(crate) fn stop(&self) {
        self.look().stopped = true;
        self.changed.notify_waiters();
    }

    /// Waits until `look` gives something, or the copy is stopped.
    ///
    /// Cancel safe.
    pub(crate) async fn wait<T>(
        &self,
        mut look: impl FnMut(&Applied) -> Option<T>,
    ) -> Result<T, StoreStopped> {
        loop {
            // Made before the look at the copy: it hears of what is applied from here on.
            let changed = self.changed.notified();
            {
                let applied = self.look();
                if applied.stopped {
                    return Err(StoreStopped);
                }
                if let Some(found) = look(&applied) {
                    return Ok(found);
                }
            }
            changed.await;
        }
    }

    /// Waits until that many entries of the log are applied; answers the version then.
    pub(crate) async fn wait_entries(&self, entries: u64) -> Result<Version, StoreStopped> {
        self.wait(|applied| (applied.entries >= entries).then_some(applied.metadata.version))
            .await
    }

    pub(crate) async fn wait_version(&self, version: Version) -> Result<(), StoreStopped> {
        self.wait(|applied| (applied.metadata.version >= version).then_some(()))
            .await
    }

    /// Completes when the copy is stopped.
    pub(crate) async fn stopped(&self) -> StoreStopped {
        match self.wait(|_| None::<std::convert::Infallible>).await {
            Err(stopped) => stopped,
            Ok(never) => match never {},
        }
    }

    pub(crate) const fn bounds(&self) -> Bounds {
        self.bounds
    }
}

impl Applied {
    fn take(&mut self, state: &LogState) -> bool {
        self.state = state.clone();
        // An entry without a proposal leaves the version, and the copy, as they are.
        let steps = self.metadata.version != state.metadata().version;
        if steps {
            self.metadata = Arc::new(state.metadata().clone());
        }
        steps
    }

    fn push(&mut self, version: Version, touched: BTreeSet<TabletId>, bounds: Bounds) {
        if touched.len() > bounds.touched_max {
            self.touched.clear();
            self.complete = version;
            return;
        }
        self.touched.push_back((version, touched));
        while self.touched.len() > bounds.history_max {
            if let Some((version, _)) = self.touched.pop_front() {
                self.complete = version;
            }
        }
    }

    fn forget(&mut self) {
        self.touched.clear();
        self.complete = self.metadata.version;
    }

    /// What may differ between a copy of that version and the one that is there.
    pub(crate) fn touched_since(&self, given: Version, max: usize) -> Touched {
        if given < self.complete {
            return Touched::All;
        }
        let mut all = BTreeSet::new();
        for (_, touched) in self.touched.iter().filter(|(version, _)| *version > given) {
            all.extend(touched);
            if all.len() > max {
                return Touched::All;
            }
        }
        Touched::Tablets(all)
    }
}
