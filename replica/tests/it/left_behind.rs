//! What is removed without a session: what was left behind, and what a node finds before it becomes pending.

use std::sync::atomic::Ordering;

use tidegate_coordinator::OperationKind;
use tidegate_inject::Params;
use tidegate_session::Sessions;
use tidegate_streaming::TargetEngine as _;
use tidegate_tablets::{Change, Stage, TabletId};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::cluster::{Cluster, SOON};
use crate::node::Network;

#[tokio::test]
async fn a_node_about_to_be_pending_removes_what_it_finds() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster
        .node(4)
        .data
        .put(tablet, "old", 1, Some("from long ago"))
        .await;
    cluster.begin(tablet, 1, 4).await;
    cluster.barrier(4, tablet, SOON).await.unwrap();
    assert_eq!(cluster.node(4).data.rows(tablet).await, []);
    // Once for each transition: what comes later is not touched by a delayed barrier.
    cluster
        .node(4)
        .data
        .put(tablet, "new", 2, Some("written since"))
        .await;
    cluster.barrier(4, tablet, SOON).await.unwrap();
    assert_eq!(cluster.node(4).data.rows(tablet).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_table_is_removed_once_its_holders_are_gone() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    for node in 1..=3 {
        cluster.node(node).data.put(tablet, "k", 1, Some("v")).await;
    }
    let injector = &cluster.node(4).injector;
    injector.enable("streaming::before_attach", Params::once());
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let held = cluster
        .node(1)
        .replica
        .admit(tablet, cluster.tablet(tablet).epoch, SOON)
        .await
        .unwrap();
    let operation = cluster.operate(4, OperationKind::Stream, tablet);
    let drop_table = async {
        injector
            .wait_for_entries("streaming::before_attach", 1, SOON)
            .await
            .unwrap();
        cluster
            .change(Change::DropTable {
                table: cluster.tablet(tablet).table,
            })
            .await
            .unwrap();
    };
    let (ended, ()) = tokio::join!(operation, drop_table);
    assert!(ended.is_err(), "{ended:?}");
    for node in 2..=4 {
        eventually(async || cluster.node(node).data.rows(tablet).await.is_empty()).await;
        eventually(async || cluster.node(node).data.staged().await == 0).await;
        assert_eq!(cluster.node(node).sessions.open_sessions(), []);
    }
    // A request that was admitted is not cut short.
    assert_eq!(cluster.node(1).data.rows(tablet).await.len(), 1);
    drop(held);
    eventually(async || cluster.node(1).data.rows(tablet).await.is_empty()).await;
}

#[tokio::test]
async fn staged_rows_serve_a_resume_and_go_with_their_session() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster.node(1).data.put(tablet, "k", 1, Some("v")).await;
    let injector = &cluster.node(4).injector;
    injector.enable("streaming::before_attach", Params::once());
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let operation = cluster.operate(4, OperationKind::Stream, tablet);
    let go_back = async {
        injector
            .wait_for_entries("streaming::before_attach", 1, SOON)
            .await
            .unwrap();
        assert_eq!(cluster.node(4).data.staged().await, 1);
        assert_eq!(
            cluster.node(4).data.rows(tablet).await,
            [],
            "nothing is visible before it is whole"
        );
        cluster.advance(tablet, Some(Stage::CleanupTarget)).await;
    };
    let (ended, ()) = tokio::join!(operation, go_back);
    assert!(ended.is_err(), "{ended:?}");
    cluster.barrier_all(tablet).await;
    cluster.operate(4, OperationKind::Cleanup, tablet).await.unwrap();
    cluster.advance(tablet, Some(Stage::RevertMigration)).await;
    cluster.barrier_all(tablet).await;
    cluster.advance(tablet, None).await;
    eventually(async || cluster.node(4).data.staged().await == 0).await;
    assert_eq!(cluster.node(4).data.rows(tablet).await, []);
}

#[tokio::test]
async fn a_holder_that_stays_keeps_nothing_but_its_own() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 2).await;
    let (stuck, other) = (tablets[0], tablets[1]);
    let node = cluster.node(4);
    for tablet in [stuck, other] {
        cluster.node(1).data.put(tablet, "k", 1, Some("v")).await;
        cluster.begin(tablet, 1, 4).await;
        cluster.up_to_streaming(tablet).await;
    }
    node.data.hold_attach.send_replace(true);
    let mut attaching = node.data.attaching.subscribe();
    let inside = async {
        attaching.wait_for(|count| *count == 1).await.unwrap();
        cluster.advance(stuck, Some(Stage::CleanupTarget)).await;
    };
    let (ended, ()) = tokio::join!(cluster.operate(4, OperationKind::Stream, stuck), inside);
    assert!(ended.is_err(), "{ended:?}");

    // Its call into the engine goes on, and so its session is not closed. The other tablet's is.
    node.injector.enable("streaming::before_attach", Params::once());
    let go_back = async {
        node.injector
            .wait_for_entries("streaming::before_attach", 1, SOON)
            .await
            .unwrap();
        assert_eq!(node.data.staged().await, 2);
        cluster.advance(other, Some(Stage::CleanupTarget)).await;
    };
    let (ended, ()) = tokio::join!(cluster.operate(4, OperationKind::Stream, other), go_back);
    assert!(ended.is_err(), "{ended:?}");
    eventually(async || node.data.staged().await == 1).await;

    node.data.hold_attach.send_replace(false);
    eventually(async || node.data.staged().await == 0).await;
    assert_eq!(node.sessions.closing_sessions(), []);
}

#[tokio::test]
async fn an_engine_that_panics_costs_no_more_than_what_it_was_asked_for() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 2).await;
    let node = cluster.node(4);
    for (number, tablet) in (1..).zip(&tablets) {
        cluster.node(1).data.put(*tablet, "k", 1, Some("v")).await;
        cluster.begin(*tablet, 1, 4).await;
        cluster.up_to_streaming(*tablet).await;
        node.injector.enable("streaming::before_attach", Params::once());
        let go_back = async {
            let entries = node
                .injector
                .wait_for_entries("streaming::before_attach", number, SOON);
            entries.await.unwrap();
            assert!(staged(&cluster, *tablet).await);
            node.data.discard_panics.store(number == 1, Ordering::SeqCst);
            cluster.advance(*tablet, Some(Stage::CleanupTarget)).await;
        };
        let (ended, ()) = tokio::join!(cluster.operate(4, OperationKind::Stream, *tablet), go_back);
        assert!(ended.is_err(), "{ended:?}");
        eventually(async || !node.data.discard_panics.load(Ordering::SeqCst)).await;
    }
    // What the first was about may be left; what came after it is not.
    eventually(async || !staged(&cluster, tablets[1]).await).await;
}

/// Whether node 4 has something staged of a tablet.
async fn staged(cluster: &Cluster, tablet: TabletId) -> bool {
    let staged = cluster.node(4).data.engine.staged().await.unwrap();
    staged.iter().any(|(unit, _)| unit.as_u64() == tablet.as_u64())
}

/// Waits for what comes by itself and tells nobody: the sweeper's work.
async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    timeout(SOON, async {
        while !holds().await {
            yield_now().await;
        }
    })
    .await
    .unwrap();
}
