//! What a node knows of the log and of those who take part.

use std::collections::{BTreeMap, BTreeSet};

use openraft::{RaftMetrics, ServerState};
use tidegate_tablets::{NodeId, Version};

use crate::types::TypeConfig;

/// What a node is in the log's cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It has no vote, or belongs to no cluster yet.
    Learner,
    /// It has a vote and follows.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It leads.
    Leader,
    /// It was stopped.
    Stopped,
}

/// What a node knows now; on a follower it may be out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftStatus {
    /// The node.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// The term: grows with each election.
    pub term: u64,
    /// The nodes with a vote.
    pub voters: BTreeSet<NodeId>,
    /// The nodes that get the log and have no vote.
    pub learners: BTreeSet<NodeId>,
    /// Whether a change of voters has begun and not ended: both the old and the new ones have to agree on everything, and
    /// [`voters`](Self::voters) are both. Asking for the change again, or for another, ends it.
    pub between: bool,
    /// The index of the last entry of its log.
    pub last: Option<u64>,
    /// The index of the last entry that it knows to be decided.
    pub committed: Option<u64>,
    /// The index of the last entry that it has applied.
    pub applied: Option<u64>,
    /// The index of the last entry that its snapshot covers.
    pub snapshot: Option<u64>,
    /// The index of the last entry that its log has let go.
    pub purged: Option<u64>,
    /// The version of its copy.
    pub version: Version,
    /// On the leader: the index up to which each node is known to have the log.
    pub matched: BTreeMap<NodeId, Option<u64>>,
}

impl RaftStatus {
    pub(crate) fn new(metrics: &RaftMetrics<TypeConfig>, version: Version, stopped: bool) -> Self {
        let membership = metrics.membership_config.membership();
        let role = match metrics.state {
            _ if stopped => Role::Stopped,
            ServerState::Learner => Role::Learner,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Leader => Role::Leader,
            ServerState::Shutdown => Role::Stopped,
        };
        let matched = metrics.replication.iter().flatten();
        Self {
            node: NodeId::new(metrics.id),
            role,
            leader: metrics.current_leader.map(NodeId::new),
            term: metrics.current_term,
            voters: membership.voter_ids().map(NodeId::new).collect(),
            learners: membership.learner_ids().map(NodeId::new).collect(),
            between: membership.get_joint_config().len() > 1,
            last: metrics.last_log_index,
            committed: metrics.local_committed.map(|log_id| log_id.index),
            applied: metrics.last_applied.map(|log_id| log_id.index),
            snapshot: metrics.snapshot.map(|log_id| log_id.index),
            purged: metrics.purged.map(|log_id| log_id.index),
            version,
            matched: matched
                .map(|(node, log_id)| (NodeId::new(*node), log_id.map(|log_id| log_id.index)))
                .collect(),
        }
    }
}
