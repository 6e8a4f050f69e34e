//! Barriers: what they wait for, and what they do not wait for.

use std::time::Duration;

use tidegate_coordinator::{BarrierError, OperationKind};
use tidegate_guard::Guard;
use tidegate_inject::Params;
use tidegate_replica::AdmissionError;
use tidegate_tablets::{Change, Stage};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cluster::{Cluster, SOON, n};
use crate::node::Network;

const SHORT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn older_requests_hold_the_barrier_and_newer_ones_do_not() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let before = cluster.tablet(tablet).epoch;
    let replica = &cluster.node(2).replica;
    let older = replica.admit(tablet, before, SOON).await.unwrap();

    let epoch = cluster.begin(tablet, 1, 4).await;
    let newer = replica.admit(tablet, epoch, SOON).await.unwrap();
    timeout(SOON, older.changed()).await.unwrap();
    let held = cluster.barrier(2, tablet, SHORT).await.unwrap_err();
    assert!(
        matches!(&held, BarrierError::Held { holders } if holders.len() == 1 && holders[0].contains("1 requests")),
        "{held}"
    );
    assert!(older.check().is_err(), "the fence has passed it");

    // Refused from now on, and told what is wanted.
    let refused = replica.admit(tablet, before, SOON).await.unwrap_err();
    assert_eq!(refused, AdmissionError::Stale { wanted: epoch });
    drop(older);
    cluster.barrier(2, tablet, SOON).await.unwrap();
    drop(newer);
}

#[tokio::test]
async fn a_request_of_an_epoch_ahead_waits_and_holds_up_no_barrier() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let node = cluster.node(2);
    cluster.barrier_all(tablet).await;
    node.store.pause();
    let epoch = cluster.begin(tablet, 1, 4).await;
    assert_eq!(
        node.replica.admit(tablet, epoch, SHORT).await.unwrap_err(),
        AdmissionError::Behind
    );
    let behind = cluster.barrier(2, tablet, SHORT).await.unwrap_err();
    assert!(matches!(behind, BarrierError::Behind { .. }), "{behind}");

    let waits = node.replica.admit(tablet, epoch, SOON);
    let barrier = cluster.barrier(2, tablet, SOON);
    let resume = async { node.store.resume() };
    let (admitted, done, ()) = tokio::join!(waits, barrier, resume);
    admitted.unwrap();
    done.unwrap();
}

#[tokio::test]
async fn streaming_of_one_tablet_blocks_no_barrier_of_another() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 2).await;
    let (streams, other) = (tablets[0], tablets[1]);
    let injector = &cluster.node(4).injector;
    injector.enable("streaming::before_attach", Params::once());
    cluster.begin(streams, 1, 4).await;
    cluster.up_to_streaming(streams).await;
    let operation = cluster.operate(4, OperationKind::Stream, streams);
    let meanwhile = async {
        injector
            .wait_for_entries("streaming::before_attach", 1, SOON)
            .await
            .unwrap();
        // A whole move of the other tablet, between the same nodes.
        cluster.move_tablet(other, 1, 4).await;
        injector.message("streaming::before_attach", "go on");
    };
    let (streamed, ()) = tokio::join!(operation, meanwhile);
    streamed.unwrap();
}

#[tokio::test]
async fn each_tablet_of_a_barrier_is_answered_as_soon_as_it_is_done() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 2).await;
    let (slow, quick) = (tablets[0], tablets[1]);
    let older = cluster
        .node(2)
        .replica
        .admit(slow, cluster.tablet(slow).epoch, SOON)
        .await
        .unwrap();
    cluster.begin(slow, 1, 4).await;
    cluster.begin(quick, 1, 4).await;
    let asked = vec![
        (slow, cluster.tablet(slow).epoch),
        (quick, cluster.tablet(quick).epoch),
    ];
    let (sender, mut answers) = mpsc::channel(2);
    let barriers = cluster.barriers(2, asked, SOON, sender);
    let listen = async {
        let first = answers.recv().await.unwrap();
        assert_eq!((first.tablet, first.result), (quick, Ok(())));
        drop(older);
        let second = answers.recv().await.unwrap();
        assert_eq!((second.tablet, second.result), (slow, Ok(())));
    };
    let (asked, ()) = timeout(SOON, async { tokio::join!(barriers, listen) })
        .await
        .unwrap();
    asked.unwrap();
}

#[tokio::test]
async fn a_barrier_of_an_epoch_that_has_passed_is_told_so() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let epoch = cluster.begin(tablet, 1, 4).await;
    cluster.barrier_all(tablet).await;
    cluster.advance(tablet, Some(Stage::WriteBothReadOld)).await;
    cluster.barrier_all(tablet).await;
    let (sender, mut answers) = mpsc::channel(1);
    cluster
        .barriers(2, vec![(tablet, epoch)], SOON, sender)
        .await
        .unwrap();
    let answer = answers.recv().await.unwrap();
    assert!(
        matches!(answer.result, Err(BarrierError::Superseded { .. })),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_map_is_not_held_by_a_stream() {
    // I11: while a receiver is held, nothing but the published map refers to the metadata.
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    let injector = &cluster.node(4).injector;
    injector.enable("streaming::before_attach", Params::once());
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;
    let operation = cluster.operate(4, OperationKind::Stream, tablet);
    let look = async {
        injector
            .wait_for_entries("streaming::before_attach", 1, SOON)
            .await
            .unwrap();
        let pinned = std::sync::Arc::downgrade(&cluster.node(4).replica.map().unwrap());
        let on = cluster.change(Change::SetBalancing { on: true }).await;
        on.unwrap();
        let version = cluster.log.newest().version;
        cluster.node(4).replica.wait_version(version, SOON).await.unwrap();
        // The log keeps versions for nodes that are behind: two references at most are its own.
        assert!(
            pinned.strong_count() <= 2,
            "{} references to an old map",
            pinned.strong_count()
        );
        injector.message("streaming::before_attach", "go on");
    };
    let (streamed, ()) = tokio::join!(operation, look);
    streamed.unwrap();
    assert!(cluster.node(4).replica.map().unwrap().is_live_member(n(4)));
}
