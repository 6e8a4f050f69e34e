//! What goes together, what holds up nothing else, and the bounds.

use tidegate_coordinator::{BarrierError, CoordinatorConfig, Ended, OperationKind};
use tidegate_tablets::{Change, Epoch, MetadataStore, Proposal, Reason, RequestId, Stage, TransitionKind};
use tokio::time::{Duration, Instant};

use crate::cluster::{Cluster, config, n, stage_of, t};
use crate::nodes::{Asked, Reply, barrier, operation};
use OperationKind::Stream;

/// Begins to move every tablet, in one change of the metadata.
async fn begin_all(cluster: &Cluster, tablets: u64) {
    let begin = |tablet| Change::Begin {
        tablet: t(tablet),
        expected: Epoch::new(1),
        kind: TransitionKind::Migration,
        leaving: Some(n(1)),
        pending: Some(n(4)),
        purge_floor: 0,
        reason: Reason::Operator,
    };
    let proposal = Proposal {
        request: RequestId(1),
        changes: (0..tablets).map(begin).collect(),
    };
    let outcomes = cluster.store.propose(proposal).await.expect("decided");
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

fn barriers_of(cluster: &Cluster, of: u64) -> Vec<Vec<u64>> {
    cluster.nodes.see(|state| {
        let tablets = |asked: &Asked| match asked {
            Asked::Barrier { node, tablets, .. } if *node == of => Some(tablets.clone()),
            _ => None,
        };
        state.asked.iter().filter_map(tablets).collect()
    })
}

async fn until_all_moved(cluster: &Cluster, tablets: impl IntoIterator<Item = u64>) {
    for tablet in tablets {
        cluster
            .until(|metadata| metadata.tablets[&t(tablet)].replicas.contains(&n(4)))
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn barriers_go_together_by_node_and_changes_by_proposal() {
    let cluster = Cluster::new(20).await;
    begin_all(&cluster, 20).await;
    let before = cluster.log.newest().version.as_u64();
    let _coordinator = cluster.start();
    until_all_moved(&cluster, 0..20).await;
    let calls = barriers_of(&cluster, 2);
    assert_eq!(calls[0], (0..20).collect::<Vec<u64>>());
    let proposals = cluster.log.newest().version.as_u64() - before;
    // Streams take places, so tablets come through streaming and cleanup in groups.
    assert!(
        calls.len() < 40 && proposals < 60,
        "{} calls, {proposals} proposals for 20 moves",
        calls.len()
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_bound() {
    let cluster = Cluster::new(10).await;
    begin_all(&cluster, 10).await;
    let config = CoordinatorConfig {
        tablets_per_barrier: 4,
        changes_per_proposal: 3,
        ..config()
    };
    let _coordinator = cluster.start_with(config);
    until_all_moved(&cluster, 0..10).await;
    let calls = barriers_of(&cluster, 2);
    assert!(calls.iter().all(|tablets| tablets.len() <= 4));
    assert_eq!(calls[0], [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_tablet_in_a_batch_holds_up_no_other() {
    let cluster = Cluster::new(5).await;
    begin_all(&cluster, 5).await;
    cluster.nodes.hold(barrier(3, 2));
    let begun_at = Instant::now();
    let _coordinator = cluster.start();
    until_all_moved(&cluster, [0, 1, 3, 4]).await;
    assert_eq!(
        begun_at.elapsed(),
        Duration::ZERO,
        "without a deadline having passed"
    );
    assert_eq!(barriers_of(&cluster, 3)[0], [0, 1, 2, 3, 4]);
    assert_eq!(cluster.stage(2), Some(Stage::AllowWriteBothReadOld));
    cluster.nodes.let_go(barrier(3, 2));
    until_all_moved(&cluster, [2]).await;
}

#[tokio::test(start_paused = true)]
async fn tablets_known_to_be_slow_take_no_place_from_others() {
    let cluster = Cluster::new(6).await;
    let held = || BarrierError::Held {
        holders: vec!["stream.receive".to_owned()],
    };
    for tablet in 0..4 {
        let failed_once = [Reply::NotDone(held())]
            .into_iter()
            .chain((0..100).map(|_| Reply::Silent));
        cluster.nodes.script(barrier(3, tablet), failed_once);
    }
    let mut config = CoordinatorConfig {
        barriers_per_node: 1,
        tablets_per_barrier: 1,
        ..config()
    };
    config.retry.barrier_failures_max = 1000;
    let coordinator = cluster.start_with(config);
    for tablet in 0..4 {
        cluster.begin_move(tablet).await;
    }
    cluster.nodes.until(|state| state.times(barrier(3, 0)) == 2).await;
    let begun_at = Instant::now();
    for tablet in 4..6 {
        cluster.begin_move(tablet).await;
    }
    until_all_moved(&cluster, 4..6).await;
    assert!(begun_at.elapsed() < Duration::from_secs(1));
    coordinator.stop().await;
}

/// I10.
#[tokio::test(start_paused = true)]
async fn streaming_of_one_tablet_blocks_no_barrier_of_another() {
    let cluster = Cluster::new(40).await;
    begin_all(&cluster, 39).await;
    for tablet in 0..39 {
        cluster.nodes.hold(operation(Stream, 4, tablet));
    }
    let config = CoordinatorConfig {
        calls_total: 8,
        sends_per_node: 100,
        receives_per_node: 100,
        barriers_per_node: 1,
        operation_deadline: Duration::from_secs(3600),
        ..config()
    };
    let _coordinator = cluster.start_with(config);
    cluster
        .until(|metadata| (0..39).all(|tablet| stage_of(metadata, tablet) == Some(Stage::Streaming)))
        .await;
    cluster.nodes.until(|state| state.running_max == 4).await;
    let begun_at = Instant::now();
    let begun = cluster
        .operator
        .move_tablet(t(39), n(1), n(5))
        .await
        .expect("begun");
    cluster.until_stage(39, Stage::Streaming).await;
    // Nor a cleanup.
    cluster.operator.cancel(t(39), begun).await.expect("early enough");
    let ended = cluster.operator.wait_for_end(t(39), begun).await;
    assert_eq!(ended, Ok(Ended::RolledBack));
    assert!(begun_at.elapsed() < Duration::from_secs(1));
    assert!((0..39).all(|tablet| cluster.stage(tablet) == Some(Stage::Streaming)));
}

#[tokio::test(start_paused = true)]
async fn operations_on_one_node_have_a_bound() {
    let cluster = Cluster::new(12).await;
    begin_all(&cluster, 12).await;
    for tablet in 0..12 {
        cluster.nodes.hold(operation(Stream, 4, tablet));
    }
    let config = CoordinatorConfig {
        receives_per_node: 3,
        operations_per_node: 2,
        ..config()
    };
    let _coordinator = cluster.start_with(config);
    cluster.nodes.until(|state| state.running_max == 3).await;
    // Time for a deadline to pass, and for others to take the places.
    tokio::time::sleep(Duration::from_secs(40)).await;
    for tablet in 0..12 {
        cluster.nodes.let_go(operation(Stream, 4, tablet));
    }
    until_all_moved(&cluster, 0..12).await;
    assert_eq!(cluster.nodes.see(|state| state.running_max), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_counts_for_nothing_gives_its_place_back() {
    let cluster = Cluster::new(2).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    let config = CoordinatorConfig {
        receives_per_node: 1,
        operation_deadline: Duration::from_secs(3600),
        ..config()
    };
    let _coordinator = cluster.start_with(config);
    let first = cluster.begin_move(0).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 1)
        .await;
    let second = cluster.begin_move(1).await;
    cluster.until_stage(1, Stage::Streaming).await;
    cluster.operator.cancel(t(0), first).await.expect("early enough");
    let begun_at = Instant::now();
    assert_eq!(
        cluster.operator.wait_for_end(t(1), second).await,
        Ok(Ended::Completed)
    );
    assert!(begun_at.elapsed() < Duration::from_secs(1));
}
