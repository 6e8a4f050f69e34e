//! A pending replica whose disk is full: its move goes back, and nothing else notices.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::rig::{Cluster, TABLE, Writer};

/// What fits on the full disk, and what is to move there.
const QUOTA: u64 = 1 << 20;
const ROWS: usize = 200;
const ROW_BYTES: usize = 32 << 10;

#[test]
fn a_move_to_a_full_disk_goes_back() {
    let mut cluster = Cluster::started(5, 2);
    let tablets = cluster.tablets();
    let ids = [0, 1].map(|at| tablets[at]["id"].as_u64().expect("a number"));
    let (source, full) = cluster.source_and_target(ids[0]);
    let node = cluster.member_mut(full);
    node.stop();
    node.quota = Some(QUOTA);
    node.start();
    node.until_ready();
    load(&cluster);
    let writer = Writer::start(&cluster, "full");
    let before = cluster.replicas(ids[0]);
    // A table's first rows are elsewhere than its last: both tablets have more than fits.
    cluster.begin(ids[0], source, full);
    let replicas = cluster.replicas(ids[1]);
    let other = cluster
        .running()
        .map(|member| member.number)
        .find(|node| *node != full && !replicas.contains(node))
        .expect("a node with room");
    cluster.begin(ids[1], *replicas.first().expect("a replica"), other);
    assert!(cluster.until_ended(ids[1]).contains(&other), "other moves go on");
    assert_eq!(cluster.until_ended(ids[0]), before, "it has gone back");
    writer.until_more(10);
    // With room it goes.
    let node = cluster.member_mut(full);
    node.kill();
    node.quota = None;
    node.start();
    node.until_ready();
    cluster.begin(ids[0], source, full);
    assert!(cluster.until_ended(ids[0]).contains(&full));
    writer.check(&cluster);
}

fn load(cluster: &Cluster) {
    let value = STANDARD.encode(vec![7; ROW_BYTES]);
    for part in 0..4 {
        let numbers = part * ROWS / 4..(part + 1) * ROWS / 4;
        let rows: Vec<Value> = numbers
            .map(|number| json!({ "key": STANDARD.encode(format!("big-{number}")), "value": value }))
            .collect();
        let loaded = cluster.insist(
            "POST",
            &format!("/v1/tables/{TABLE}/rows"),
            &json!({ "rows": rows }),
        );
        assert_eq!(loaded["failed"], 0, "{loaded}");
    }
}
