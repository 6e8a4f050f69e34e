//! The map that a node has applied, and the waits for a later one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;
use tidegate_tablets::{Epoch, Metadata, TabletId, Version};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Why the wait for a later map ended without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WaitError {
    /// The deadline passed: ask again later, or ask someone else.
    #[error("this node has applied version {applied} only")]
    Behind {
        /// The version it has; zero before the first read barrier has ended.
        applied: Version,
    },
    /// The replica was stopped.
    #[error("the replica was stopped")]
    Stopped,
}

/// The map that this node has applied: closed sessions are closing, new ones open, fences in place.
///
/// Nothing is published before the first read barrier after the start has ended, so whoever needs a map to act
/// cannot act on one that is older than what the node has promised before the start.
#[derive(Debug)]
pub(crate) struct Published {
    shown: RwLock<Shown>,
    /// Wakes those who wait in the order in which they came, which a watch channel of tokio does not.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Shown {
    map: Option<Arc<Metadata>>,
    is_withdrawn: bool,
}

impl Published {
    pub(crate) fn new() -> Self {
        Self {
            shown: RwLock::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn publish(&self, metadata: Arc<Metadata>) {
        self.replace(Shown {
            map: Some(metadata),
            is_withdrawn: false,
        });
    }

    /// The map, or none before the first read barrier and after a stop.
    pub(crate) fn map(&self) -> Option<Arc<Metadata>> {
        // Nothing under the lock panics.
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.map.clone().filter(|_| !shown.is_withdrawn)
    }

    fn shown(&self) -> (Option<Arc<Metadata>>, bool) {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        (shown.map.clone(), shown.is_withdrawn)
    }

    /// The last map that there was, also after it was taken away.
    pub(crate) fn last(&self) -> Option<Arc<Metadata>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.map.clone()
    }

    /// On whose behalf the tablet moves, in a word.
    pub(crate) fn reason(&self, tablet: TabletId) -> &'static str {
        let map = self.map();
        let shown = map.as_ref().and_then(|map| map.tablets.get(&tablet));
        let transition = shown.and_then(|shown| shown.transition.as_ref());
        transition.map_or("unknown", |transition| transition.reason.name())
    }

    /// Takes the map away: whoever needs one to act is refused from now on.
    pub(crate) fn withdraw(&self) {
        self.replace(Shown {
            map: self.last(),
            is_withdrawn: true,
        });
    }

    fn replace(&self, shown: Shown) {
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        self.changed.notify_waiters();
    }

    fn version(&self) -> Version {
        self.map().map_or_else(Version::default, |map| map.version)
    }

    /// Waits until the map is at `version` or later.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn wait_version(
        &self,
        version: Version,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        self.wait(deadline, |map| map.version >= version).await
    }

    /// Waits until the map shows the tablet at `epoch` or later, or not at all at a version that once did.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    pub(crate) async fn wait_epoch(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        self.wait(deadline, |map| match map.tablets.get(&tablet) {
            Some(tablet) => tablet.epoch >= epoch,
            // A number below the next one was given out: the tablet is gone for good.
            None => tablet.as_u64() < map.next_tablet,
        })
        .await
    }

    async fn wait(
        &self,
        deadline: Duration,
        enough: impl Fn(&Metadata) -> bool,
    ) -> Result<Arc<Metadata>, WaitError> {
        let seen = timeout(deadline, async {
            loop {
                // Made before the look at the map: it hears of what is published from here on.
                let changed = self.changed.notified();
                let (map, is_withdrawn) = self.shown();
                // No other will come.
                if is_withdrawn {
                    return Err(WaitError::Stopped);
                }
                if let Some(map) = map.filter(|map| enough(map)) {
                    return Ok(map);
                }
                changed.await;
            }
        });
        seen.await.unwrap_or_else(|_| {
            Err(WaitError::Behind {
                applied: self.version(),
            })
        })
    }
}
