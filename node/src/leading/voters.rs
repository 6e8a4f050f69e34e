//! Who was excluded has no say in the log, and no change of voters stays half made.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tidegate_raft::{MembershipChange, RaftStore};
use tidegate_tablets::{MetadataStore as _, NodeId};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

/// Between two tries.
const RETRY: Duration = Duration::from_secs(5);

/// How long an excluded node may take to come to know of it.
const TOLD_DEADLINE: Duration = Duration::from_secs(3);

/// How often it is looked whether it does.
const PACE: Duration = Duration::from_millis(50);

/// From having the entry to knowing that it is decided: some heartbeats.
const DECIDED: Duration = Duration::from_millis(500);

/// Takes every node out of the log that the metadata says is excluded, for as long as this node leads: a vote that
/// nobody casts any more weighs against every majority. This node itself comes last. A change of voters that a leader
/// before has left in the middle is ended first.
pub(super) async fn keep(raft: Arc<RaftStore>) {
    let mut changes = raft.changes();
    loop {
        let failed = match next(&raft) {
            Some(task) => !task.run(&raft).await,
            None => false,
        };
        if !failed && next(&raft).is_some() {
            continue;
        }
        let again = Instant::now() + RETRY;
        tokio::select! {
            biased;
            // Also without a failure: who takes part in the log changes without the metadata.
            () = sleep_until(again) => {}
            update = changes.next(), if !failed => if update.is_err() {
                return;
            },
        }
    }
}

/// What is to be done about who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    /// Has a change of voters end that has begun, by asking for the vote of a node that has it.
    End(NodeId),
    Remove(NodeId),
}

impl Task {
    /// Whether it is done.
    async fn run(self, raft: &RaftStore) -> bool {
        match self {
            Self::End(voter) => end(raft, voter).await,
            Self::Remove(node) => remove(raft, node).await,
        }
    }
}

fn next(raft: &RaftStore) -> Option<Task> {
    let (map, status) = (raft.snapshot(), raft.status());
    if status.between {
        // One that is excluded may be the one that goes.
        let stays = |voter: &&NodeId| !map.is_excluded(**voter);
        if let Some(voter) = status.voters.iter().find(stays) {
            return Some(Task::End(*voter));
        }
    }
    let mut excluded: Vec<NodeId> = status
        .voters
        .union(&status.learners)
        .copied()
        .filter(|node| map.is_excluded(*node))
        .collect();
    excluded.sort_unstable_by_key(|node| (*node == raft.node(), *node));
    excluded.first().copied().map(Task::Remove)
}

/// Waits a while for the node itself to come to know that it is excluded: afterwards nobody tells it any more.
async fn told(raft: &RaftStore, node: NodeId) {
    let exclusion = raft.status().applied;
    let known = async {
        while raft.status().matched.get(&node).copied().flatten() < exclusion {
            sleep(PACE).await;
        }
        sleep(DECIDED).await;
    };
    if timeout(TOLD_DEADLINE, known).await.is_err() {
        warn!(%node, "an excluded node may not know that it is");
    }
}

async fn remove(raft: &RaftStore, node: NodeId) -> bool {
    if node != raft.node() {
        told(raft, node).await;
    }
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

async fn end(raft: &RaftStore, voter: NodeId) -> bool {
    match raft.change(MembershipChange::Promote(voter)).await {
        Ok(()) => {
            info!("a change of voters that was left in the middle has ended");
            true
        }
        Err(error) => {
            warn!(%error, "a change of voters has not ended: tries again");
            false
        }
    }
}
