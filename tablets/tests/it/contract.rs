//! The local store keeps the contract.

use std::sync::Arc;

use tidegate_tablets::conformance::Cluster;
use tidegate_tablets::{LocalConfig, LocalLog, LocalStore, MetadataStore, NodeId};

/// Handles on one log, and the log.
pub(crate) fn handles(nodes: usize) -> (Arc<LocalLog>, Vec<Arc<LocalStore>>) {
    let log = LocalLog::new(LocalConfig {
        proposal_changes_max: 16,
        ..LocalConfig::default()
    });
    let stores = (1..=nodes as u64)
        .map(|node| log.store(NodeId::new(node)))
        .collect();
    (log, stores)
}

/// A cluster of stores that stand for those handles.
pub(crate) fn cluster(
    handles: Vec<Arc<LocalStore>>,
    changes_max: usize,
    stand_in: impl Fn(Arc<LocalStore>) -> Arc<dyn MetadataStore>,
) -> Cluster {
    let stores = handles.iter().cloned().map(stand_in).collect();
    Cluster {
        stores,
        changes_max,
        stop: Box::new(move |at| {
            handles[at].stop();
            Box::pin(std::future::ready(()))
        }),
        keep: Box::new(()),
    }
}

async fn local(nodes: usize) -> Cluster {
    let (_, handles) = handles(nodes);
    cluster(handles, 16, |store| store)
}

tidegate_tablets::conformance_tests!(local);
