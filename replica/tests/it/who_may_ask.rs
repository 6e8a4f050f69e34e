//! Who may ask what of whom.

use std::sync::Arc;

use tidegate_coordinator::{OperationError, OperationKind};
use tidegate_guard::{FrozenGuard, Rejected, Unfenced};
use tidegate_kv::MemoryEngine;
use tidegate_replica::AdmissionError;
use tidegate_streaming::{PullError, PullRequest, Puller, Refusal, StreamingContext, UnitId};
use tidegate_tablets::{Change, Epoch, Stage, TabletId};
use tidegate_transport::PeerId;

use crate::cluster::{Cluster, SOON, n};
use crate::node::Network;

async fn pull(cluster: &Cluster, by: u64, from: u64, tablet: TabletId, frozen: FrozenGuard) -> PullError {
    let aside = Arc::new(MemoryEngine::new());
    let transport = Arc::clone(&cluster.node(by).transport);
    let puller = Puller::new(transport, aside, StreamingContext::default());
    let request = PullRequest {
        unit: UnitId::new(tablet.as_u64()),
        frozen,
        guard: Arc::new(Unfenced),
        sources: vec![PeerId::new(from)],
    };
    puller.pull(request).await.unwrap_err()
}

fn refusal(error: PullError) -> Refusal {
    match error {
        PullError::SourceRefused { refusal, .. } => refusal,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn only_the_pending_replica_pulls_and_only_from_a_source() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let frozen = cluster.frozen(tablet);
    cluster.barrier_all(tablet).await;
    assert_eq!(
        refusal(pull(&cluster, 3, 1, tablet, frozen).await),
        Refusal::NotSource
    );
    assert_eq!(
        refusal(pull(&cluster, 4, 2, tablet, frozen).await),
        Refusal::NotSource
    );
    // The session is compared, never substituted.
    let invented = FrozenGuard {
        session: tablet.session_at(Epoch::new(77)),
        ..frozen
    };
    let refused = refusal(pull(&cluster, 4, 1, tablet, invented).await);
    assert_eq!(refused, Refusal::Rejected(Rejected::Closed));
    let operation = cluster
        .operate_with(4, OperationKind::Stream, tablet, invented)
        .await;
    assert_eq!(operation, Err(OperationError::Rejected(Rejected::Closed)));
    // One whose epoch this node has not applied may still come.
    let later = FrozenGuard {
        epoch: frozen.epoch + 5,
        ..invented
    };
    let refused = refusal(pull(&cluster, 4, 1, tablet, later).await);
    assert!(
        matches!(refused, Refusal::Rejected(Rejected::NotYetOpen { .. })),
        "{refused}"
    );
}

#[tokio::test]
async fn an_operation_is_done_by_the_node_whose_part_it_is() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster.node(2).data.put(tablet, "k", 1, Some("v")).await;
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    for (node, kind) in [
        (2, OperationKind::Stream),
        (1, OperationKind::Stream),
        (4, OperationKind::Cleanup),
        (1, OperationKind::Cleanup),
        (2, OperationKind::Purge),
    ] {
        let refused = cluster.operate(node, kind, tablet).await;
        assert!(
            matches!(refused, Err(OperationError::Mismatch(_))),
            "{node} {kind}: {refused:?}"
        );
    }
    assert_eq!(cluster.node(2).data.rows(tablet).await.len(), 1);
}

#[tokio::test]
async fn an_excluded_node_is_cut_off_and_serves_nothing() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let frozen = cluster.frozen(tablet);
    cluster
        .change(Change::Exclude {
            node: n(4),
            give_up_quorum: false,
        })
        .await
        .unwrap();
    let version = cluster.log.newest().version;
    for node in 1..=4 {
        cluster
            .node(node)
            .replica
            .wait_version(version, SOON)
            .await
            .unwrap();
    }
    assert_eq!(
        refusal(pull(&cluster, 4, 1, tablet, frozen).await),
        Refusal::NotMember
    );
    let admitted = cluster
        .node(4)
        .replica
        .admit(tablet, cluster.tablet(tablet).epoch, SOON)
        .await;
    assert_eq!(admitted.unwrap_err(), AdmissionError::NotReplica);
    // The way back waits for nobody who is excluded.
    cluster.advance(tablet, Some(Stage::CleanupTarget)).await;
    for node in 1..=3 {
        cluster.barrier(node, tablet, SOON).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_replica_refuses_whatever_the_epoch() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let epoch = cluster.tablet(tablet).epoch;
    cluster
        .node(4)
        .replica
        .wait_version(cluster.log.newest().version, SOON)
        .await
        .unwrap();
    let refused = cluster
        .node(4)
        .replica
        .admit(tablet, epoch, SOON)
        .await
        .unwrap_err();
    assert_eq!(refused, AdmissionError::NotReplica);
    cluster.move_tablet(tablet, 1, 4).await;
    let refused = cluster
        .node(1)
        .replica
        .admit(tablet, cluster.tablet(tablet).epoch, SOON)
        .await;
    assert_eq!(refused.unwrap_err(), AdmissionError::NotReplica);
}
