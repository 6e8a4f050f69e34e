//! Who takes part in the log: what can be asked, and the answers.

use std::fmt;

use thiserror::Error;
use tidegate_tablets::{NodeId, StoreStopped};

/// A change of who takes part in the log, or leads. Asking for what is so already succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MembershipChange {
    /// A node gets the log, and has no vote. Answered when it has caught up with the leader, nearly. From then on it takes
    /// part with the disk that it has now, and with no other.
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

/// A member has come back without what it had: its disk is empty, and not the one with which it takes part. It must not
/// take part again, and this store has ended.
///
/// Give it back the disk that it had when it stopped. Where that is lost, [remove](MembershipChange::Remove) the node, and
/// add an empty one under a new number. Under the old number it may be told so by one that has not heard of its removal
/// yet: by a member, until that has caught up, or by a node that was removed too and still runs, until it is stopped.
/// `known_by` is the one to look at.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "node {node} has an empty disk, and node {known_by} knows it by another one: what it had promised the others is \
     lost, so it must not take part"
)]
pub struct Emptied {
    /// The node.
    pub node: NodeId,
    /// Who has it in its log.
    pub known_by: NodeId,
}

/// Why a cluster was not founded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FoundError {
    /// This node has a log already: it belongs to a cluster. Nothing was done.
    #[error("this node belongs to a cluster already")]
    AlreadyFounded,
    /// That node has a log: it belongs to a cluster, this one or another. Nothing was done.
    #[error("node {0} belongs to a cluster already")]
    Belongs(NodeId),
    /// That node was not heard of. Nothing was done: start it, then try again.
    #[error("node {node} does not say which disk it has: {why}")]
    Unreachable {
        /// The node.
        node: NodeId,
        /// What came of asking it.
        why: String,
    },
    /// This node is not among the voters: found the cluster from one of them.
    #[error("this node is not among the first voters")]
    NotAmongVoters,
    /// The store was stopped.
    #[error(transparent)]
    Stopped(#[from] StoreStopped),
}
