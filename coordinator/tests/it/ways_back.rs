//! Budgets, cancels, exclusions and tables that go.

use tidegate_coordinator::{Ended, OperationError, OperationKind, OperatorError, WaitingFor};
use tidegate_tablets::{Refused, Stage};

use crate::cluster::{Cluster, n, t, until_status};
use crate::nodes::{Reply, barrier, operation};
use OperationKind::{Cleanup, Stream};

#[tokio::test(start_paused = true)]
async fn a_spent_budget_rolls_back_and_says_why() {
    let cluster = Cluster::new(1).await;
    let stalled = || Reply::Failed(OperationError::Failed("stalled".to_owned()));
    cluster
        .nodes
        .script(operation(Stream, 4, 0), (0..100).map(|_| stalled()));
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    assert_eq!(cluster.replicas(0), [1, 2, 3]);
    assert_eq!(cluster.nodes.see(|state| state.times(operation(Stream, 4, 0))), 4);
    assert_eq!(
        cluster.nodes.see(|state| state.times(operation(Cleanup, 4, 0))),
        1
    );
    let ended = coordinator.ended();
    assert_eq!(ended.len(), 1);
    let why = "its retries are used up: the operation failed: stalled";
    assert_eq!(ended[0].went_back.as_deref(), Some(why));
    cluster.check_settled();
}

#[tokio::test(start_paused = true)]
async fn hopeless_rolls_back_at_once() {
    let cluster = Cluster::new(1).await;
    let full = Reply::Failed(OperationError::Hopeless("disk full".to_owned()));
    cluster.nodes.script(operation(Stream, 4, 0), [full]);
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    assert_eq!(cluster.nodes.see(|state| state.times(operation(Stream, 4, 0))), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_in_streaming_goes_back_and_one_that_is_late_is_refused() {
    let cluster = Cluster::new(1).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    cluster.nodes.hold(operation(Cleanup, 1, 0));
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 1)
        .await;
    cluster.operator.cancel(t(0), begun).await.expect("early enough");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    assert_eq!(cluster.replicas(0), [1, 2, 3]);

    cluster.nodes.let_go(operation(Stream, 4, 0));
    let again = cluster.begin_move(0).await;
    cluster.until_stage(0, Stage::Cleanup).await;
    let late = cluster.operator.cancel(t(0), again).await;
    assert_eq!(
        late,
        Err(OperatorError::Refused(Refused::TooLate {
            stage: Stage::Cleanup
        }))
    );
    let other = cluster.operator.cancel(t(0), begun).await;
    assert_eq!(other, Err(OperatorError::Refused(Refused::NoTransition(t(0)))));
    cluster.nodes.let_go(operation(Cleanup, 1, 0));
    assert_eq!(
        cluster.operator.wait_for_end(t(0), again).await,
        Ok(Ended::Completed)
    );
    let sessions = cluster.nodes.see(|state| state.sessions(operation(Stream, 4, 0)));
    assert_eq!(sessions.len(), 2, "one session per attempt");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_down_blocks_until_it_is_excluded() {
    let cluster = Cluster::new(1).await;
    let coordinator = cluster.start();
    cluster.nodes.hold(barrier(2, 0));
    let begun = cluster.begin_move(0).await;
    // Up to where there is no way back any more.
    cluster.nodes.hold(operation(Cleanup, 1, 0));
    cluster.nodes.let_go(barrier(2, 0));
    cluster.until_stage(0, Stage::Cleanup).await;
    cluster.nodes.set_down(3, true);
    cluster.nodes.let_go(operation(Cleanup, 1, 0));
    cluster.until_stage(0, Stage::EndMigration).await;
    let before = cluster.nodes.see(|state| state.times(barrier(3, 0)));
    cluster
        .nodes
        .until(|state| state.times(barrier(3, 0)) > before + 10)
        .await;
    let status = coordinator.status();
    assert!(status[0].gave_up, "for someone to look: {status:?}");
    assert_eq!(
        status[0].last_error.as_deref(),
        Some("node 3 cannot be reached: down")
    );
    assert!(status[0].attempts > 6);

    cluster.operator.exclude(n(3), false).await.expect("two are left");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn an_excluded_pending_replica_rolls_back_without_being_asked() {
    let cluster = Cluster::new(1).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 1)
        .await;
    cluster.nodes.set_down(4, true);
    let asked = cluster.nodes.see(|state| state.times(barrier(4, 0)));
    cluster
        .operator
        .exclude(n(4), false)
        .await
        .expect("it is no replica yet");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    assert_eq!(cluster.nodes.see(|state| state.times(barrier(4, 0))), asked);
    assert_eq!(
        cluster.nodes.see(|state| state.times(operation(Cleanup, 4, 0))),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn reads_fall_back_when_the_new_set_loses_more() {
    let cluster = Cluster::new(1).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    let _coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster.until_stage(0, Stage::Streaming).await;
    cluster.nodes.hold(barrier(4, 0));
    cluster.nodes.let_go(operation(Stream, 4, 0));
    cluster.until_stage(0, Stage::WriteBothReadNew).await;
    cluster.nodes.set_down(4, true);
    cluster
        .operator
        .exclude(n(4), false)
        .await
        .expect("the old ones are whole");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::RolledBack)
    );
    assert_eq!(cluster.replicas(0), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_with_too_few_sources_waits_and_says_so() {
    let cluster = Cluster::new(1).await;
    cluster.operator.exclude(n(1), false).await.expect("two are left");
    cluster.operator.exclude(n(2), true).await.expect("given up");
    let coordinator = cluster.start();
    let begun = cluster.operator.rebuild(t(0), n(1), n(4)).await.expect("begun");
    cluster.until_stage(0, Stage::Streaming).await;
    let too_few = WaitingFor::Sources { live: 1, needed: 2 };
    until_status(&coordinator, |status| status[0].waiting_for == too_few).await;
    assert_eq!(cluster.nodes.see(|state| state.times(operation(Stream, 4, 0))), 0);
    cluster
        .operator
        .allow_fewer_sources(t(0))
        .await
        .expect("a rebuild");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(cluster.replicas(0), [2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_table_dropped_in_mid_move_is_forgotten() {
    let cluster = Cluster::new(2).await;
    cluster.nodes.hold(operation(Stream, 4, 0));
    cluster.nodes.hold(barrier(3, 1));
    let coordinator = cluster.start();
    let begun = cluster.begin_move(0).await;
    cluster.begin_move(1).await;
    cluster
        .nodes
        .until(|state| state.times(operation(Stream, 4, 0)) == 1)
        .await;
    let table = cluster.log.newest().tablets[&t(0)].table;
    let (ended, dropped) = tokio::join!(
        cluster.operator.wait_for_end(t(0), begun),
        cluster.operator.drop_table(table)
    );
    assert_eq!((ended, dropped), (Ok(Ended::TableDropped), Ok(())));
    cluster.nodes.let_go(operation(Stream, 4, 0));
    cluster.nodes.let_go(barrier(3, 1));

    let replicas = vec![[1, 2, 3].map(n).into()];
    cluster
        .operator
        .create_table("t", replicas)
        .await
        .expect("a new table");
    let begun = cluster.begin_move(2).await;
    assert_eq!(
        cluster.operator.wait_for_end(t(2), begun).await,
        Ok(Ended::Completed)
    );
    assert_eq!(coordinator.status(), []);
}
