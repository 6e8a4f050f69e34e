//! A node of a move dies at a stage, and comes back or never does: the move ends, nothing acknowledged is lost, and
//! the next move works.

use std::time::Instant;

use serde_json::json;

use super::rig::{Cluster, DEADLINE, STAGES, Writer, until};
use super::seed::Seed;

const TABLETS: u64 = 4;
/// A move needs a place to go to after a node was excluded.
const NODES: u64 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Source,
    Pending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Restarted,
    Excluded,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    stage: &'static str,
    victim: Victim,
    fate: Fate,
}

const fn cell(stage: &'static str, victim: Victim, fate: Fate) -> Cell {
    Cell { stage, victim, fate }
}

#[test]
fn a_node_dies_at_a_stage() {
    use {Fate::*, Victim::*};
    play(&[
        cell("streaming", Pending, Restarted),
        cell("write_both_read_new", Source, Restarted),
        cell("cleanup_target", Pending, Restarted),
        cell("streaming", Source, Excluded),
        cell("use_new", Pending, Excluded),
    ]);
}

#[test]
fn a_node_dies_at_any_stage() {
    let Some(mut seed) = Seed::of_torture() else {
        return;
    };
    let mut cells = Vec::new();
    for stage in STAGES {
        for victim in [Victim::Source, Victim::Pending] {
            for fate in [Fate::Restarted, Fate::Excluded] {
                cells.push(cell(stage, victim, fate));
            }
        }
    }
    seed.shuffle(&mut cells);
    play(&cells);
}

/// One cluster for all of them: what one leaves behind is the next one's trouble, as it would be elsewhere.
fn play(cells: &[Cell]) {
    let mut cluster = Cluster::started(NODES, TABLETS);
    for (number, cell) in cells.iter().enumerate() {
        let begun = Instant::now();
        println!("{number}: {cell:?}");
        cell.play(&mut cluster, number as u64);
        println!("{number}: took {:?}", begun.elapsed());
    }
}

impl Cell {
    fn play(self, cluster: &mut Cluster, number: u64) {
        let tablet = cluster.tablets()[(number % TABLETS) as usize]["id"]
            .as_u64()
            .expect("a number");
        let writer = Writer::start(cluster, &format!("cell-{number}"));
        let (source, pending) = cluster.source_and_target(tablet);
        let before = cluster.replicas(tablet);
        let hold = cluster.hold(self.stage);
        cluster.begin_towards(self.stage, tablet, source, pending);
        cluster.until_stage(tablet, self.stage);
        let victim = match self.victim {
            Victim::Source => source,
            Victim::Pending => pending,
        };
        cluster.member_mut(victim).kill();
        writer.until_more(10);
        match self.fate {
            Fate::Restarted => {
                cluster.member_mut(victim).start();
                cluster.member(victim).until_ready();
                cluster.release(&hold);
                let after = cluster.until_ended(tablet);
                let moved = before
                    .iter()
                    .map(|node| if *node == source { pending } else { *node });
                assert!(after == before || after == moved.collect(), "{after:?}");
            }
            Fate::Excluded => {
                cluster.exclude(victim);
                cluster.release(&hold);
                cluster.until_ended(tablet);
                rebuild_without(cluster, victim);
            }
        }
        writer.until_more(10);
        cluster.moved(tablet);
        writer.check(cluster);
    }
}

/// The balancer gives the tablets of an excluded node other replicas, and a new node takes its place.
fn rebuild_without(cluster: &mut Cluster, victim: u64) {
    cluster.join();
    cluster.balancing(true);
    until("nothing to be left to the excluded node", DEADLINE, || {
        let tablets = cluster.tablets();
        let is_rid = tablets.iter().all(|tablet| {
            let replicas = tablet["replicas"].as_array().expect("replicas");
            replicas.len() == 3 && !replicas.contains(&json!(victim))
        });
        is_rid.then_some(())
    });
    cluster.balancing(false);
    for tablet in cluster.tablets() {
        cluster.until_ended(tablet["id"].as_u64().expect("a number"));
    }
}
