//! A node that has just started.

use std::time::Duration;

use tidegate_coordinator::{BarrierError, OperationError, OperationKind};
use tidegate_guard::Guard;
use tidegate_inject::Injector;
use tidegate_replica::AdmissionError;
use tidegate_session::Sessions;
use tidegate_tablets::Stage;
use tokio::time::timeout;

use crate::cluster::{Cluster, SOON, n};
use crate::node::{Network, Node};

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn nothing_is_served_before_the_first_read_barrier() {
    let (mut cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let (frozen, older) = (cluster.frozen(tablet), cluster.log.newest().version);
    // S1 is closed, and the barrier counted.
    cluster.advance(tablet, Some(Stage::CleanupTarget)).await;
    cluster.barrier_all(tablet).await;
    cluster
        .node(4)
        .data
        .put(tablet, "k", 1, Some("staged before the restart"))
        .await;

    // Node 4 starts again on metadata that is older than what it has promised: S1 is open there.
    let (id, transport, data) = cluster.nodes.remove(&n(4)).unwrap().crash();
    let store = cluster.log.store_at(id, older).unwrap();
    store.pause();
    let node = Node::start(id, transport, store, data, Injector::new());
    assert_eq!(
        node.replica
            .admit(tablet, cluster.tablet(tablet).epoch, SHORT)
            .await
            .unwrap_err(),
        AdmissionError::NotRunning
    );
    cluster.nodes.insert(id, node);
    let late = cluster
        .operate_within(4, OperationKind::Stream, tablet, frozen, SHORT)
        .await;
    assert_eq!(late, Err(OperationError::NotReady));
    let barrier = cluster.barrier(4, tablet, SHORT).await.unwrap_err();
    assert!(matches!(barrier, BarrierError::Behind { .. }), "{barrier}");
    assert_eq!(
        cluster.node(4).sessions.state(frozen.session),
        None,
        "no closed session is opened again"
    );
    assert_eq!(
        cluster.node(4).data.rows(tablet).await.len(),
        1,
        "nothing is deleted"
    );

    // Once it has caught up, the old session is closed there, and the way back goes on.
    cluster.node(4).store.resume();
    cluster.barrier(4, tablet, SOON).await.unwrap();
    let refused = cluster
        .operate_with(4, OperationKind::Stream, tablet, frozen)
        .await;
    assert!(matches!(refused, Err(OperationError::Rejected(_))), "{refused:?}");
    cluster.operate(4, OperationKind::Cleanup, tablet).await.unwrap();
    assert_eq!(cluster.node(4).data.rows(tablet).await, []);
}

#[tokio::test]
async fn fences_stand_again_after_a_start() {
    let (mut cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let before = cluster.tablet(tablet).epoch;
    let epoch = cluster.begin(tablet, 1, 4).await;
    cluster.barrier_all(tablet).await;
    let (id, transport, data) = cluster.nodes.remove(&n(2)).unwrap().crash();
    let node = Node::start(id, transport, cluster.log.store(id), data, Injector::new());
    node.replica
        .wait_version(cluster.log.newest().version, SOON)
        .await
        .unwrap();
    let refused = node.replica.admit(tablet, before, SOON).await.unwrap_err();
    assert_eq!(refused, AdmissionError::Stale { wanted: epoch });
    cluster.nodes.insert(id, node);
}

#[tokio::test]
async fn no_request_is_admitted_at_an_epoch_that_the_map_does_not_show() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let replica = &cluster.node(4).replica;
    // As between two steps of applying: the fence knows of the epoch first. What is held of a tablet may still be
    // removed then, by the map that is seen, and the request's rows with it.
    let epoch = cluster.tablet(tablets[0]).epoch.checked_next().unwrap();
    replica.fence().publish(tablets[0], epoch);
    assert_eq!(
        replica.admit(tablets[0], epoch, SHORT).await.unwrap_err(),
        AdmissionError::Behind
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_requests_that_were_admitted() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let replica = &cluster.node(2).replica;
    let epoch = cluster.tablet(tablet).epoch;
    let guard = replica.admit(tablet, epoch, SOON).await.unwrap();
    let ended = std::cell::Cell::new(false);
    let stop = async {
        replica.stop().await;
        assert!(ended.get(), "stopped while a request ran");
    };
    let request = async {
        guard.closing().await;
        tokio::task::yield_now().await;
        ended.set(true);
        drop(guard);
    };
    timeout(SOON, async { tokio::join!(stop, request) })
        .await
        .unwrap();
    let refused = replica.admit(tablet, epoch, SOON).await.unwrap_err();
    assert_eq!(refused, AdmissionError::NotRunning);
}

#[tokio::test]
async fn a_node_whose_store_has_stopped_admits_nothing_any_more() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let (tablet, node) = (tablets[0], cluster.node(1));
    let epoch = cluster.tablet(tablet).epoch;
    let admitted = node.replica.admit(tablet, epoch, SOON).await.unwrap();
    cluster.log.stop();
    let withdrawn = timeout(SOON, async {
        while node.replica.map().is_some() {
            tokio::task::yield_now().await;
        }
    });
    withdrawn.await.expect("it has no map any more");
    assert_eq!(
        node.replica.admit(tablet, epoch, SHORT).await.unwrap_err(),
        AdmissionError::NotRunning
    );
    // What was admitted before is still waited for.
    let mut stop = Box::pin(node.replica.stop());
    assert!(timeout(SHORT, &mut stop).await.is_err());
    drop(admitted);
    timeout(SOON, stop).await.expect("ends");
}
