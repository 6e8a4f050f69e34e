//! Who leads dies in the middle of a move: another node leads, and the move goes on.

use std::time::{Duration, Instant};

use super::rig::{Cluster, Hold, STAGES, Writer};
use super::seed::Seed;

/// From the kill until the tablet is a stage further.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_move_outlives_two_leaders_in_a_row() {
    // One replica: most nodes have no part in the move, and one of them has to lead.
    let mut cluster = Cluster::with_replicas(5, 1, 1);
    let tablet = cluster.first_tablet();
    let writer = Writer::start(&cluster, "leaders");
    let (source, pending) = cluster.source_and_target(tablet);
    let stages = ["streaming", "write_both_read_new", "use_new"];
    let holds = stages.map(|stage| cluster.hold(stage));
    cluster.begin(tablet, source, pending);
    cluster.until_stage(tablet, "streaming");
    for (at, next) in [(0, "write_both_read_new"), (1, "use_new")] {
        kill_leader(&mut cluster, tablet, [source, pending], &holds[at..], next);
    }
    cluster.release(&holds[2]);
    let replicas = cluster.until_ended(tablet);
    assert_eq!(replicas, [pending].into());
    cluster.moved(tablet);
    writer.check(&cluster);
}

#[test]
fn a_move_outlives_two_leaders_that_die_at_any_stage() {
    let Some(mut seed) = Seed::of_torture() else {
        return;
    };
    let mut stages = STAGES;
    seed.shuffle(&mut stages);
    let mut cluster = Cluster::started(5, 1);
    let tablet = cluster.first_tablet();
    for stage in stages {
        let begun = Instant::now();
        let writer = Writer::start(&cluster, stage);
        let (source, pending) = cluster.source_and_target(tablet);
        let hold = cluster.hold(stage);
        cluster.begin_towards(stage, tablet, source, pending);
        cluster.until_stage(tablet, stage);
        // Whoever leads, also when it has a part in the move: the third of five nodes leads with both dead.
        let mut dead = Vec::new();
        for _ in 0..2 {
            let leader = cluster.leader(&dead);
            cluster.member_mut(leader).kill();
            dead.push(leader);
        }
        cluster.leader(&dead);
        cluster.release(&hold);
        for node in &dead {
            cluster.member_mut(*node).start();
            cluster.member(*node).until_ready();
        }
        cluster.until_ended(tablet);
        writer.until_more(10);
        cluster.moved(tablet);
        writer.check(&cluster);
        println!(
            "{stage}: nodes {dead:?} led and were killed; took {:?}",
            begun.elapsed()
        );
    }
}

/// Kills who leads, lets the move go on, and has it soon be at the next stage. Then the dead one comes back.
fn kill_leader(cluster: &mut Cluster, tablet: u64, part: [u64; 2], holds: &[Hold], next: &str) {
    let leader = loop {
        let leader = cluster.leader(&[]);
        if !part.contains(&leader) {
            break leader;
        }
        // Who has a part in the move has to answer for it, and a dead one does not.
        cluster.member_mut(leader).stop();
        cluster.leader(&[leader]);
        cluster.member_mut(leader).start();
        cluster.member(leader).until_ready();
        holds.iter().for_each(|hold| cluster.hold_again(hold));
    };
    cluster.member_mut(leader).kill();
    let killed = Instant::now();
    cluster.release(&holds[0]);
    cluster.until_stage(tablet, next);
    let took = killed.elapsed();
    println!("node {leader} led and was killed: {next} after {took:?}");
    assert!(took < SOON, "{took:?}");
    cluster.member_mut(leader).start();
    cluster.member(leader).until_ready();
    holds[1..].iter().for_each(|hold| cluster.hold_again(hold));
}
