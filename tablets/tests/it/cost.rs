//! What a change costs follows the change, not the table.
#![allow(clippy::unwrap_used, reason = "what fails to be made fails the test")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tidegate_tablets::{Change, Metadata, NodeId, Reason, Stage, TabletId, TransitionKind, Version};

/// As many tablets as asked for, on nodes 1 and 2; node 3 waits for one.
fn table_of(tablets: usize) -> Metadata {
    let mut metadata = Metadata::default();
    let node = NodeId::new;
    for number in 1..=3 {
        accept(&mut metadata, &Change::AddNode { node: node(number) });
    }
    let replicas = vec![BTreeSet::from([node(1), node(2)]); tablets];
    let name = "t".to_owned();
    accept(&mut metadata, &Change::CreateTable { name, replicas });
    metadata
}

fn accept(metadata: &mut Metadata, change: &Change) {
    let version = Version::new(metadata.version.as_u64() + 1);
    metadata.apply(version, change).outcome.unwrap();
}

/// Begins moves and takes them a step, each on a copy that others hold too, as a store's copies are.
fn time_of_moves(metadata: &Metadata) -> Duration {
    let tablets = metadata.tablets.size() as u64;
    let begun = Instant::now();
    for number in 0..100 {
        let tablet = TabletId::new(number * (tablets / 100));
        let mut copy = metadata.clone();
        let expected = copy.tablets[&tablet].epoch;
        let begin = Change::Begin {
            tablet,
            expected,
            kind: TransitionKind::Migration,
            leaving: Some(NodeId::new(1)),
            pending: Some(NodeId::new(3)),
            purge_floor: 0,
            reason: Reason::Operator,
        };
        accept(&mut copy, &begin);
        let held = copy.clone();
        let (expected, to) = (expected.next(), Some(Stage::WriteBothReadOld));
        accept(&mut copy, &Change::Advance { tablet, expected, to });
        assert_ne!(copy.tablets[&tablet].epoch, held.tablets[&tablet].epoch);
    }
    begun.elapsed()
}

#[test]
fn a_change_costs_no_more_in_a_table_of_many_tablets() {
    const TIMES: u32 = 10;
    let (small, large) = (table_of(1_000), table_of(30_000));
    // The quietest of some rounds each, side by side: what the machine does besides hits both.
    let rounds = (0..5).map(|_| (time_of_moves(&small), time_of_moves(&large)));
    let (small, large) = rounds.fold((Duration::MAX, Duration::MAX), |best, round| {
        (best.0.min(round.0), best.1.min(round.1))
    });
    // Thirty times the tablets: trees are a little deeper, and anything that goes through them all shows.
    assert!(
        large < small * TIMES,
        "{small:?} of a thousand, {large:?} of thirty thousand"
    );
}
