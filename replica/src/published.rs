//! The map that a node has applied, and the waits for a later one.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tidegate_tablets::{Epoch, Metadata, TabletId, Version};
use tokio::sync::watch;
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
    map: watch::Sender<Option<Arc<Metadata>>>,
}

impl Published {
    pub(crate) fn new() -> Self {
        Self {
            map: watch::Sender::new(None),
        }
    }

    pub(crate) fn publish(&self, metadata: Arc<Metadata>) {
        self.map.send_replace(Some(metadata));
    }

    /// The map, or none before the first read barrier and after a stop.
    pub(crate) fn map(&self) -> Option<Arc<Metadata>> {
        self.map.borrow().clone()
    }

    /// Takes the map away: whoever needs one to act is refused from now on.
    pub(crate) fn withdraw(&self) {
        self.map.send_replace(None);
    }

    fn version(&self) -> Version {
        self.map
            .borrow()
            .as_ref()
            .map_or_else(Version::default, |map| map.version)
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
        let mut map = self.map.subscribe();
        let seen = timeout(
            deadline,
            map.wait_for(|map| map.as_ref().is_some_and(|map| enough(map))),
        )
        .await;
        match seen {
            // The reference is a read lock: it is let go before this function returns.
            Ok(Ok(map)) => map.clone().ok_or(WaitError::Stopped),
            Ok(Err(_)) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::Behind {
                applied: self.version(),
            }),
        }
    }
}
