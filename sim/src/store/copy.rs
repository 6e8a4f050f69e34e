//! What one start of a node has applied.

use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_tablets::{Metadata, NodeId, StoreStopped, Version};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::config::draw;

/// What one start of a node has applied, and whoever waits for more.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) node: NodeId,
    state: Mutex<CopyState>,
    // Not a watch: that wakes its waiters in an order that no seed decides.
    changed: Notify,
    /// Ends rests that were drawn from another lag than the one that holds now.
    hurried: Notify,
}

#[derive(Debug)]
pub(super) struct CopyState {
    pub(super) metadata: Arc<Metadata>,
    /// The version that a snapshot led to last.
    pub(super) jumped: Version,
    pub(super) stopped: bool,
    pub(super) paused: bool,
    /// Somebody is at it already.
    pub(super) applying: bool,
    pub(super) lag: RangeInclusive<Duration>,
    pub(super) rng: fastrand::Rng,
}

impl Copy {
    pub(super) fn new(
        node: NodeId,
        metadata: Arc<Metadata>,
        lag: RangeInclusive<Duration>,
        rng: fastrand::Rng,
    ) -> Arc<Self> {
        let state = CopyState {
            jumped: metadata.version,
            metadata,
            stopped: false,
            paused: false,
            applying: false,
            lag,
            rng,
        };
        Arc::new(Self {
            node,
            state: Mutex::new(state),
            changed: Notify::new(),
            hurried: Notify::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, CopyState> {
        // Nothing under the lock panics, so a poisoned lock guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a newer copy; answers whether it was newer, and wanted.
    pub(super) fn step(&self, to: &Arc<Metadata>, snapshot: bool) -> bool {
        {
            let mut state = self.state();
            if state.stopped || to.version <= state.metadata.version {
                return false;
            }
            state.metadata = Arc::clone(to);
            if snapshot {
                state.jumped = to.version;
            }
        }
        self.changed.notify_waiters();
        true
    }

    /// From now on this is how much later the node applies what is decided; who rests begins anew.
    pub(super) fn set_lag(&self, lag: RangeInclusive<Duration>) {
        self.state().lag = lag;
        self.hurried.notify_waiters();
    }

    /// Rests for a lag.
    pub(super) async fn rest(&self) {
        loop {
            let lag = {
                let mut state = self.state();
                let range = state.lag.clone();
                draw(&mut state.rng, &range)
            };
            tokio::select! {
                biased;
                () = self.hurried.notified() => {}
                () = sleep(lag) => return,
            }
        }
    }

    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_waiters();
    }

    /// Waits until `look` gives something, or the copy is stopped.
    pub(super) async fn wait<T>(
        &self,
        mut look: impl FnMut(&CopyState) -> Option<T>,
    ) -> Result<T, StoreStopped> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that no step falls between.
            changed.as_mut().enable();
            {
                let state = self.state();
                if state.stopped {
                    return Err(StoreStopped);
                }
                if let Some(found) = look(&state) {
                    return Ok(found);
                }
            }
            changed.await;
        }
    }

    /// Ends when the copy is stopped.
    pub(super) async fn stopped(&self) -> StoreStopped {
        match self.wait(|_| None::<std::convert::Infallible>).await {
            Err(stopped) => stopped,
            Ok(never) => match never {},
        }
    }
}
