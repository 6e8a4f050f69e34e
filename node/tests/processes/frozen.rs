//! A node of a move that is silent for longer than connections last, and then goes on as if nothing had been.

use std::time::Duration;

use super::rig::{Cluster, Writer};
use super::seed::Seed;

/// Connections are lost after ten seconds of silence.
const SILENCE: Duration = Duration::from_secs(13);

/// A stage before the stream, and a point of the source with a batch in its hand.
#[derive(Debug, Clone, Copy)]
enum When {
    BeforeTheStream,
    InTheStream,
}

#[test]
fn a_source_is_silent_in_its_stream_for_longer_than_its_connections_last() {
    silent(When::InTheStream, |(source, _)| source);
}

#[test]
fn others_are_silent_for_longer_than_their_connections_last() {
    if Seed::of_torture().is_some() {
        silent(When::InTheStream, |(_, pending)| pending);
        silent(When::BeforeTheStream, |(source, _)| source);
        silent(When::BeforeTheStream, |(_, pending)| pending);
    }
}

fn silent(when: When, who: impl Fn((u64, u64)) -> u64) {
    println!("{when:?}");
    let mut cluster = Cluster::started(4, 1);
    let tablet = cluster.first_tablet();
    let writer = Writer::start(&cluster, "silent");
    let (source, pending) = cluster.source_and_target(tablet);
    let hold = match when {
        When::BeforeTheStream => cluster.hold("write_both_read_old"),
        When::InTheStream => cluster.hold_at("streaming::before_send"),
    };
    cluster.begin(tablet, source, pending);
    match when {
        When::BeforeTheStream => cluster.until_stage(tablet, "write_both_read_old"),
        When::InTheStream => cluster.until_held(source, &hold),
    }
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
