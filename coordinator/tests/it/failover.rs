//! Coordinators come and go, and there may be two.

use std::sync::Arc;

use tidegate_coordinator::{Coordinator, CoordinatorHandle, Ended, OperationError, OperationKind};
use tidegate_guard::Rejected;
use tidegate_tablets::{Epoch, MetadataStore, Stage};
use tokio::time::{Duration, Instant};

use crate::cluster::{Cluster, config, n, t, until_status};
use crate::flaky_store::FlakyStore;
use crate::nodes::{Ask, Reply, barrier, operation};
use OperationKind::{Cleanup, Stream};

/// Where a coordinator can be lost: at a stage, while something is asked, for the so-many-th time, and not answered.
const WHERE: [(Stage, Ask, usize); 7] = [
    (Stage::AllowWriteBothReadOld, barrier(2, 0), 1),
    (Stage::WriteBothReadOld, barrier(2, 0), 2),
    (Stage::Streaming, operation(Stream, 4, 0), 1),
    (Stage::WriteBothReadNew, barrier(2, 0), 3),
    (Stage::UseNew, barrier(2, 0), 4),
    (Stage::Cleanup, operation(Cleanup, 1, 0), 1),
    (Stage::EndMigration, barrier(2, 0), 5),
];

/// A cluster whose only move waits at a stage for an answer.
async fn waiting(stage: Stage, ask: Ask, time: usize) -> (Cluster, CoordinatorHandle, Epoch) {
    let cluster = Cluster::new(1).await;
    let coordinator = cluster.start();
    cluster.nodes.hold_after(ask, time - 1);
    let begun = cluster.begin_move(0).await;
    cluster.nodes.until(|state| state.times(ask) == time).await;
    assert_eq!(cluster.stage(0), Some(stage));
    (cluster, coordinator, begun)
}

#[tokio::test(start_paused = true)]
async fn another_coordinator_goes_on_from_the_metadata_alone() {
    for (stage, ask, time) in WHERE {
        let (cluster, first, begun) = waiting(stage, ask, time).await;
        first.stop().await;
        let asked = cluster.nodes.see(|state| state.asked.len());
        cluster.nodes.let_go(ask);
        let second = cluster.start();
        assert_eq!(
            cluster.operator.wait_for_end(t(0), begun).await,
            Ok(Ended::Completed),
            "{stage}"
        );
        assert_eq!(cluster.replicas(0), [2, 3, 4]);
        assert!(
            cluster.nodes.see(|state| state.times(ask)) > time,
            "{stage}: it asks anew"
        );
        assert!(cluster.nodes.see(|state| state.asked.len()) > asked);
        second.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_or_dropped_coordinator_asks_nothing_more() {
    for dropped in [false, true] {
        let (cluster, coordinator, _) = waiting(Stage::Streaming, operation(Stream, 4, 0), 1).await;
        let begun_at = Instant::now();
        if dropped {
            drop(coordinator);
        } else {
            coordinator.stop().await;
        }
        assert_eq!(begun_at.elapsed(), Duration::ZERO, "promptly");
        let asked = cluster.nodes.see(|state| state.asked.len());
        cluster.nodes.let_go(operation(Stream, 4, 0));
        tokio::time::advance(Duration::from_secs(600)).await;
        assert_eq!(cluster.nodes.see(|state| state.asked.len()), asked);
        assert_eq!(cluster.stage(0), Some(Stage::Streaming));
    }
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_ends_with_its_store() {
    let (cluster, coordinator, _) = waiting(Stage::Streaming, operation(Stream, 4, 0), 1).await;
    cluster.log.stop();
    while !coordinator.is_finished() {
        tokio::task::yield_now().await;
    }
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_coordinators_over_one_log_are_harmless() {
    let cluster = Cluster::new(8).await;
    let failed = || Reply::Failed(OperationError::Failed("connection lost".to_owned()));
    for tablet in 0..4 {
        cluster.nodes.script(operation(Stream, 4, tablet), [failed()]);
    }
    cluster
        .nodes
        .script(operation(Stream, 4, 7), (0..100).map(|_| failed()));
    let first = cluster.start();
    // The other one has a copy of the metadata of its own.
    let store = cluster.log.store(n(2));
    let second = Coordinator::start(
        store as Arc<dyn MetadataStore>,
        Arc::clone(&cluster.nodes) as _,
        config(),
    );
    let mut begun = Vec::new();
    for tablet in 0..8 {
        begun.push(cluster.begin_move(tablet).await);
    }
    for (tablet, begun) in (0..).zip(begun) {
        let expected = if tablet == 7 {
            Ended::RolledBack
        } else {
            Ended::Completed
        };
        assert_eq!(
            cluster.operator.wait_for_end(t(tablet), begun).await,
            Ok(expected),
            "{tablet}"
        );
        let sessions = cluster
            .nodes
            .see(|state| state.sessions(operation(Stream, 4, tablet)));
        assert_eq!(sessions.len(), 1, "both ask under the same session");
    }
    cluster.check_settled();
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_lags_moves_nothing_and_catches_up() {
    let cluster = Cluster::new(1).await;
    let lagging = cluster.log.store(n(2));
    cluster.nodes.hold(operation(Stream, 4, 0));
    let first = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster.until_stage(0, Stage::Streaming).await;
    // The second one sees the streaming stage for as long as it is paused.
    lagging.pause();
    let store = Arc::clone(&lagging) as Arc<dyn MetadataStore>;
    let second = Coordinator::start(store, Arc::clone(&cluster.nodes) as _, config());
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 2)
        .await;
    cluster.operator.cancel(t(0), begun).await.expect("early enough");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    let version = cluster.log.newest().version;
    // Its stream now "succeeds": what it proposes is refused.
    cluster.nodes.let_go(operation(Stream, 4, 0));
    cluster.until(|metadata| metadata.version > version).await;
    assert_eq!(cluster.replicas(0), [1, 2, 3]);
    cluster.check_settled();
    lagging.resume();
    until_status(&second, |status| status.is_empty()).await;
    first.stop().await;
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_told_that_it_is_behind_reads_the_metadata_anew_and_spends_no_budget() {
    let cluster = Cluster::new(1).await;
    let behind = [
        OperationError::Rejected(Rejected::Closing),
        OperationError::Rejected(Rejected::Closed),
        OperationError::Mismatch("another session"),
    ];
    cluster
        .nodes
        .script(operation(Cleanup, 1, 0), behind.into_iter().map(Reply::Failed));
    let mut config = config();
    config.retry.operation_failures_max = 1;
    let store = FlakyStore::new(&cluster.store, []);
    let coordinator = Coordinator::start(
        Arc::clone(&store) as Arc<dyn MetadataStore>,
        Arc::clone(&cluster.nodes) as _,
        config,
    );
    cluster.nodes.hold_after(operation(Cleanup, 1, 0), 3);
    let begun = cluster.begin_move(0).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Cleanup, 1, 0)) == 4)
        .await;
    assert!(
        coordinator
            .status()
            .iter()
            .all(|status| !status.gave_up && status.attempts == 0)
    );
    assert_eq!(store.times_read(), 3, "each time");
    cluster.nodes.let_go(operation(Cleanup, 1, 0));
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
}
