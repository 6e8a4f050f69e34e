//! A node that is excluded while it lives is cut off at once.

use std::time::{Duration, Instant};

use super::rig::{Cluster, TABLE, Writer, until};

/// From the answer to the exclusion until the last row that is acknowledged through the node.
const AT_ONCE: Duration = Duration::from_secs(1);
/// From there until the node says so itself.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_node_that_is_excluded_while_it_lives_is_cut_off() {
    let mut cluster = Cluster::started(5, 2);
    let tablet = cluster.first_tablet();
    let victim = *cluster.replicas(tablet).last().expect("a replica");
    let node = cluster.member(victim).http_within(Duration::from_secs(15));
    let path = format!("/v1/tables/{TABLE}/rows/late");
    let body = || Some(("application/octet-stream", b"late".to_vec()));
    let before = node.send("PUT", &path, body()).expect("an answer");
    assert!(before.is_good(), "{before:?}");
    cluster.exclude(victim);
    let excluded = Instant::now();
    let mut last = Duration::ZERO;
    until("the excluded node to be cut off", SOON, || {
        let begun = excluded.elapsed();
        if node.send("PUT", &path, body()).is_ok_and(|late| late.is_good()) {
            last = begun;
        }
        let ready = node.get("/readyz").ok()?;
        (!ready.is_good()).then_some(())
    });
    println!(
        "cut off after {:?}; the last write that it took began after {last:?}",
        excluded.elapsed()
    );
    assert!(last < AT_ONCE, "{last:?}");
    let writer = Writer::start(&cluster, "excluded");
    let late = node.send("PUT", &path, body()).expect("an answer");
    assert!(!late.is_good(), "{late:?}");
    let alive = node.get("/healthz").expect("an answer");
    assert!(alive.is_good(), "it lives, and says so: {alive:?}");
    cluster.moved(tablet);
    // Started again it is no more of the cluster than before.
    cluster.member_mut(victim).kill();
    cluster.member_mut(victim).start();
    cluster.member(victim).until_answers();
    let again = node.send("PUT", &path, body()).expect("an answer");
    assert!(!again.is_good(), "{again:?}");
    writer.check(&cluster);
}
