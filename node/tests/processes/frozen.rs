//! A node of a move that is silent for longer than connections last, and then goes on as if nothing had been.

use std::time::Duration;

use super::rig::{Cluster, Writer};
use super::seed::Seed;

/// Connections are lost after ten seconds of silence.
const SILENCE: Duration = Duration::from_secs(13);

#[test]
fn a_pending_replica_is_silent_for_longer_than_its_connections_last() {
    silent(|(_, pending)| pending);
}

#[test]
fn a_source_is_silent_for_longer_than_its_connections_last() {
    if Seed::of_torture().is_some() {
        silent(|(source, _)| source);
    }
}

fn silent(who: impl Fn((u64, u64)) -> u64) {
    let mut cluster = Cluster::started(4, 2);
    let tablet = cluster.first_tablet();
    let writer = Writer::start(&cluster, "silent");
    let (source, pending) = cluster.source_and_target(tablet);
    let hold = cluster.hold("write_both_read_old");
    cluster.begin(tablet, source, pending);
    cluster.until_stage(tablet, "write_both_read_old");
    let silent = who((source, pending));
    cluster.member_mut(silent).freeze();
    cluster.release(&hold);
    // This is the fault itself: nothing ends it but time.
    std::thread::sleep(SILENCE);
    writer.until_more(10);
    cluster.member_mut(silent).thaw();
    cluster.release(&hold);
    let replicas = cluster.until_ended(tablet);
    // It may have gone back: a stream that is tried too often does.
    assert!(
        replicas.contains(&source) != replicas.contains(&pending),
        "{replicas:?}"
    );
    cluster.moved(tablet);
    writer.check(&cluster);
}
