//! The story of the late write: a receiver that has everything wakes up after its move was done by another attempt.

use tidegate_coordinator::{CallError, Operation, OperationError, OperationKind};
use tidegate_guard::{Rejected, Unfenced};
use tidegate_inject::Params;
use tidegate_streaming::{PullError, PullRequest, Puller, Refusal, StreamingContext, UnitId};
use tidegate_transport::PeerId;
use tokio::time::timeout;

use std::sync::Arc;

use crate::cluster::{Cluster, SOON, n};
use crate::data::TestData;
use crate::node::Network;

const BEFORE_ATTACH: &str = "streaming::before_attach";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_receiver_is_fenced_away_over_mem() {
    late_receiver(Network::Mem).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_receiver_is_fenced_away_over_quic() {
    late_receiver(Network::Quic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_receiver_is_fenced_away_over_tcp() {
    late_receiver(Network::Tcp).await;
}

async fn late_receiver(network: Network) {
    let (cluster, tablets) = Cluster::start(network, 1).await;
    let tablet = tablets[0];
    for node in 1..=3 {
        cluster.node(node).data.put(tablet, "k", 1, Some("w1")).await;
    }

    // The first attempt has received everything, and is held before it applies it. The point listens for its
    // message and for the session's closing, and to nothing else.
    let injector = &cluster.node(4).injector;
    injector.enable(BEFORE_ATTACH, Params::once());
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let frozen = cluster.frozen(tablet);
    let min_version = cluster.log.newest().version;
    let kind = OperationKind::Stream;
    let first = cluster.call(
        4,
        Operation {
            kind,
            tablet,
            frozen,
            min_version,
            deadline: SOON,
        },
    );
    let cut = async {
        injector.wait_for_entries(BEFORE_ATTACH, 1, SOON).await.unwrap();
        cluster.cut_off(4);
    };
    let (first, ()) = tokio::join!(first, cut);
    assert!(has_failed(&first), "{first:?}");
    assert_eq!(
        held(&cluster),
        1,
        "the first attempt is still there, under its guard"
    );

    // Tried again, and finished.
    retry_until_done(&cluster, tablet).await;
    cluster.after_streaming(tablet).await;
    assert_eq!(held(&cluster), 0, "the barrier has waited for the first attempt");

    // All rows deleted, and purged.
    for node in [2, 3, 4] {
        cluster.node(node).data.put(tablet, "k", 2, None).await;
    }
    cluster.purge(tablet, 2).await;

    // The first receiver is let go; closing has woken it long ago, and it has applied nothing.
    injector.message(BEFORE_ATTACH, "go on");
    injector.disable(BEFORE_ATTACH);
    for node in 1..=4 {
        assert_eq!(cluster.node(node).data.rows(tablet).await, [], "node {node}");
    }

    // A delayed opening frame of the closed session gets Closed, and so does a delayed request.
    let aside = Arc::new(TestDataAside::default());
    let puller = Puller::new(
        Arc::clone(&cluster.node(4).transport),
        aside,
        StreamingContext::default(),
    );
    let request = PullRequest {
        unit: UnitId::new(tablet.as_u64()),
        frozen,
        guard: Arc::new(Unfenced),
        sources: vec![PeerId::new(2)],
    };
    let refused = timeout(SOON, puller.pull(request)).await.unwrap();
    assert!(
        matches!(
            refused,
            Err(PullError::SourceRefused {
                refusal: Refusal::Rejected(Rejected::Closed),
                ..
            })
        ),
        "{refused:?}"
    );
    let refused = cluster
        .operate_with(4, OperationKind::Stream, tablet, frozen)
        .await;
    assert_eq!(refused, Err(OperationError::Rejected(Rejected::Closed)));

    // Moving the tablet back works.
    cluster.node(4).data.put(tablet, "k", 3, Some("w3")).await;
    cluster.move_tablet(tablet, 4, 1).await;
    assert_eq!(
        cluster.node(1).data.rows(tablet).await,
        [("k".to_owned(), Some("w3".to_owned()))]
    );
    assert_eq!(cluster.node(4).data.rows(tablet).await, []);
}

type TestDataAside = tidegate_kv::MemoryEngine;

fn held(cluster: &Cluster) -> usize {
    use tidegate_session::Sessions;
    cluster.node(4).sessions.holders().len()
}

/// Cut off, a node's connections go one after the other: that to its caller may carry the word of the first that went.
fn has_failed(called: &Result<Result<(), OperationError>, CallError>) -> bool {
    matches!(
        called,
        Err(CallError::Unreachable { .. }) | Ok(Err(OperationError::Failed(_)))
    )
}

async fn retry_until_done(cluster: &Cluster, tablet: tidegate_tablets::TabletId) {
    let operation = Operation {
        kind: OperationKind::Stream,
        tablet,
        frozen: cluster.frozen(tablet),
        min_version: cluster.log.newest().version,
        deadline: SOON,
    };
    // The first attempt may need a moment to see that its connection is gone, until then it is joined; and so may the
    // caller, who tries it on a connection that was cut.
    let tried = timeout(SOON, async {
        loop {
            match cluster.call(4, operation.clone()).await {
                Ok(Ok(())) => break,
                Ok(Err(OperationError::Failed(_) | OperationError::Running))
                | Err(CallError::Unreachable { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
    });
    tried.await.unwrap();
    let data: &TestData = &cluster.nodes[&n(4)].data;
    assert_eq!(data.rows(tablet).await, [("k".to_owned(), Some("w1".to_owned()))]);
}
