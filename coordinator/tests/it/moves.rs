//! What is to happen when nothing, or not much, goes wrong.

use tidegate_coordinator::{
    BarrierError, Ended, EndedTransition, Need, OperationError, OperationKind, WaitingFor,
};
use tidegate_tablets::{Epoch, Stage};
use tokio::time::{Duration, Instant};

use crate::cluster::{Cluster, n, t};
use crate::nodes::{Ask, Asked, Reply, barrier, operation};
use OperationKind::{Cleanup, Fill, Purge, Stream};

fn operations(cluster: &Cluster) -> Vec<Ask> {
    cluster.nodes.see(|state| {
        let ask = |asked: &Asked| match asked {
            Asked::Operation { ask, .. } => Some(*ask),
            Asked::Barrier { .. } => None,
        };
        state.asked.iter().filter_map(ask).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn a_migration_runs_through() {
    let cluster = Cluster::new(1).await;
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [2, 3, 4]);
    assert_eq!(
        operations(&cluster),
        [operation(Stream, 4, 0), operation(Cleanup, 1, 0)]
    );
    for node in 1..=4 {
        // One for each stage but streaming and cleanup.
        assert_eq!(
            cluster.nodes.see(|state| state.times(barrier(node, 0))),
            5,
            "node {node}"
        );
    }
    assert!(
        cluster
            .nodes
            .see(|state| state.everyone())
            .iter()
            .all(|node| *node <= 4)
    );
    cluster.check_settled();
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_ask_names_an_epoch_that_its_version_has() {
    let cluster = Cluster::new(1).await;
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster.operator.wait_for_end(t(0), begun).await.expect("it ends");
    let begun_at = cluster.log.newest().version.as_u64() - 7;
    cluster.nodes.see(|state| {
        for asked in &state.asked {
            // Each change of the only tablet was a version of its own.
            let at = |epoch: u64| begun_at + epoch - begun.as_u64();
            match asked {
                Asked::Barrier {
                    epochs, min_version, ..
                } => {
                    assert!(*min_version >= at(epochs[0]));
                }
                Asked::Operation {
                    session,
                    written,
                    min_version,
                    ..
                } => {
                    assert!(*min_version > at(*written), "it was published before");
                    let id = t(0).session_at(Epoch::new(*written));
                    assert_eq!(*session, id.as_u128());
                }
            }
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_runs_through_without_the_lost_node() {
    let cluster = Cluster::new(1).await;
    cluster.operator.exclude(n(1), false).await.expect("two are left");
    let _coordinator = cluster.start();
    let begun = cluster.operator.rebuild(t(0), n(1), n(4)).await.expect("begun");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [2, 3, 4]);
    assert_eq!(
        operations(&cluster),
        [operation(Stream, 4, 0)],
        "nothing is to be cleaned on a stopped node"
    );
    assert!(!cluster.nodes.see(|state| state.everyone()).contains(&1));
}

#[tokio::test(start_paused = true)]
async fn a_purge_fills_every_replica_before_it_purges_any() {
    let cluster = Cluster::new(1).await;
    let _coordinator = cluster.start();
    let begun = cluster.operator.purge(t(0), 99).await.expect("begun");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [1, 2, 3]);
    let mut asked = operations(&cluster);
    asked[..3].sort_unstable();
    asked[3..].sort_unstable();
    let both = [Fill, Purge].map(|kind| [1, 2, 3].map(|node| operation(kind, node, 0)));
    assert_eq!(asked, both.concat());
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_under_the_same_session() {
    let cluster = Cluster::new(1).await;
    let held = BarrierError::Held {
        holders: vec!["stream.receive peer=1".to_owned()],
    };
    cluster
        .nodes
        .script(barrier(3, 0), [Reply::NotDone(held), Reply::Silent, Reply::Panic]);
    let failed = || Reply::Failed(OperationError::Failed("connection lost".to_owned()));
    cluster
        .nodes
        .script(operation(Stream, 4, 0), [failed(), Reply::Panic, failed()]);
    cluster.nodes.script(
        operation(Cleanup, 1, 0),
        [Reply::Failed(OperationError::NotReady)],
    );
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    cluster.nodes.see(|state| {
        assert_eq!(state.times(operation(Stream, 4, 0)), 4);
        assert_eq!(state.sessions(operation(Stream, 4, 0)).len(), 1);
        assert_eq!(state.times(operation(Cleanup, 1, 0)), 2);
        assert_eq!(state.times(barrier(3, 0)), 5 + 3);
        assert_eq!(
            state.times(barrier(2, 0)),
            5,
            "only who did not answer is asked again"
        );
    });
    assert_eq!(coordinator.status(), []);
    let ended = EndedTransition {
        tablet: t(0),
        begun,
        last_stage: Stage::EndMigration,
        last_error: Some("the node is not ready".to_owned()),
        went_back: None,
    };
    assert_eq!(coordinator.ended(), [ended]);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_still_runs_is_joined_for_as_long_as_it_takes() {
    let cluster = Cluster::new(1).await;
    let running = (0..50).map(|_| Reply::Failed(OperationError::Running));
    cluster.nodes.script(operation(Stream, 4, 0), running);
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(
        cluster
            .nodes
            .see(|state| state.sessions(operation(Stream, 4, 0)))
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_node_is_given_up_after_the_deadline_and_asked_again() {
    let cluster = Cluster::new(1).await;
    cluster.nodes.script(operation(Stream, 4, 0), [Reply::Silent]);
    let begun_at = Instant::now();
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    let took = begun_at.elapsed();
    assert!(
        (Duration::from_secs(32)..Duration::from_secs(33)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_is_waited_for() {
    let cluster = Cluster::new(2).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    cluster.nodes.hold(barrier(2, 1));
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster.begin_move(1).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 1)
        .await;
    let status = coordinator.status();
    assert_eq!(
        (status[0].tablet, status[0].begun, status[0].stage),
        (t(0), begun, Stage::Streaming)
    );
    let stream = Need::Operation {
        kind: Stream,
        node: n(4),
    };
    assert_eq!(status[0].waiting_for, WaitingFor::Nodes(vec![stream]));
    assert_eq!(
        status[1].waiting_for,
        WaitingFor::Nodes(vec![Need::Barrier { node: n(2) }])
    );
    assert!(
        status
            .iter()
            .all(|status| !status.gave_up && status.last_error.is_none())
    );
}
