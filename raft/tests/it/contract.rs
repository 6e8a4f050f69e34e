//! The store keeps the contract of metadata stores: three nodes, with their logs on disk.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_raft::{RaftConfig, RedbDisk};
use tidegate_tablets::NodeId;
use tidegate_tablets::conformance::Cluster;
use tidegate_transport_mem::{MemConfig, MemNetwork};

use crate::cluster::{self, Running};

/// On the clock of a machine that may be busy with other tests: no election unless somebody is gone.
fn config() -> RaftConfig {
    RaftConfig {
        heartbeat_interval: Duration::from_millis(150),
        election_min: Duration::from_millis(1000),
        election_max: Duration::from_millis(2000),
        ..cluster::config()
    }
}

async fn on_disk(nodes: usize) -> Cluster {
    let network = MemNetwork::new(MemConfig::default());
    let folder = tempfile::tempdir().unwrap();
    let mut running = Vec::new();
    for node in 1..=nodes as u64 {
        let path = folder.path().join(format!("{node}.redb"));
        let disk = RedbDisk::open(path, NodeId::new(node)).await.unwrap();
        running.push(Running::start(&network, node, config(), Arc::new(disk)).await);
    }
    let voters = (1..=nodes as u64).map(NodeId::new).collect();
    running[0].store.found(voters).await.unwrap();
    let stores = running.iter().map(|node| Arc::clone(&node.store) as _).collect();
    let running: Vec<_> = running.into_iter().map(Some).collect();
    let running = Arc::new(Mutex::new(running));
    let kept = Arc::clone(&running);
    Cluster {
        stores,
        changes_max: config().proposal_changes_max,
        stop: Box::new(move |at| {
            let node = running.lock().unwrap()[at].take();
            Box::pin(async move {
                if let Some(node) = node {
                    node.stop().await;
                }
            })
        }),
        keep: Box::new((network, folder, kept)),
    }
}

tidegate_tablets::conformance_tests!(on_disk);
