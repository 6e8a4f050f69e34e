//! Which quorums each stage needs.

use std::time::Duration;

use tidegate_kv::KvConfig;
use tidegate_tablets::{Selector, Stage, TransitionKind};

use crate::cluster::{Cluster, row};

fn impatient() -> KvConfig {
    KvConfig {
        operation_deadline: Duration::from_secs(1),
        attempt_deadline: Duration::from_millis(300),
        ..KvConfig::default()
    }
}

/// Whether reads and writes through node 3 succeed while the nodes `away` are.
async fn works_without(cluster: &Cluster, away: [u64; 2]) -> (bool, bool) {
    away.iter().for_each(|id| cluster.isolate(*id));
    let read = cluster.client(3).get(cluster.table, "k".into()).await;
    let write = cluster
        .client(3)
        .put(cluster.table, "other".into(), "v".into())
        .await;
    away.iter().for_each(|id| cluster.heal(*id));
    (read.is_ok(), write.is_ok())
}

async fn check(cluster: &Cluster, stage: Stage) {
    let all = cluster
        .client(4)
        .put(cluster.table, "k".into(), stage.name().into())
        .await;
    assert!(all.is_ok(), "{stage}: {all:?}");
    for id in 1..=4 {
        let read = cluster.client(id).get(cluster.table, "k".into()).await;
        assert_eq!(read, Ok(Some(stage.name().into())), "{stage}");
    }
    let (old, new) = match stage.writes() {
        Selector::Old => (true, false),
        Selector::Both => (true, true),
        Selector::New => (false, true),
    };
    // The old set is 1, 2, 3; the new one 4, 2, 3. Without 1 and 2 the old one has no quorum.
    assert_eq!(
        works_without(cluster, [1, 2]).await,
        (!old, !old),
        "{stage} without a quorum of old"
    );
    assert_eq!(
        works_without(cluster, [4, 2]).await,
        (!new, !new),
        "{stage} without a quorum of new"
    );
    assert_eq!(
        works_without(cluster, [1, 4]).await,
        (true, true),
        "{stage} with the two of both sets"
    );
}

#[tokio::test(start_paused = true)]
async fn every_stage_forward_needs_the_quorums_that_the_table_says() {
    let cluster = Cluster::start_with(4, 1, impatient()).await;
    cluster.begin_move();
    cluster.barrier_all().await;
    check(&cluster, Stage::AllowWriteBothReadOld).await;
    let mut stage = Stage::AllowWriteBothReadOld;
    while let Some(next) = stage.next() {
        if stage == Stage::Streaming {
            cluster.stream().await;
        }
        cluster.enter(Some(next)).await;
        check(&cluster, next).await;
        stage = next;
    }
    cluster.enter(None).await;
    assert_eq!(
        cluster.client(1).get(cluster.table, "k".into()).await,
        Ok(Some("end_migration".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn every_stage_of_the_way_back_needs_the_quorums_that_the_table_says() {
    let cluster = Cluster::start_with(4, 1, impatient()).await;
    cluster.begin_move();
    for stage in [
        Stage::WriteBothReadOld,
        Stage::Streaming,
        Stage::CleanupTarget,
        Stage::RevertMigration,
    ] {
        cluster.enter(Some(stage)).await;
        check(&cluster, stage).await;
    }
    cluster.enter(None).await;
    assert_eq!(
        cluster.client(4).get(cluster.table, "k".into()).await,
        Ok(Some("revert_migration".into()))
    );
}

/// Old holds x of a writer that died; a read of the old set returns it; after the switch a read of the new set must
/// not see what was before x.
async fn switch_after_a_read(x_on: &[u64]) {
    let cluster = Cluster::start(4).await;
    cluster
        .client(1)
        .put(cluster.table, "k".into(), "before".into())
        .await
        .unwrap();
    cluster.begin_move();
    cluster.enter(Some(Stage::WriteBothReadOld)).await;
    cluster.enter(Some(Stage::Streaming)).await;
    cluster.stream().await;
    for id in x_on {
        cluster.plant(*id, vec![row("k", 1 << 40, Some("x"))]).await;
    }
    cluster.isolate(2);
    assert_eq!(
        cluster.client(3).get(cluster.table, "k".into()).await,
        Ok(Some("x".into()))
    );
    cluster.enter(Some(Stage::WriteBothReadNew)).await;
    cluster.heal(2);
    cluster.isolate(3);
    cluster.isolate(1);
    assert_eq!(cluster.value(2, "k").await, Some("before".into()));
    let read = cluster.client(2).get(cluster.table, "k".into()).await;
    assert_ne!(read, Ok(Some("before".into())), "the value before x came back");
    cluster.heal(1);
    assert_eq!(
        cluster.client(2).get(cluster.table, "k".into()).await,
        Ok(Some("x".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_read_of_old_returned_a_read_of_new_sees() {
    switch_after_a_read(&[1]).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_read_of_old_returned_a_read_of_new_sees_also_when_all_of_old_agreed() {
    switch_after_a_read(&[1, 3]).await;
}

#[tokio::test(start_paused = true)]
async fn who_left_is_not_asked_and_refuses() {
    let cluster = Cluster::start(5).await;
    cluster
        .client(1)
        .put(cluster.table, "k".into(), "v".into())
        .await
        .unwrap();
    cluster.begin_move();
    let mut stage = Stage::AllowWriteBothReadOld;
    while let Some(next) = stage.next() {
        // Node 5 takes no part, and hears of nothing.
        cluster.advance(Some(next));
        for id in 1..=4 {
            cluster.publish(id);
            cluster.barrier(id).await;
        }
        if next == Stage::Streaming {
            cluster.stream().await;
        }
        stage = next;
    }
    cluster.advance(None);
    (1..=4).for_each(|id| cluster.publish(id));
    let client = cluster.client(5).clone();
    let table = cluster.table;
    let read = tokio::spawn(async move { client.get(table, "k".into()).await });
    let write = cluster.client(4).put(cluster.table, "k".into(), "w".into()).await;
    assert!(write.is_ok());
    assert_eq!(
        cluster.value(1, "k").await,
        Some("v".into()),
        "node 1 was not asked"
    );
    cluster.publish(5);
    let read = read.await.unwrap();
    assert!(
        read == Ok(Some("v".into())) || read == Ok(Some("w".into())),
        "{read:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_purge_changes_no_quorum() {
    let cluster = Cluster::start_with(4, 1, impatient()).await;
    cluster.begin(TransitionKind::Purge, None, None, 1);
    cluster.publish_all();
    cluster.barrier_all().await;
    for stage in [Stage::Fill, Stage::Purge, Stage::EndPurge] {
        if stage != Stage::Fill {
            cluster.enter(Some(stage)).await;
        }
        assert_eq!(works_without(&cluster, [1, 2]).await, (false, false));
        assert_eq!(works_without(&cluster, [4, 2]).await, (true, true));
    }
}
