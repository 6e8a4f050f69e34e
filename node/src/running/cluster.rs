//! How a cluster begins, and how a node comes to it.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;
use tidegate_coordinator::OperatorError;
use tidegate_raft::{FoundError, MembershipChange, MembershipError};
use tidegate_tablets::{MetadataStore as _, NodeAddress, NodeId, Refused};
use tidegate_transport::PeerId;
use tokio::time::timeout;
use tracing::info;

use super::Running;
use crate::peers::look_up;

/// Nodes that vote at most; further ones get the log without a vote.
const VOTERS_MAX: usize = 7;

/// How long a node that was founded may take to elect a leader.
const ELECTION_DEADLINE: Duration = Duration::from_secs(15);

/// A node of a cluster that begins, or that comes to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Founder {
    pub(crate) node: NodeId,
    pub(crate) address: NodeAddress,
    pub(crate) rack: Option<String>,
}

/// Why a cluster was not founded, or a node not taken in.
#[derive(Debug, Error)]
#[non_exhaustive]
pub(crate) enum ClusterError {
    /// Name at least this node.
    #[error("this node, {0}, is not among the named ones: found the cluster from one of them")]
    NotNamed(NodeId),
    /// A node is named twice.
    #[error("node {0} is named twice")]
    Twice(NodeId),
    /// Start it, or correct the address; then ask again.
    #[error("node {node} cannot be reached at {address}: {reason}")]
    Unreachable {
        node: NodeId,
        address: String,
        reason: String,
    },
    /// That node belongs to a cluster of other nodes.
    #[error("node {0} belongs to a cluster already")]
    AlreadyFounded(NodeId),
    /// Found a cluster first, or ask a node that belongs to one.
    #[error("this node belongs to no cluster")]
    NoCluster,
    /// An excluded node never comes back: give it another number, and an empty data directory.
    #[error("node {0} was excluded, for ever: a new node needs a new number")]
    Excluded(NodeId),
    /// Another node has that number.
    #[error("node {node} is a member already, at {address}")]
    Exists { node: NodeId, address: String },
    /// Not made, or not known whether: ask again.
    #[error(transparent)]
    Operator(#[from] OperatorError),
    /// Not made, or not known whether: ask again.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// Look at the nodes' logs, and ask again.
    #[error("the cluster has elected no leader within {ELECTION_DEADLINE:?}")]
    NoLeader,
}

impl Running {
    /// Looks at all that founding a cluster is refused for, and answers who would vote.
    pub(crate) async fn may_found(&self, founders: &[Founder]) -> Result<BTreeSet<NodeId>, ClusterError> {
        let mut voters = BTreeSet::new();
        for founder in founders {
            if !voters.insert(founder.node) {
                return Err(ClusterError::Twice(founder.node));
            }
        }
        if !voters.contains(&self.id) {
            return Err(ClusterError::NotNamed(self.id));
        }
        if self.has_cluster() && self.raft.status().voters != voters {
            return Err(ClusterError::AlreadyFounded(self.id));
        }
        for founder in founders.iter().filter(|founder| founder.node != self.id) {
            // Where the founding was broken off, some may be members: their addresses are not this call's to change.
            let map = self.raft.snapshot();
            let known = map.nodes.get(&founder.node).and_then(|info| info.address.clone());
            match known {
                Some(known) if known != founder.address => {
                    return Err(ClusterError::Exists {
                        node: founder.node,
                        address: known.transport,
                    });
                }
                Some(_) => {}
                None => self.reach(founder.node, &founder.address.transport).await?,
            }
            if !self.has_cluster() {
                self.belongs_nowhere(founder).await?;
            }
        }
        Ok(voters)
    }

    /// Founds a cluster of these nodes, this one among them. Every one of them has to be reached. Can be asked again
    /// where it was broken off.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the cluster may be founded, and some of the nodes members.
    pub(crate) async fn found(&self, founders: &[Founder]) -> Result<(), ClusterError> {
        let voters = self.may_found(founders).await?;
        match self.raft.found(voters.clone()).await {
            Ok(()) => info!(?voters, "founded a cluster"),
            // By a call like this one that was broken off.
            Err(FoundError::AlreadyFounded) if self.raft.status().voters == voters => {}
            Err(FoundError::AlreadyFounded) => return Err(ClusterError::AlreadyFounded(self.id)),
            // Since it was looked at.
            Err(FoundError::Belongs(node)) => return Err(ClusterError::AlreadyFounded(node)),
            Err(FoundError::Unreachable { node, why }) => {
                let named = founders.iter().find(|founder| founder.node == node);
                return Err(ClusterError::Unreachable {
                    node,
                    address: named.map_or_else(String::new, |founder| founder.address.transport.clone()),
                    reason: why,
                });
            }
            Err(FoundError::Stopped(stopped)) => return Err(MembershipError::from(stopped).into()),
            Err(_) => return Err(ClusterError::NotNamed(self.id)),
        }
        match timeout(ELECTION_DEADLINE, self.raft.read_barrier()).await {
            Ok(read) => read.map_err(MembershipError::from)?,
            Err(_) => return Err(ClusterError::NoLeader),
        };
        for founder in founders {
            self.enter(founder).await?;
        }
        Ok(())
    }

    /// Takes a node in: as a member, with its address, and into the log. Can be asked again where it was broken off.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, some of that may be done.
    pub(crate) async fn add_member(&self, founder: &Founder) -> Result<(), ClusterError> {
        if !self.has_cluster() {
            return Err(ClusterError::NoCluster);
        }
        let known = self.raft.snapshot().nodes.get(&founder.node).cloned();
        if known.as_ref().is_some_and(|info| info.excluded) {
            return Err(ClusterError::Excluded(founder.node));
        }
        let elsewhere = known.and_then(|info| info.address);
        if let Some(address) = elsewhere.filter(|address| *address != founder.address) {
            return Err(ClusterError::Exists {
                node: founder.node,
                address: address.transport,
            });
        }
        self.reach(founder.node, &founder.address.transport).await?;
        self.enter(founder).await?;
        let status = self.raft.status();
        let votes = status.voters.contains(&founder.node);
        if votes && !status.between {
            return Ok(());
        }
        if !votes {
            self.raft
                .change(MembershipChange::AddLearner(founder.node))
                .await?;
        }
        // One that votes and is here all the same was left in the middle: asked again, that ends.
        if votes || self.raft.status().voters.len() < VOTERS_MAX {
            self.raft.change(MembershipChange::Promote(founder.node)).await?;
        }
        info!(node = %founder.node, "a node has joined the cluster");
        Ok(())
    }

    /// Makes a node a member that is to be found there.
    async fn enter(&self, founder: &Founder) -> Result<(), ClusterError> {
        let node = founder.node;
        match self.operator.add_node(node).await {
            Ok(()) | Err(OperatorError::Refused(Refused::NodeExists(_))) => {}
            Err(error) => return Err(error.into()),
        }
        let known = self.raft.snapshot().nodes.get(&node).cloned().unwrap_or_default();
        if known.excluded {
            return Err(ClusterError::Excluded(node));
        }
        if known.address.as_ref() != Some(&founder.address) {
            self.operator.set_address(node, founder.address.clone()).await?;
        }
        if founder.rack.is_some() && known.rack != founder.rack {
            self.operator.set_rack(node, founder.rack.clone()).await?;
        }
        Ok(())
    }

    /// Where a node is, by the metadata.
    fn known_address(&self, node: NodeId) -> Option<String> {
        let map = self.raft.snapshot();
        let address = map.nodes.get(&node)?.address.as_ref()?;
        Some(address.transport.clone())
    }

    /// Makes sure that a node's log is empty: a new cluster's would take its place.
    async fn belongs_nowhere(&self, founder: &Founder) -> Result<(), ClusterError> {
        match self.raft.belongs(founder.node).await {
            Ok(false) => Ok(()),
            Ok(true) => Err(ClusterError::AlreadyFounded(founder.node)),
            Err(error) => Err(ClusterError::Unreachable {
                node: founder.node,
                address: founder.address.transport.clone(),
                reason: error.to_string(),
            }),
        }
    }

    /// Makes sure that a node can be called there, and that it is who it is taken for. What is not true does not last:
    /// the addresses that are known are told to the transport again and again.
    async fn reach(&self, node: NodeId, address: &str) -> Result<(), ClusterError> {
        let unreachable = |reason: String| ClusterError::Unreachable {
            node,
            address: address.to_owned(),
            reason,
        };
        if node == self.id {
            return Ok(());
        }
        let peer = PeerId::new(node.as_u64());
        let found = look_up(address)
            .await
            .map_err(|error| unreachable(format!("{error:#}")))?;
        if self.known_address(node).as_deref() != Some(address) {
            let told = self.network.set_peer_address(peer, found);
            told.map_err(|error| unreachable(error.to_string()))?;
            // A connection that exists, maybe one that the peer has made, proves nothing about the address.
            self.transport.disconnect(peer);
        }
        match self.transport.open(peer).await {
            Ok(_) => Ok(()),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}
