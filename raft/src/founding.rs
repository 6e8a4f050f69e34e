//! A cluster begins.

use std::collections::{BTreeMap, BTreeSet};

use openraft::errors::{InitializeError, RaftError};
use tidegate_tablets::{NodeId, StoreStopped};
use tidegate_transport::{ResetCode, StreamError};

use crate::membership::{FoundError, MembershipError};
use crate::store::RaftStore;
use crate::wire::{CallError, WireError};

impl RaftStore {
    /// Founds a cluster whose log these nodes keep, this one among them, each with the disk that it has now. Once, on one
    /// node, in the life of a cluster: not on several at a time, as each would ask for the disks by itself, and what they
    /// found may differ.
    ///
    /// # Errors
    ///
    /// [`FoundError`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it completes, the cluster may be founded.
    pub async fn found(&self, voters: BTreeSet<NodeId>) -> Result<(), FoundError> {
        if self.node.copy.is_stopped() {
            return Err(StoreStopped.into());
        }
        if !self.node.is_new().await {
            return Err(FoundError::AlreadyFounded);
        }
        if !voters.contains(&self.node.id) {
            return Err(FoundError::NotAmongVoters);
        }
        let mut members = BTreeMap::new();
        for node in voters {
            match self.node.disk_of(node).await {
                Ok((disk, true)) => members.insert(node.as_u64(), disk),
                Ok((_, false)) => return Err(FoundError::Belongs(node)),
                Err(error) => {
                    let why = error.to_string();
                    return Err(FoundError::Unreachable { node, why });
                }
            };
        }
        match self.node.raft.initialize(members).await {
            Ok(()) => Ok(()),
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Err(FoundError::AlreadyFounded),
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => Err(FoundError::NotAmongVoters),
            Err(RaftError::Fatal(_)) => Err(StoreStopped.into()),
        }
    }

    /// Whether another node belongs to a cluster, this one's or another: such a node must not be among those that found
    /// one.
    ///
    /// # Errors
    ///
    /// [`MembershipError::NotDone`], if it does not say.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only asks.
    pub async fn belongs(&self, node: NodeId) -> Result<bool, MembershipError> {
        match self.node.disk_of(node).await {
            Ok((_, is_new)) => Ok(!is_new),
            // It knows that this node was excluded.
            Err(CallError::Cut(WireError::Stream(StreamError::Reset(ResetCode::Refused)))) => Ok(true),
            Err(error) => Err(MembershipError::NotDone(error.to_string())),
        }
    }
}
