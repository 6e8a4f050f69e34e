//! What is the simulated log's own: faults.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_tablets::{
    Change, MetadataStore, NodeId, Proposal, ProposeError, RequestId, StoreStopped, Touched, Version,
};
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::recorder::{Recorder, RecorderOptions};

const ONE: NodeId = NodeId::new(1);
const TWO: NodeId = NodeId::new(2);

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn log(seed: u64) -> (Arc<SimLog>, Recorder) {
    let recorder = Recorder::new(RecorderOptions::default());
    let rng = fastrand::Rng::with_seed(seed);
    let log = SimLog::new(rng, recorder.clone(), SimLogConfig::default());
    (log, recorder)
}

fn adding(node: u64) -> Proposal {
    Proposal {
        request: RequestId(u128::from(node)),
        changes: vec![Change::AddNode {
            node: NodeId::new(node),
        }],
    }
}

fn holds(log: &SimLog, node: u64) -> bool {
    log.newest().nodes.contains_key(&NodeId::new(node))
}

async fn decide(store: &SimStore, nodes: std::ops::Range<u64>) {
    for node in nodes {
        store.propose(adding(node)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_leader_leaves_every_outcome_open() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let (log, _) = log(seed);
        let store = log.store(ONE);
        let proposing = tokio::spawn(async move { store.propose(adding(7)).await });
        sleep(ms(seed % 4)).await;
        log.change_leader();
        let answer = proposing.await.unwrap();
        let at_once = holds(&log, 7);
        sleep(ms(4000)).await;
        let at_last = holds(&log, 7);
        let answer = match answer {
            Ok(_) => "ok",
            Err(ProposeError::Unknown(_)) => "unknown",
            Err(ProposeError::NotTaken(_)) => "not taken",
            Err(other) => panic!("{other:?}"),
        };
        seen.insert((answer, at_once, at_last));
    }
    let expected = [
        ("ok", true, true),
        ("unknown", false, false),
        ("unknown", false, true),
        ("unknown", true, true),
        ("not taken", false, false),
    ];
    assert_eq!(seen, expected.into());
}

#[tokio::test(start_paused = true)]
async fn a_proposal_of_unknown_outcome_is_decided_once_however_often_it_is_made() {
    for seed in 0..60 {
        let (log, recorder) = log(seed);
        let store = log.store(ONE);
        let proposing = tokio::spawn({
            let store = Arc::clone(&store);
            async move { while store.propose(adding(7)).await.is_err() {} }
        });
        for _ in 0..3 {
            sleep(ms(2)).await;
            log.change_leader();
        }
        proposing.await.unwrap();
        let version = log.newest().version;
        sleep(ms(10_000)).await;
        assert_eq!(log.newest().version, version);
        assert!(!recorder.is_violated());
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_proposal_may_come_to_pass_or_not() {
    let mut seen = BTreeSet::new();
    for seed in 0..40 {
        let (log, _) = log(seed);
        let store = log.store(ONE);
        let dropped = timeout(ms(0), store.propose(adding(7))).await;
        sleep(ms(100)).await;
        seen.insert((dropped.is_ok(), holds(&log, 7)));
    }
    assert!(
        seen.is_superset(&[(false, true), (false, false)].into()),
        "{seen:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_nothing_is_decided_and_no_barrier_ends() {
    let mut refused = 0;
    for seed in 0..20 {
        let (log, _) = log(seed);
        let store = log.store(ONE);
        log.change_leader();
        let begun = Instant::now();
        match store.propose(adding(7)).await {
            Err(ProposeError::NotTaken(_)) => refused += 1,
            Ok(_) => assert!(begun.elapsed() >= ms(5)),
            Err(other) => panic!("{other:?}"),
        }
        log.change_leader();
        let begun = Instant::now();
        store.read_barrier().await.unwrap();
        assert!(begun.elapsed() >= ms(5));
    }
    assert!((1..20).contains(&refused));
}

#[tokio::test(start_paused = true)]
async fn a_leader_takes_a_version_for_itself() {
    let (log, _) = log(1);
    let store = log.store(ONE);
    decide(&store, 1..2).await;
    assert_eq!(store.snapshot().version, Version::new(1));
    log.change_leader();
    sleep(ms(400)).await;
    let mut changes = store.changes();
    changes.next().await.unwrap();
    decide(&store, 2..3).await;
    let update = changes.next().await.unwrap();
    assert_eq!(update.metadata.version, Version::new(3));
    assert_eq!(update.touched, Touched::Tablets(BTreeSet::new()));
    store.wait_applied(Version::new(2)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_skips_states_and_touches_everything() {
    let (log, _) = log(1);
    let (one, two) = (log.store(ONE), log.store(TWO));
    let mut changes = two.changes();
    changes.next().await.unwrap();
    two.pause();
    decide(&one, 1..5).await;
    assert_eq!(two.snapshot().version, Version::new(0));
    assert!(log.install_snapshot(TWO));
    assert!(!two.install_snapshot(), "there is nothing newer");
    let update = changes.next().await.unwrap();
    assert_eq!(update.metadata.version, Version::new(4));
    assert_eq!(update.touched, Touched::All);
    two.resume();
    decide(&one, 5..6).await;
    let update = changes.next().await.unwrap();
    assert_eq!(update.touched, Touched::Tablets(BTreeSet::new()), "entries again");
}

#[tokio::test(start_paused = true)]
async fn a_restart_may_have_an_older_copy_and_its_barrier_waits_for_the_newest() {
    let (log, _) = log(1);
    let (one, two) = (log.store(ONE), log.store(TWO));
    decide(&one, 1..9).await;
    two.wait_applied(Version::new(8)).await.unwrap();
    let again = log.restart(TWO, 3);
    assert_eq!(again.snapshot().version, Version::new(5));
    assert_eq!(
        two.read_barrier().await,
        Err(StoreStopped),
        "the one before is stopped"
    );
    assert_eq!(log.applied(TWO), Some(Version::new(5)));
    again.pause();
    assert!(timeout(ms(5000), again.read_barrier()).await.is_err());
    again.resume();
    assert_eq!(again.read_barrier().await, Ok(Version::new(8)));
    let first = log.restart(TWO, 100);
    assert_eq!(
        first.snapshot().version,
        Version::new(0),
        "there is none before it"
    );
    assert_eq!(first.read_barrier().await, Ok(Version::new(8)));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lags_applies_late_until_it_lags_no_more() {
    let (log, _) = log(1);
    let (one, two) = (log.store(ONE), log.store(TWO));
    two.lag(ms(60_000)..=ms(60_000));
    decide(&one, 1..2).await;
    sleep(ms(5000)).await;
    assert_eq!(two.snapshot().version, Version::new(0));
    two.lag(ms(0)..=ms(1));
    sleep(ms(5)).await;
    assert_eq!(two.snapshot().version, Version::new(1));
}

#[tokio::test(start_paused = true)]
async fn a_follower_of_a_dropped_store_is_told_that_it_stopped() {
    let (log, _) = log(1);
    let mut changes = log.store(ONE).changes();
    assert!(changes.next().await.is_err());
    log.stop();
    assert_eq!(log.store(TWO).read_barrier().await, Err(StoreStopped));
}

#[test]
fn one_seed_one_run() {
    let run = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (log, recorder) = log(seed);
            let stores: Vec<_> = (1..=3).map(|node| log.store(NodeId::new(node))).collect();
            for node in 10..60 {
                let store = Arc::clone(&stores[node as usize % 3]);
                tokio::spawn(async move { store.propose(adding(node)).await });
                sleep(ms(node % 4)).await;
                if node % 9 == 0 {
                    log.change_leader();
                }
            }
            sleep(ms(5000)).await;
            recorder.finish().hash
        })
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
