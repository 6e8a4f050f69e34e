//! A member says where it is.

use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::Operator;
use tidegate_raft::RaftStore;
use tidegate_tablets::{Changes, Metadata, MetadataStore as _, NodeAddress, NodeId, StoreStopped};
use tokio::time::sleep;
use tracing::{info, warn};

/// Between two tries to say it.
const RETRY: Duration = Duration::from_secs(5);

/// Once per start, as soon as the node is a member: says where it is, and in which rack, if that is known otherwise.
pub(super) async fn announce(
    raft: Arc<RaftStore>,
    operator: Arc<Operator>,
    address: NodeAddress,
    rack: Option<String>,
) {
    let node = raft.node();
    let mut changes = raft.changes();
    if member(&raft, &mut *changes, node).await.is_err() {
        return;
    }
    loop {
        if raft.read_barrier().await.is_err() {
            return;
        }
        let map = raft.snapshot();
        let known = map.nodes.get(&node);
        if known.is_none_or(|info| info.excluded) {
            return;
        }
        let moved = known.is_some_and(|info| info.address.as_ref() != Some(&address));
        let carried = rack.is_some() && known.is_some_and(|info| info.rack != rack);
        let said = async {
            if moved {
                info!(
                    transport = address.transport,
                    admin = address.admin,
                    "tells the others where it is"
                );
                operator.set_address(node, address.clone()).await?;
            }
            if carried {
                operator.set_rack(node, rack.clone()).await?;
            }
            Ok::<_, tidegate_coordinator::OperatorError>(())
        };
        match said.await {
            Ok(()) => return,
            Err(error) => warn!(%error, "could not tell the others where it is: tries again"),
        }
        sleep(RETRY).await;
    }
}

/// Waits until the node is a member.
async fn member(raft: &RaftStore, changes: &mut dyn Changes, node: NodeId) -> Result<(), StoreStopped> {
    let is = |map: &Metadata| map.nodes.contains_key(&node);
    if is(&raft.snapshot()) {
        return Ok(());
    }
    loop {
        if is(&changes.next().await?.metadata) {
            return Ok(());
        }
    }
}
