//! A seed decides a whole run: elections, who leads when, and what is decided at which instant (`start_paused`).

use std::thread;
use std::time::Duration;

use tidegate_raft::seed_elections;
use tidegate_tablets::MetadataStore as _;
use tokio::runtime::Builder;
use tokio::time::Instant;

use crate::cluster::{Nodes, config, within};

/// A run with crashes, on a thread of its own: what was seen, and when.
fn run(seed: u64) -> Vec<String> {
    let run = thread::spawn(move || {
        seed_elections(seed);
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        runtime.unwrap().block_on(Box::pin(story()))
    });
    run.join().unwrap()
}

async fn story() -> Vec<String> {
    let begun = Instant::now();
    let mut seen = Vec::new();
    let mut nodes = Nodes::start(config(), 3, 0).await;
    for round in 0..4_u64 {
        let leader = nodes.leader().await;
        let node = 10 + round * 10;
        for from in 1..=3 {
            nodes.add(from, node + from).await;
        }
        nodes.crash_node(leader).await;
        let next = nodes.leader().await;
        nodes.add(next, node).await;
        nodes.start_node(leader).await;
        within("a barrier ends", nodes.store(leader).read_barrier())
            .await
            .unwrap();
        let status = nodes.store(next).status();
        seen.push(format!("{:?}: {leader} then {next}, {status:?}", begun.elapsed()));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    seen
}

#[test]
fn the_same_seed_is_the_same_run_and_another_is_another() {
    let runs: Vec<_> = (0..4).map(run).collect();
    for (seed, first) in (0..).zip(&runs) {
        assert_eq!(*first, run(seed), "seed {seed}");
    }
    assert!(runs.iter().any(|other| *other != runs[0]));
}
