//! Logs that are cut behind a snapshot, and nodes that need it.

use tidegate_raft::RaftConfig;
use tidegate_tablets::{Change, MetadataStore as _, NodeId, Proposal, Touched};

use crate::cluster::{Nodes, adding, config, decide, until, within};

fn often() -> RaftConfig {
    RaftConfig {
        snapshot_entries: 20,
        kept_entries: 5,
        ..config()
    }
}

async fn fill(nodes: &mut Nodes, from: u64, range: std::ops::Range<u64>) {
    for node in range {
        nodes.add(from, node).await;
    }
}

/// Until the entries that a node which was away would need are gone.
async fn purged(nodes: &Nodes, at: u64, above: u64) {
    let store = nodes.store(at);
    until("the log is cut", || {
        store.status().purged.is_some_and(|purged| purged > above)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_for_long_gets_a_snapshot() {
    let mut nodes = Nodes::start(often(), 3, 0).await;
    let leader = nodes.leader().await;
    let away = (1..=3).find(|node| *node != leader).unwrap();
    let table = Change::CreateTable {
        name: "t".to_owned(),
        replicas: vec![[NodeId::new(10)].into(); 3],
    };
    let first = nodes.proposal(vec![adding(10), table]);
    let answer = decide(&nodes.store(away), first.clone()).await;
    let mut changes = nodes.store(away).changes();
    changes.next().await.unwrap();
    let before = nodes.store(away).status().last.unwrap();
    nodes.stop_node(away).await;
    fill(&mut nodes, leader, 11..80).await;
    purged(&nodes, leader, before + 1).await;
    nodes.start_node(away).await;
    let store = nodes.store(away);
    let mut changes = store.changes();
    assert_eq!(changes.next().await.unwrap().touched, Touched::All);
    within("it catches up", store.read_barrier()).await.unwrap();
    assert!(
        store.status().snapshot.is_some_and(|covers| covers > before),
        "by a snapshot"
    );
    assert_eq!(
        changes.next().await.unwrap().touched,
        Touched::All,
        "which may change all"
    );
    let all = nodes.store(leader).snapshot();
    let copy = store.snapshot();
    assert_eq!(
        (&copy.tablets, &copy.tables, &copy.nodes),
        (&all.tablets, &all.tables, &all.nodes)
    );
    assert_eq!(
        copy.tablets_of(NodeId::new(10)).count(),
        3,
        "what is derived is there too"
    );
    assert_eq!(decide(&store, first).await, answer, "answers are in the snapshot");
}

#[tokio::test(start_paused = true)]
async fn a_node_starts_again_from_its_snapshot_and_the_log_behind_it() {
    let mut nodes = Nodes::start(often(), 3, 0).await;
    fill(&mut nodes, 1, 10..75).await;
    purged(&nodes, 1, 5).await;
    for node in 1..=3 {
        nodes.crash_node(node).await;
    }
    for node in 1..=3 {
        nodes.start_node(node).await;
    }
    for at in 1..=3 {
        within("a barrier ends", nodes.store(at).read_barrier())
            .await
            .unwrap();
        assert!((10..75).all(|node| nodes.has(at, node)));
    }
    assert!(nodes.add(2, 99).await[0].is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_longer_than_a_frame_arrives_whole() {
    let config = RaftConfig {
        snapshot_entries: 4,
        kept_entries: 0,
        ..config()
    };
    let mut nodes = Nodes::start(config, 1, 1).await;
    let many = Change::CreateTable {
        name: "long".to_owned(),
        replicas: vec![[NodeId::new(10), NodeId::new(11), NodeId::new(12)].into(); 10_000],
    };
    let changes = vec![adding(10), adding(11), adding(12), many];
    let Proposal { request, changes } = nodes.proposal(changes);
    let outcomes = decide(&nodes.store(1), Proposal { request, changes }).await;
    assert!(outcomes.iter().all(Result::is_ok));
    fill(&mut nodes, 1, 20..24).await;
    nodes.store(1).make_snapshot().await.unwrap();
    purged(&nodes, 1, 3).await;
    let add = tidegate_raft::MembershipChange::AddLearner(NodeId::new(2));
    within("the learner catches up", nodes.store(1).change(add))
        .await
        .unwrap();
    within("it reads", nodes.store(2).read_barrier()).await.unwrap();
    assert_eq!(nodes.store(2).snapshot().tablets.size(), 10_000);
}
