//! A receiver inside an engine call: the barrier waits for exactly that call, and names it.

use std::time::Duration;

use tidegate_coordinator::{BarrierError, OperationError, OperationKind};
use tidegate_guard::Rejected;
use tidegate_tablets::{Epoch, Stage};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::cluster::{Cluster, SOON};
use crate::node::Network;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_barrier_waits_for_the_engine_call_over_mem() {
    held_engine_call(Network::Mem).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_barrier_waits_for_the_engine_call_over_quic() {
    held_engine_call(Network::Quic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_barrier_waits_for_the_engine_call_over_tcp() {
    held_engine_call(Network::Tcp).await;
}

async fn held_engine_call(network: Network) {
    let (cluster, tablets) = Cluster::start(network, 1).await;
    let tablet = tablets[0];
    cluster.node(1).data.put(tablet, "k", 1, Some("w1")).await;
    cluster.begin(tablet, 1, 4).await;
    cluster.up_to_streaming(tablet).await;

    // The attach has started inside the engine, and listens to nobody.
    let data = &cluster.node(4).data;
    data.hold_attach.send_replace(true);
    let operation = cluster.operate(4, OperationKind::Stream, tablet);
    let go_back = async {
        data.attaching
            .subscribe()
            .wait_for(|count| *count == 1)
            .await
            .unwrap();
        cluster.advance(tablet, Some(Stage::CleanupTarget)).await;
    };
    let (ended, ()) = timeout(SOON, async { tokio::join!(operation, go_back) })
        .await
        .unwrap();
    assert_eq!(ended, Err(OperationError::Rejected(Rejected::Closing)));

    // The barrier does not end, and says who holds it.
    let held = cluster
        .barrier(4, tablet, Duration::from_millis(200))
        .await
        .unwrap_err();
    let BarrierError::Held { holders } = held else {
        panic!("{held}")
    };
    assert_eq!(holders.len(), 1, "{holders:?}");
    let named = &holders[0];
    assert!(
        named.contains("stream") && named.contains(&format!("tablet={tablet}")),
        "{named}"
    );
    // Whoever names the tablet twice, or another epoch of it first, is not told that it is done either.
    let epoch = cluster.tablet(tablet).epoch;
    for first in [epoch, Epoch::new(epoch.as_u64() - 1)] {
        let (answers, mut answered) = mpsc::channel(2);
        let asked = vec![(tablet, first), (tablet, epoch)];
        let wait = Duration::from_millis(200);
        let call = cluster.barriers(4, asked, wait, answers);
        call.await.unwrap();
        while let Some(answer) = answered.recv().await {
            assert!(answer.result.is_err(), "{answer:?}");
        }
    }
    // The other participants hold nothing.
    for node in 1..=3 {
        cluster.barrier(node, tablet, SOON).await.unwrap();
    }

    // It ends with that call, and with nothing else.
    let barrier = cluster.barrier(4, tablet, SOON);
    let release = async {
        tokio::task::yield_now().await;
        data.hold_attach.send_replace(false);
    };
    let (ended, ()) = tokio::join!(barrier, release);
    ended.unwrap();
    // What the call attached is removed by the cleanup of the way back.
    cluster.operate(4, OperationKind::Cleanup, tablet).await.unwrap();
    assert_eq!(data.rows(tablet).await, []);
}
