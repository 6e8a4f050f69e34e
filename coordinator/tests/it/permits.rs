//! Permits of streams, and who gets them first.

use tidegate_coordinator::{CoordinatorConfig, Ended, OperationError, OperationKind};
use tidegate_tablets::{
    Change, MetadataStore, Proposal, Reason, RequestId, Stage, StreamPermits, TransitionKind,
};
use tokio::time::Duration;

use crate::cluster::{Cluster, config, n, stage_of, t};
use crate::nodes::{Asked, Reply, operation};
use OperationKind::Stream;

fn streams(cluster: &Cluster) -> Vec<u64> {
    cluster.nodes.see(|state| {
        let tablet = |asked: &Asked| match asked {
            Asked::Operation {
                ask:
                    crate::nodes::Ask::Operation {
                        tablet, kind: Stream, ..
                    },
                ..
            } => Some(*tablet),
            _ => None,
        };
        state.asked.iter().filter_map(tablet).collect()
    })
}

async fn permits(cluster: &Cluster, sends: u32, receives: u32) {
    let permits = StreamPermits {
        sends: Some(sends),
        receives: Some(receives),
    };
    cluster.operator.set_permits(permits).await.expect("two numbers");
}

/// Begins with a reason, in the balancer's name.
async fn begin(cluster: &Cluster, tablet: u64, (from, to): (u64, u64), reason: Reason) {
    let change = Change::Begin {
        tablet: t(tablet),
        expected: cluster.log.newest().tablets[&t(tablet)].epoch,
        kind: match reason {
            Reason::Rebuild => TransitionKind::Rebuild,
            _ => TransitionKind::Migration,
        },
        leaving: Some(n(from)),
        pending: Some(n(to)),
        purge_floor: 0,
        reason,
    };
    let proposal = Proposal {
        request: RequestId(u128::from(tablet) + 1),
        changes: vec![change],
    };
    let outcomes = cluster.store.propose(proposal).await.expect("decided");
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
}

/// Streams of one source to many nodes are bounded, and the bound follows the metadata while they wait.
#[tokio::test(start_paused = true)]
async fn sends_are_bounded_by_the_source_and_the_bound_changes_at_run_time() {
    let cluster = Cluster::new(4).await;
    permits(&cluster, 1, 9).await;
    for tablet in 0..4 {
        cluster.nodes.hold(operation(Stream, 4 + tablet, tablet));
        cluster
            .operator
            .move_tablet(t(tablet), n(1), n(4 + tablet))
            .await
            .expect("begun");
    }
    let config = CoordinatorConfig {
        operation_deadline: Duration::from_secs(3600),
        ..config()
    };
    let _coordinator = cluster.start_with(config);
    cluster
        .until(|metadata| (0..4).all(|tablet| stage_of(metadata, tablet) == Some(Stage::Streaming)))
        .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(streams(&cluster), [0]);
    permits(&cluster, 3, 9).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(streams(&cluster), [0, 1, 2]);
    permits(&cluster, 1, 9).await;
    cluster.nodes.let_go(operation(Stream, 4, 0));
    cluster.nodes.let_go(operation(Stream, 5, 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(streams(&cluster), [0, 1, 2], "one runs still, and one may");
    cluster.nodes.let_go(operation(Stream, 6, 2));
    cluster.nodes.let_go(operation(Stream, 7, 3));
    cluster
        .until(|metadata| {
            metadata
                .tablets
                .values()
                .all(|tablet| tablet.transition.is_none())
        })
        .await;
}

/// Two nodes that move tablets to each other: each has one permit of either kind, and both streams run.
#[tokio::test(start_paused = true)]
async fn sends_and_receives_do_not_starve_each_other() {
    let cluster = Cluster::new(2).await;
    permits(&cluster, 1, 1).await;
    let there = cluster
        .operator
        .move_tablet(t(0), n(1), n(4))
        .await
        .expect("begun");
    let coordinator = cluster.start();
    cluster.operator.wait_for_end(t(0), there).await.expect("it ends");
    cluster.nodes.hold(operation(Stream, 1, 0));
    cluster.nodes.hold(operation(Stream, 4, 1));
    for (tablet, from, to) in [(0, 4, 1), (1, 1, 4)] {
        cluster
            .operator
            .move_tablet(t(tablet), n(from), n(to))
            .await
            .expect("begun");
    }
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 1, 0)) + state.times(operation(Stream, 4, 1)) == 2)
        .await;
    coordinator.stop().await;
}

/// A node that says that its stream runs still keeps its permit between two asks.
#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_between_two_asks_keeps_its_permit() {
    let cluster = Cluster::new(2).await;
    permits(&cluster, 1, 1).await;
    let running = (0..50).map(|_| Reply::Failed(OperationError::Running));
    cluster.nodes.script(operation(Stream, 4, 0), running);
    let first = cluster.begin_move(0).await;
    let second = cluster.begin_move(1).await;
    let coordinator = cluster.start();
    assert_eq!(
        cluster.operator.wait_for_end(t(1), second).await,
        Ok(Ended::Completed)
    );
    assert_eq!(
        cluster.operator.wait_for_end(t(0), first).await,
        Ok(Ended::Completed)
    );
    let streams = streams(&cluster);
    assert_eq!(streams.len(), 52);
    assert_eq!(streams[51], 1, "only then the other: {streams:?}");
    coordinator.stop().await;
}

/// And gives it back when it is cancelled in between.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_cancelled_between_two_asks_gives_its_permit_back() {
    let cluster = Cluster::new(2).await;
    permits(&cluster, 1, 1).await;
    let running = (0..1_000_000).map(|_| Reply::Failed(OperationError::Running));
    cluster
        .nodes
        .script(operation(Stream, 4, 0), running.take(10_000));
    let first = cluster.begin_move(0).await;
    let second = cluster.begin_move(1).await;
    let coordinator = cluster.start();
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 3)
        .await;
    // Between the third ask and the fourth.
    tokio::time::sleep(Duration::from_millis(3)).await;
    cluster.operator.cancel(t(0), first).await.expect("early enough");
    assert_eq!(
        cluster.operator.wait_for_end(t(1), second).await,
        Ok(Ended::Completed)
    );
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn where_permits_are_short_the_urgent_one_streams_first() {
    let cluster = Cluster::new(4).await;
    permits(&cluster, 1, 1).await;
    cluster.operator.set_balancing(true).await.expect("done");
    cluster.operator.exclude(n(1), false).await.expect("two are left");
    for (tablet, reason) in Reason::ALL.into_iter().rev().enumerate() {
        let from = if reason == Reason::Rebuild { 1 } else { 2 };
        begin(&cluster, tablet as u64, (from, 4), reason).await;
    }
    // All come to the stage of streams before any may begin.
    let config = CoordinatorConfig {
        operation_deadline: Duration::from_secs(3600),
        ..config()
    };
    for tablet in 0..4 {
        cluster.nodes.hold(operation(Stream, 4, tablet));
    }
    let _coordinator = cluster.start_with(config);
    cluster
        .until(|metadata| (0..4).all(|tablet| stage_of(metadata, tablet) == Some(Stage::Streaming)))
        .await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 3)) == 1)
        .await;
    for tablet in 0..4 {
        cluster.nodes.let_go(operation(Stream, 4, tablet));
    }
    cluster
        .until(|metadata| {
            metadata
                .tablets
                .values()
                .all(|tablet| tablet.transition.is_none())
        })
        .await;
    assert_eq!(streams(&cluster), [3, 2, 1, 0]);
}
