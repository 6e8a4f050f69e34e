//! What an operator may ask for about nodes, without moving anything by hand.

use tidegate_tablets::{Change, NodeAddress, NodeId, StreamPermits};

use super::{Operator, OperatorError};

impl Operator {
    /// Says in which rack a node stands; `None` where nobody knows.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn set_rack(&self, node: NodeId, rack: Option<String>) -> Result<(), OperatorError> {
        self.submit(Change::SetRack { node, rack }).await.map(drop)
    }

    /// Says where a node is to be found.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn set_address(&self, node: NodeId, address: NodeAddress) -> Result<(), OperatorError> {
        self.submit(Change::SetAddress { node, address }).await.map(drop)
    }

    /// Has the balancer, where it is on, move everything away from a node, and nothing there.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn drain(&self, node: NodeId) -> Result<(), OperatorError> {
        self.submit(Change::Drain { node }).await.map(drop)
    }

    /// Takes a drain back. Moves that have begun go on; [`cancel`](Self::cancel) them one by one.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn resume(&self, node: NodeId) -> Result<(), OperatorError> {
        self.submit(Change::Resume { node }).await.map(drop)
    }

    /// Sets how many streams each node may send and receive at once; what is `None` goes by the coordinator's
    /// configuration. Streams that run go on.
    ///
    /// # Errors
    ///
    /// [`OperatorError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, it may still come to pass.
    pub async fn set_permits(&self, permits: StreamPermits) -> Result<(), OperatorError> {
        self.submit(Change::SetPermits { permits }).await.map(drop)
    }
}
