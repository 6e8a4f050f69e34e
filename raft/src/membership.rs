//! Who takes part in the log: what can be asked, and the answers.

use std::fmt;

use thiserror::Error;
use tidegate_tablets::{NodeId, StoreStopped};

/// A change of who takes part in the log, or leads. Asking for what is so already succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// A node gets the log, and has no vote. Answered when it has caught up with the leader, nearly.
    AddLearner(NodeId),
    /// A learner gets a vote.
    Promote(NodeId),
    /// A voter or learner goes; it may be the leader.
    Remove(NodeId),
    /// A voter becomes the leader.
    TransferLeader(NodeId),
}

impl MembershipChange {
    /// The node it is about.
    #[must_use]
    pub const fn node(self) -> NodeId {
        match self {
            Self::AddLearner(node)
            | Self::Promote(node)
            | Self::Remove(node)
            | Self::TransferLeader(node) => node,
        }
    }
}

impl fmt::Display for MembershipChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddLearner(node) => write!(f, "add learner {node}"),
            Self::Promote(node) => write!(f, "promote {node}"),
            Self::Remove(node) => write!(f, "remove {node}"),
            Self::TransferLeader(node) => write!(f, "transfer leadership to {node}"),
        }
    }
}

/// Why a change of the membership was not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// It was not made, and may be later: try again. Another change runs, there is no leader, or no quorum.
    #[error("the membership was not changed: {0}")]
    NotDone(String),
    /// It may have been made: look at the [status](crate::RaftStore::status), or ask again.
    #[error("it is not known whether the membership was changed: {0}")]
    Unknown(String),
    /// It makes no sense now: do something else first. A node is promoted that is no learner, the last voter is
    /// removed, a node is to lead that has no vote.
    #[error("the membership cannot be changed so: {0}")]
    Refused(String),
    /// The store was stopped.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}

/// Why a cluster was not founded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FoundError {
    /// This node has a log already: it belongs to a cluster. Nothing was done.
    #[error("this node belongs to a cluster already")]
    AlreadyFounded,
    /// This node is not among the voters: found the cluster from one of them.
    #[error("this node is not among the first voters")]
    NotAmongVoters,
    /// The store was stopped.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}
