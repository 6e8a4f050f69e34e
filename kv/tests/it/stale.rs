//! Epochs: who waits for whom, and what an older one can no longer do.

use std::time::Duration;

use tidegate_tablets::TransitionKind;
use tokio::time::timeout;

use crate::cluster::{Cluster, peer, row};

const A_WHILE: Duration = Duration::from_millis(500);

#[tokio::test(start_paused = true)]
async fn a_client_that_is_behind_waits_for_its_own_map_and_starts_again() {
    let cluster = Cluster::start(4).await;
    cluster
        .client(4)
        .put(cluster.table, "k".into(), "old".into())
        .await
        .unwrap();
    cluster.begin(TransitionKind::Migration, Some(1), Some(4), 0);
    for id in 1..=3 {
        cluster.publish(id);
        cluster.barrier(id).await;
    }
    let put = cluster.client(4).put(cluster.table, "k".into(), "new".into());
    let get = cluster.client(4).get(cluster.table, "k".into());
    let (mut put, mut get) = (std::pin::pin!(put), std::pin::pin!(get));
    assert!(timeout(A_WHILE, &mut put).await.is_err());
    assert!(timeout(A_WHILE, &mut get).await.is_err());
    cluster.publish(4);
    put.await.unwrap();
    assert!(get.await.is_ok());
    assert_eq!(
        cluster.client(1).get(cluster.table, "k".into()).await,
        Ok(Some("new".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_behind_lets_the_request_wait() {
    let cluster = Cluster::start(4).await;
    cluster.begin(TransitionKind::Migration, Some(1), Some(4), 0);
    cluster.publish(4);
    let put = cluster.client(4).put(cluster.table, "k".into(), "v".into());
    let mut put = std::pin::pin!(put);
    assert!(timeout(A_WHILE, &mut put).await.is_err());
    for id in 1..=3 {
        assert_eq!(cluster.held(id, "k").await, None);
        // A request that waits holds up no barrier.
        cluster.barrier(id).await;
        cluster.publish(id);
    }
    put.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_starts_again_keeps_its_timestamp() {
    let cluster = Cluster::start(4).await;
    for id in [2, 3] {
        cluster.node(id).engine.hold();
    }
    let client = cluster.client(4).clone();
    let table = cluster.table;
    let put = tokio::spawn(async move { client.put(table, "k".into(), "v".into()).await });
    for id in [2, 3] {
        cluster.node(id).engine.writes_held(1).await;
    }
    while cluster.held(1, "k").await.is_none() {
        tokio::task::yield_now().await;
    }
    let first = cluster.held(1, "k").await.unwrap();
    cluster.begin_move();
    for id in [2, 3] {
        let fence = &cluster.node(id).admit.fence;
        fence.raise(cluster.tablet, cluster.epoch());
        assert_eq!(fence.older_holders(cluster.tablet, cluster.epoch()), 1);
        cluster.node(id).engine.release();
        cluster.barrier(id).await;
    }
    assert_eq!(put.await.unwrap(), Ok(first.timestamp));
    for id in 1..=3 {
        if let Some(row) = cluster.held(id, "k").await {
            assert_eq!(row, first);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_into_the_engine_holds_the_barrier_though_its_caller_is_gone() {
    let cluster = Cluster::start(4).await;
    cluster.node(2).engine.hold();
    cluster
        .client(4)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    cluster.node(2).engine.writes_held(1).await;
    cluster.node(4).transport.shutdown().await;
    cluster.begin(TransitionKind::Migration, Some(1), Some(4), 0);
    cluster.publish(2);
    assert!(
        timeout(Duration::from_secs(60), cluster.barrier(2))
            .await
            .is_err()
    );
    cluster.node(2).engine.release();
    cluster.barrier(2).await;
    // Refused at the last step: the fence went up before the engine began.
    assert_eq!(cluster.held(2, "k").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_late_write_of_an_older_epoch_is_refused() {
    let cluster = Cluster::start(4).await;
    let slow = Duration::from_secs(1);
    cluster.network.set_delay(peer(4), peer(3), slow..=slow);
    cluster
        .client(4)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    // On its way to node 3 still; the barrier does not wait for it.
    cluster.begin_move();
    timeout(A_WHILE, cluster.barrier_all()).await.unwrap();
    tokio::time::sleep(slow * 5).await;
    assert_eq!(cluster.held(3, "k").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_no_member_is_refused() {
    let cluster = Cluster::start(3).await;
    cluster.plant(1, vec![row("k", 1, Some("v"))]).await;
    let stranger = cluster.network.join(peer(9)).unwrap();
    let call = tidegate_transport::rpc::call_one(
        &*stranger,
        peer(1),
        tidegate_kv::KV_SERVICE,
        "anything".into(),
        Duration::from_secs(1),
    );
    let refused = tidegate_transport::StreamError::Reset(tidegate_transport::ResetCode::Refused);
    assert_eq!(
        call.await,
        Err(tidegate_transport::rpc::RpcError::Stream(refused))
    );
}
