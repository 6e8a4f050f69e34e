//! Who was excluded has no say in the log.

use std::sync::Arc;
use std::time::Duration;

use tidegate_raft::{MembershipChange, RaftStore};
use tidegate_tablets::{MetadataStore as _, NodeId};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

/// Between two tries.
const RETRY: Duration = Duration::from_secs(5);

/// Takes every node out of the log that the metadata says is excluded, for as long as this node leads: a vote that
/// nobody casts any more weighs against every majority. This node itself comes last.
pub(super) async fn keep(raft: Arc<RaftStore>) {
    let mut changes = raft.changes();
    loop {
        let failed = match next(&raft) {
            Some(node) => !remove(&raft, node).await,
            None => false,
        };
        if !failed && next(&raft).is_some() {
            continue;
        }
        let again = Instant::now() + RETRY;
        tokio::select! {
            biased;
            // Only after a failure: without one there is nothing to do until the metadata changes.
            () = sleep_until(again), if failed => {}
            update = changes.next(), if !failed => if update.is_err() {
                return;
            },
        }
    }
}

fn next(raft: &RaftStore) -> Option<NodeId> {
    let (map, status) = (raft.snapshot(), raft.status());
    let mut excluded: Vec<NodeId> = status
        .voters
        .union(&status.learners)
        .copied()
        .filter(|node| map.is_excluded(*node))
        .collect();
    excluded.sort_unstable_by_key(|node| (*node == raft.node(), *node));
    excluded.first().copied()
}

async fn remove(raft: &RaftStore, node: NodeId) -> bool {
    match raft.change(MembershipChange::Remove(node)).await {
        Ok(()) => {
            info!(%node, "an excluded node has no part in the log any more");
            true
        }
        Err(error) => {
            warn!(%node, %error, "an excluded node still has a part in the log: tries again");
            false
        }
    }
}
