//! From whom a replacement pulls, where an excluded node is replaced.

use tidegate_coordinator::{OperationError, OperationKind};
use tidegate_tablets::{Accepted, Change, Reason, Stage, TabletId, TransitionKind};

use crate::cluster::{Cluster, SOON, n, set};
use crate::node::Network;

async fn exclude(cluster: &Cluster, node: u64) {
    cluster
        .change(Change::Exclude {
            node: n(node),
            give_up_quorum: true,
        })
        .await
        .unwrap();
}

/// Up to the stage at which node 4 is to pull in the place of node 3, which is excluded.
async fn replace_the_third(cluster: &Cluster, tablet: TabletId) {
    exclude(cluster, 3).await;
    cluster
        .change(Change::Begin {
            tablet,
            expected: cluster.tablet(tablet).epoch,
            kind: TransitionKind::Rebuild,
            leaving: Some(n(3)),
            pending: Some(n(4)),
            purge_floor: 0,
            reason: Reason::Operator,
        })
        .await
        .unwrap();
    for to in [Stage::WriteBothReadOld, Stage::Streaming] {
        for node in cluster.tablet(tablet).participants() {
            if node != n(3) {
                cluster.barrier(node.as_u64(), tablet, SOON).await.unwrap();
            }
        }
        cluster.advance(tablet, Some(to)).await;
    }
}

async fn allow_fewer_sources(cluster: &Cluster, tablet: TabletId) {
    let expected = cluster.tablet(tablet).epoch;
    cluster
        .change(Change::AllowFewerSources { tablet, expected })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_source_excluded_after_the_coordinator_has_looked_is_not_left_out_without_a_word() {
    let (cluster, tablets) = Cluster::start(Network::Mem, 1).await;
    let tablet = tablets[0];
    cluster
        .node(2)
        .data
        .put(tablet, "k", 1, Some("acknowledged by 2 and 3"))
        .await;
    replace_the_third(&cluster, tablet).await;
    // The coordinator's order was given when there were two sources.
    exclude(&cluster, 2).await;
    let ended = cluster.operate(4, OperationKind::Stream, tablet).await;
    assert!(matches!(ended, Err(OperationError::Mismatch(_))), "{ended:?}");

    allow_fewer_sources(&cluster, tablet).await;
    cluster.operate(4, OperationKind::Stream, tablet).await.unwrap();
}

#[tokio::test]
async fn a_tablet_without_any_source_left_is_rebuilt_empty_by_an_operators_word() {
    let (cluster, _) = Cluster::start(Network::Mem, 1).await;
    let created = cluster
        .change(Change::CreateTable {
            name: "lone".to_owned(),
            replicas: vec![set(&[3])],
        })
        .await
        .unwrap();
    let Accepted::Table(table) = created else {
        panic!("{created:?}")
    };
    let tablet = cluster.log.newest().tables.get(&table).unwrap().tablets[0];
    replace_the_third(&cluster, tablet).await;
    let ended = cluster.operate(4, OperationKind::Stream, tablet).await;
    assert!(matches!(ended, Err(OperationError::Mismatch(_))), "{ended:?}");

    allow_fewer_sources(&cluster, tablet).await;
    cluster.operate(4, OperationKind::Stream, tablet).await.unwrap();
}
