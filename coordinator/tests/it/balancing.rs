//! The balancer's rounds beside the driver.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tidegate_coordinator::{
    BalancerConfig, BalancerStatus, Coordinator, CoordinatorHandle, Ended, Load, LoadError, LoadReports,
    OperationKind, TabletLoad,
};
use tidegate_tablets::{Metadata, MetadataStore, Reason, Refused};
use tokio::time::{Duration, Instant};

use crate::cluster::{Cluster, config, n, t};
use crate::nodes::operation;
use OperationKind::Stream;

fn balancing(cluster: &Cluster, reports: impl LoadReports) -> CoordinatorHandle {
    let store = Arc::clone(&cluster.store) as Arc<dyn MetadataStore>;
    let nodes = Arc::clone(&cluster.nodes) as _;
    let balancer = BalancerConfig::default();
    Coordinator::start_with_balancer(store, nodes, config(), Arc::new(reports), balancer)
}

/// Every tablet is alike.
fn even(tablets: u64) -> Load {
    let load = TabletLoad {
        bytes: 64 << 20,
        rows: 1000,
    };
    (0..tablets).map(|tablet| (t(tablet), load)).collect()
}

fn holds(metadata: &Metadata, node: u64) -> usize {
    metadata.tablets_of(n(node)).count()
}

async fn until_round(
    coordinator: &CoordinatorHandle,
    is_so: impl Fn(&BalancerStatus) -> bool,
) -> BalancerStatus {
    for _ in 0..10_000 {
        let status = coordinator.balancer().expect("it has one");
        if is_so(&status) {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it stays at {:?}", coordinator.balancer());
}

async fn settled(cluster: &Cluster) {
    cluster
        .until(|metadata| {
            metadata
                .tablets
                .values()
                .all(|tablet| tablet.transition.is_none())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn replicas_spread_over_the_members_and_then_rest() {
    let cluster = Cluster::new(14).await;
    cluster.operator.set_balancing(true).await.expect("done");
    let coordinator = balancing(&cluster, even(14));
    cluster
        .until(|metadata| (1..=7).all(|node| holds(metadata, node) == 6))
        .await;
    settled(&cluster).await;
    let version = cluster.log.newest().version;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(cluster.log.newest().version, version, "nothing moves any more");
    let status = coordinator.balancer().expect("it has one");
    assert!(
        status.on && status.plan.moves.is_empty() && status.rounds > 50,
        "{status:?}"
    );
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_drained_node_is_emptied_and_an_excluded_ones_replicas_are_made_anew() {
    let cluster = Cluster::new(6).await;
    cluster.operator.set_balancing(true).await.expect("done");
    let coordinator = balancing(&cluster, even(6));
    cluster.operator.drain(n(2)).await.expect("a member");
    cluster.until(|metadata| holds(metadata, 2) == 0).await;
    settled(&cluster).await;
    cluster.operator.exclude(n(1), false).await.expect("two are left");
    let begun_at = Instant::now();
    cluster.until(|metadata| holds(metadata, 1) == 0).await;
    assert!(
        begun_at.elapsed() < Duration::from_secs(5),
        "it does not wait for the interval"
    );
    settled(&cluster).await;
    assert_eq!(holds(&cluster.log.newest(), 2), 0);
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_begins_nothing_and_leaves_alone_what_runs() {
    let cluster = Cluster::new(7).await;
    for tablet in 0..7 {
        for node in 4..=7 {
            cluster.nodes.hold(operation(Stream, node, tablet));
        }
    }
    let coordinator = balancing(&cluster, even(7));
    // By hand, while it is off.
    let by_hand = cluster
        .operator
        .move_tablet(t(6), n(3), n(7))
        .await
        .expect("begun");
    tokio::time::sleep(Duration::from_secs(60)).await;
    let running = |metadata: &Metadata| {
        metadata
            .tablets
            .values()
            .filter(|tablet| tablet.transition.is_some())
            .count()
    };
    assert_eq!(running(&cluster.log.newest()), 1);

    cluster.operator.set_balancing(true).await.expect("done");
    cluster.until(|metadata| running(metadata) > 3).await;
    cluster.operator.set_balancing(false).await.expect("done");
    let begun = running(&cluster.log.newest());
    for tablet in 0..7 {
        for node in 4..=7 {
            cluster.nodes.let_go(operation(Stream, node, tablet));
        }
    }
    assert_eq!(
        cluster.operator.wait_for_end(t(6), by_hand).await,
        Ok(Ended::Completed)
    );
    settled(&cluster).await;
    let ended = coordinator
        .ended()
        .iter()
        .filter(|ended| ended.went_back.is_none())
        .count();
    assert_eq!(ended, begun, "what ran has ended");
    cluster.operator.drain(n(1)).await.expect("a member");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        running(&cluster.log.newest()),
        0,
        "and nothing followed, not even a drain"
    );
    assert!(!coordinator.balancer().expect("it has one").on);
    coordinator.stop().await;
}

/// Switches balancing off while the load is being gathered, and again just before what was planned is decided.
#[derive(Debug)]
struct SwitchedOff(Arc<dyn MetadataStore>);

#[async_trait]
impl LoadReports for SwitchedOff {
    async fn load(&self, _: &Metadata) -> Result<Load, LoadError> {
        let operator = tidegate_coordinator::Operator::new(Arc::clone(&self.0));
        operator.set_balancing(false).await.expect("done");
        Ok(even(7))
    }
}

#[tokio::test(start_paused = true)]
async fn each_round_plans_from_the_newest_metadata() {
    let cluster = Cluster::new(7).await;
    cluster.operator.set_balancing(true).await.expect("done");
    let store = Arc::clone(&cluster.store) as Arc<dyn MetadataStore>;
    let coordinator = balancing(&cluster, SwitchedOff(store));
    let status = until_round(&coordinator, |status| status.rounds > 0).await;
    assert!(!status.on && status.plan.moves.is_empty(), "{status:?}");
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_planned_before_the_switch_is_refused_after_it() {
    let cluster = Cluster::new(7).await;
    cluster.operator.set_balancing(true).await.expect("done");
    // This copy does not hear of the switch; the log decides all the same.
    let behind = cluster.log.store(n(2));
    behind.read_barrier().await.expect("the store runs");
    let planned = {
        let metadata = behind.snapshot();
        let load = even(7);
        let input = tidegate_coordinator::BalanceInput {
            metadata: &metadata,
            load: Some(&load),
            resting: &std::collections::BTreeSet::new(),
            sends_per_node: 4,
            receives_per_node: 4,
        };
        tidegate_coordinator::balance(&input, &BalancerConfig::default().rules).moves
    };
    cluster.operator.set_balancing(false).await.expect("done");
    let proposal = tidegate_tablets::Proposal {
        request: tidegate_tablets::RequestId(1),
        changes: planned
            .iter()
            .map(tidegate_coordinator::PlannedMove::change)
            .collect(),
    };
    let outcomes = behind.propose(proposal).await.expect("decided");
    assert!(!outcomes.is_empty());
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Err(Refused::BalancingOff)),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_move_that_was_cancelled_does_not_begin_again_at_once() {
    let cluster = Cluster::new(1).await;
    cluster
        .operator
        .exclude(n(5), false)
        .await
        .expect("it holds nothing");
    cluster
        .operator
        .exclude(n(6), false)
        .await
        .expect("it holds nothing");
    cluster
        .operator
        .exclude(n(7), false)
        .await
        .expect("it holds nothing");
    cluster.operator.drain(n(1)).await.expect("a member");
    cluster.operator.set_balancing(true).await.expect("done");
    cluster.nodes.hold(operation(Stream, 4, 0));
    let coordinator = balancing(&cluster, even(1));
    let begun = |metadata: &Metadata| Some(metadata.tablets[&t(0)].transition.as_ref()?.begun);
    cluster.until(|metadata| begun(metadata).is_some()).await;
    let first = begun(&cluster.log.newest()).expect("begun");
    cluster.operator.cancel(t(0), first).await.expect("early enough");
    assert_eq!(
        cluster.operator.wait_for_end(t(0), first).await,
        Ok(Ended::RolledBack)
    );
    let rested = Instant::now();
    let status = until_round(&coordinator, |status| status.plan.waiting_total == 1).await;
    assert!(
        status.plan.waiting[0].to_string().contains("went back"),
        "{status:?}"
    );
    cluster
        .until(|metadata| begun(metadata).is_some_and(|begun| begun > first))
        .await;
    assert!(
        rested.elapsed() > Duration::from_secs(500),
        "after {:?}",
        rested.elapsed()
    );
    cluster.nodes.let_go(operation(Stream, 4, 0));
    cluster.until(|metadata| holds(metadata, 1) == 0).await;
    coordinator.stop().await;
}

/// Says nothing for a while, then that it does not know, then that all is even.
#[derive(Debug, Default)]
struct Unsure(AtomicUsize);

#[async_trait]
impl LoadReports for Unsure {
    async fn load(&self, _: &Metadata) -> Result<Load, LoadError> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0 => std::future::pending().await,
            1 => Err(LoadError {
                reason: "nobody answers".to_owned(),
            }),
            _ => Ok(even(7)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_load_nothing_moves_for_its_weight_and_drains_go_on() {
    let cluster = Cluster::new(7).await;
    cluster.operator.set_balancing(true).await.expect("done");
    cluster.operator.drain(n(1)).await.expect("a member");
    let coordinator = balancing(&cluster, Unsure::default());
    for why in ["no report within 5s", "nobody answers"] {
        let status = until_round(&coordinator, |status| {
            status
                .load_error
                .as_ref()
                .is_some_and(|error| error.contains(why))
        })
        .await;
        assert!(
            status
                .plan
                .moves
                .iter()
                .all(|planned| planned.reason == Reason::Drain),
            "{status:?}"
        );
    }
    cluster.until(|metadata| holds(metadata, 1) == 0).await;
    cluster
        .until(|metadata| (2..=7).all(|node| (3..=4).contains(&holds(metadata, node))))
        .await;
    coordinator.stop().await;
}

#[tokio::test(start_paused = true)]
async fn another_coordinator_goes_on_with_what_one_has_begun() {
    let cluster = Cluster::new(6).await;
    cluster.operator.set_balancing(true).await.expect("done");
    cluster.operator.drain(n(1)).await.expect("a member");
    for node in 4..=7 {
        for tablet in 0..6 {
            cluster.nodes.hold(operation(Stream, node, tablet));
        }
    }
    let first = balancing(&cluster, even(6));
    cluster
        .until(|metadata| {
            metadata
                .tablets
                .values()
                .any(|tablet| tablet.transition.is_some())
        })
        .await;
    first.stop().await;
    for node in 4..=7 {
        for tablet in 0..6 {
            cluster.nodes.let_go(operation(Stream, node, tablet));
        }
    }
    let second = balancing(&cluster, even(6));
    cluster.until(|metadata| holds(metadata, 1) == 0).await;
    settled(&cluster).await;
    second.stop().await;
}
