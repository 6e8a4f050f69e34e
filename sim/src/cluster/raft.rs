//! What a cluster does with its nodes' stores on Raft.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_raft::{MembershipChange, RaftStore};
use tidegate_tablets::NodeId;
use tidegate_transport_mem::MemTransport;
use tokio::time::sleep;

use super::{Cluster, Witness};
use crate::metadata::{Log, Store};

/// Between two attempts at a change of who takes part.
const PACE: Duration = Duration::from_millis(50);

impl Cluster {
    /// The store of a node that starts.
    pub(super) async fn start_store(
        &self,
        id: NodeId,
        transport: &Arc<MemTransport>,
        witness: &Witness,
    ) -> Option<Store> {
        let log = self.log.raft()?;
        let (transport, ground) = (Arc::clone(transport) as _, Arc::clone(&self.ground));
        let started = log.start(id, transport, witness.clone(), ground).await;
        match started {
            Ok(handle) => Some(Store::Raft(handle)),
            Err(error) => {
                let text = format!("the store of node {id} does not start: {error}");
                self.recorder().breaks("raft-starts", text);
                None
            }
        }
    }

    /// Has the nodes that are up keep one log; none where that is simulated.
    pub(crate) async fn found(&self) -> Result<(), String> {
        let stores = self.rafts();
        let Some(first) = stores.first() else {
            return Ok(());
        };
        let voters: BTreeSet<NodeId> = stores.iter().map(|store| store.node()).collect();
        let founded = first.found(voters).await;
        founded.map_err(|error| format!("the log could not be founded: {error}"))?;
        for store in &stores {
            let mut leaders = store.leaders();
            while leaders.next().await.is_ok_and(|now| now.leader.is_none()) {}
        }
        Ok(())
    }

    /// Gives the vote of a node that does not come back to another; tries until that is so.
    pub(crate) async fn replace_voter(&self, gone: NodeId, comes: NodeId) {
        for change in [
            MembershipChange::AddLearner(comes),
            MembershipChange::Promote(comes),
            MembershipChange::Remove(gone),
        ] {
            while self.log.raft().is_some() && !self.recorder().is_violated() {
                let stores = self.rafts();
                let asked = stores.iter().find(|store| store.node() != comes);
                if let Some(store) = asked
                    && store.change(change).await.is_ok()
                {
                    break;
                }
                sleep(PACE).await;
            }
        }
    }

    /// The one that leads, as far as it knows.
    pub(crate) fn raft_leader(&self) -> Option<Arc<RaftStore>> {
        let mut stores = self.rafts().into_iter();
        stores.find(|store| store.leader() == Some(store.node()))
    }

    /// Whether no change is to be decided any more.
    pub(crate) fn is_idle(&self) -> bool {
        let up = self.up();
        match &self.log {
            Log::Simulated(log) => log.is_idle(),
            Log::Raft(log) => log.is_idle(up.iter().filter_map(|node| node.store.raft())),
        }
    }

    /// Lays every store on Raft to rest.
    pub(crate) async fn rest_stores(&self) {
        for node in self.up() {
            if let Some(handle) = node.store.raft() {
                handle.rest().await;
            }
        }
    }

    fn rafts(&self) -> Vec<Arc<RaftStore>> {
        let up = self.up();
        let handles = up.iter().filter_map(|node| node.store.raft());
        handles.map(|handle| Arc::clone(handle.raft())).collect()
    }
}
