//! What requests need of the node they run on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_replica::{AdmissionError, Replica, WaitError};
use tidegate_tablets::{Epoch, Metadata, TabletId};

/// What requests need of the node they run on: its map, and its fence. A replica has both; tests bring their own.
#[async_trait]
pub trait Admit: Send + Sync + fmt::Debug + 'static {
    /// The map that this node has applied; none before the first read barrier after its start has ended, and after
    /// it was stopped.
    fn map(&self) -> Option<Arc<Metadata>>;

    /// Waits until this node has applied the tablet's `epoch`, or that the tablet is gone.
    ///
    /// # Errors
    ///
    /// [`WaitError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only waits.
    async fn wait_epoch(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError>;

    /// Admits a request of that epoch: as long as the guard lives, barriers of later epochs wait. Waits for the
    /// metadata if the epoch is ahead of it. Checking the fence and entering is one step, taken after that wait.
    ///
    /// # Errors
    ///
    /// [`AdmissionError`], whose variants name the caller's next move.
    ///
    /// # Cancel safety
    ///
    /// Safe: a request that waits holds up no barrier.
    async fn admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<SharedGuard, AdmissionError>;
}

#[async_trait]
impl Admit for Replica {
    fn map(&self) -> Option<Arc<Metadata>> {
        self.map()
    }

    async fn wait_epoch(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        self.wait_epoch(tablet, epoch, deadline).await
    }

    async fn admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<SharedGuard, AdmissionError> {
        Ok(Arc::new(self.admit(tablet, epoch, deadline).await?))
    }
}
