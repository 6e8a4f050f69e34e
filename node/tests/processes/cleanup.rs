//! The leaving replica dies in the middle of its cleanup: it is asked again, and ends up with nothing.

use super::rig::{Cluster, Writer};

/// The points of the node at which a removal has removed nothing yet, and at which it has removed all.
const POINTS: [&str; 2] = ["node::before_remove", "node::after_remove"];

#[test]
fn a_leaving_replica_is_restarted_before_and_after_it_removes() {
    let mut cluster = Cluster::started(4, 1);
    let tablet = cluster.first_tablet();
    let writer = Writer::start(&cluster, "leaving");
    for point in POINTS {
        println!("{point}");
        let (source, pending) = cluster.source_and_target(tablet);
        // There only: the pending replica removes, too, before it takes anything.
        let hold = cluster.hold_on(source, point);
        cluster.begin(tablet, source, pending);
        cluster.until_held(source, &hold);
        // It is at the stage, as its removal is not answered.
        cluster.until_stage(tablet, "cleanup");
        cluster.member_mut(source).kill();
        writer.until_more(10);
        // Started anew it holds nothing up.
        cluster.member_mut(source).start();
        cluster.member(source).until_ready();
        cluster.release(&hold);
        let replicas = cluster.until_ended(tablet);
        assert!(
            replicas.contains(&pending) && !replicas.contains(&source),
            "{replicas:?}"
        );
    }
    // Back to where rows were removed, so that what was left there would show.
    cluster.moved(tablet);
    writer.check(&cluster);
}
