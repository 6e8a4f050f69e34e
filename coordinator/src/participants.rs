//! The port through which the coordinator calls the nodes.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_guard::{FrozenGuard, Rejected};
use tidegate_tablets::{Epoch, NodeId, TabletId, Version};
use tokio::sync::mpsc;

/// Asks a node to let go of everything older than some tablets' epochs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierRequest {
    /// The tablets, each with the epoch below which nothing may be left.
    pub tablets: Vec<(TabletId, Epoch)>,
    /// The version the node must have applied first; never below the one that wrote the epochs.
    pub min_version: Version,
    /// How long the node may take.
    pub deadline: Duration,
}

/// A node's answer for one tablet of a barrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarrierAnswer {
    /// Which.
    pub tablet: TabletId,
    /// The epoch it was asked for; the answer counts for no other.
    pub epoch: Epoch,
    /// Whether nothing older is left.
    pub result: Result<(), BarrierError>,
}

/// Why a barrier is not done for a tablet. Ask again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// The node has not applied that version yet, or has just started.
    #[error("the node is not ready: it has applied version {applied}")]
    Behind {
        /// What it has applied.
        applied: Version,
    },
    /// Someone still holds a closing session, or an older request runs; says who.
    #[error("held by {}", holders.join("; "))]
    Held {
        /// Who, as the drain's report names them; a bounded number.
        holders: Vec<String>,
    },
    /// The tablet's epoch on this node is already later: the asker is behind.
    #[error("the tablet is at epoch {actual} already")]
    Superseded {
        /// The tablet's epoch on the node.
        actual: Epoch,
    },
    /// The node could not do its part; says why.
    #[error("the node failed: {0}")]
    Failed(String),
}

/// What a node is asked to do under a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationKind {
    /// The pending replica pulls the rows.
    Stream,
    /// A replica removes all that it holds of the tablet.
    Cleanup,
    /// A replica gets the tombstones that it lacks.
    Fill,
    /// A replica drops the tombstones.
    Purge,
}

impl OperationKind {
    /// Its name, as labels and metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Cleanup => "cleanup",
            Self::Fill => "fill",
            Self::Purge => "purge",
        }
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An operation on a tablet, under the session that its frozen guard names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// What to do.
    pub kind: OperationKind,
    /// To which tablet.
    pub tablet: TabletId,
    /// Under which session.
    pub frozen: FrozenGuard,
    /// The version the node must have applied first.
    pub min_version: Version,
    /// How long to wait for the answer. The operation goes on when it passes; asking again joins it.
    pub deadline: Duration,
}

/// Why an operation is not done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OperationError {
    /// It runs still, and comes forward: ask again, that joins it. Does not count as a retry.
    #[error("the operation is still running")]
    Running,
    /// The guard was refused: [`Rejected::Closing`] and [`Rejected::Closed`] mean that the asker is behind.
    #[error("the guard was refused: {0}")]
    Rejected(Rejected),
    /// The node's metadata names another session, or another role for it: the asker is behind, or the node is.
    #[error("the node's metadata does not ask for this: {0}")]
    Mismatch(&'static str),
    /// It did not succeed, and may the next time: try again within the budget.
    #[error("the operation failed: {0}")]
    Failed(String),
    /// It cannot succeed on that node as things are (its disk is full, its data cannot be read).
    #[error("the operation cannot succeed there: {0}")]
    Hopeless(String),
    /// The node has just started and does not act yet: ask again.
    #[error("the node is not ready")]
    NotReady,
}

/// Why a node could not be asked, or did not answer. What it was asked may or may not be done: ask again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// It could not be reached, or the connection was lost.
    #[error("node {node} cannot be reached: {reason}")]
    Unreachable {
        /// Who.
        node: NodeId,
        /// What the transport said.
        reason: String,
    },
    /// It did not answer within the deadline.
    #[error("node {node} did not answer within {waited:?}")]
    TimedOut {
        /// Who.
        node: NodeId,
        /// How long the call waited.
        waited: Duration,
    },
    /// It refused to be asked by this node.
    #[error("node {node} refused the call: {reason}")]
    Refused {
        /// Who.
        node: NodeId,
        /// Why.
        reason: String,
    },
}

/// The nodes, as the coordinator calls them. Everything asked is idempotent.
#[async_trait]
pub trait Participants: Send + Sync + fmt::Debug + 'static {
    /// Runs a barrier on a node. Each tablet's answer is sent as soon as that tablet is done.
    ///
    /// # Errors
    ///
    /// [`CallError`]; tablets whose answer was sent before are answered all the same.
    ///
    /// # Cancel safety
    ///
    /// Safe: the node stops waiting; nothing has to be undone.
    async fn barrier(
        &self,
        node: NodeId,
        request: BarrierRequest,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError>;

    /// Runs an operation on a node, or joins the one that runs there.
    ///
    /// # Errors
    ///
    /// [`CallError`] outside when the node did not answer, [`OperationError`] inside when it said no.
    ///
    /// # Cancel safety
    ///
    /// Safe: the operation goes on; asking again joins it.
    async fn operate(
        &self,
        node: NodeId,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError>;
}
