//! What follows openraft for as long as it runs.

use std::sync::Arc;

use openraft::Raft;
use openraft::async_runtime::WatchReceiver as _;
use tracing::error;

use crate::copy::Copy;
use crate::disk_id::DiskId;
use crate::machine::Machine;
use crate::types::TypeConfig;

/// A log that has ended, for whatever reason, stops the store.
pub(crate) async fn stop_with(raft: Raft<TypeConfig, Machine>, copy: Arc<Copy>) {
    let mut metrics = raft.metrics();
    // Only looks on: it must not keep the log from ending.
    drop(raft);
    loop {
        let running = metrics.borrow_and_update().running_state.clone();
        if let Err(reason) = running {
            if !copy.is_stopped() {
                error!(%reason, "the log has ended: this node follows the metadata no more");
            }
            break;
        }
        if metrics.changed().await.is_err() {
            break;
        }
    }
    copy.stop();
}

/// Lets a node ask for votes once the membership names the disk that it has.
///
/// One that was removed, and comes back under its number, is given the log from its beginning, and goes by each
/// membership in it: in an old one it may be the only voter, by the disk that it had, and would elect itself. A
/// membership that names its disk comes after its removal, which is decided: it goes back to none from before.
pub(crate) async fn elect_once_named(
    raft: Raft<TypeConfig, Machine>,
    copy: Arc<Copy>,
    id: u64,
    disk: DiskId,
) {
    let mut metrics = raft.metrics();
    loop {
        let (named, running) = {
            let metrics = metrics.borrow_and_update();
            let known = metrics.membership_config.membership().get_node(&id);
            (known == Some(&disk), metrics.running_state.is_ok())
        };
        if named {
            raft.runtime_config().elect(true);
        }
        if named || !running {
            return;
        }
        tokio::select! {
            biased;
            // The store is gone, and this handle must not keep the log from ending.
            _ = copy.stopped() => return,
            changed = metrics.changed() => if changed.is_err() { return },
        }
    }
}
