//! Small runs from beginning to end: one that holds, and its twin without sessions that does not.

use serde_json::Value;

use super::rig::{Ended, Rig, entries};

const SMALL: [&str; 8] = [
    "--transport",
    "mem",
    "--tablets",
    "8",
    "--rounds",
    "1",
    "--json",
    "--quiet",
];

/// The one object on stdout.
fn object(ended: &Ended) -> Value {
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:?}");
    serde_json::from_str(&ended.stdout).expect("is JSON")
}

fn number(object: &Value, field: &str) -> u64 {
    object[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field}: {object}"))
}

#[test]
fn with_sessions_all_holds() {
    all_holds("raft");
}

#[test]
fn with_sessions_all_holds_where_the_metadata_is_in_one_log_in_memory() {
    all_holds("local");
}

fn all_holds(metadata: &str) {
    let rig = Rig::filled();
    let data = rig.path("data");
    let data_text = data.to_str().expect("text");
    let more = ["--metadata", metadata, "--data-dir", data_text];
    let ended = rig.run(&[&SMALL[..], &more].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let object = object(&ended);
    assert_eq!(object["ok"], true, "{object}");
    assert_eq!(object["metadata"], metadata, "{object}");
    for field in [
        "rows_lost",
        "rows_resurrected",
        "moves_failed",
        "sessions_left",
        "guards_left",
        "staged_left",
    ] {
        assert_eq!(number(&object, field), 0, "{field}: {object}");
    }
    for (field, least) in [
        ("rows_loaded", 120),
        ("rows_checked", 4 * 120),
        ("moves_completed", 8),
        ("moves_rolled_back", 1),
        ("retries", 1),
        ("streams_cut", 4),
        ("coordinators_replaced", 1),
        // The cancelled receiver, the held one, and the delayed opening frame.
        ("refused_closed", 3),
    ] {
        assert!(number(&object, field) >= least, "{field}: {object}");
    }
    let p99 = object["drain_ms"]["p99"].as_f64().expect("a number");
    assert!(p99 < 1000.0, "{object}");
    assert_eq!(entries(&data).len(), 4, "what was named is kept, a node each");
    let log = data.join("node-1").join("raft.redb");
    assert_eq!(log.exists(), metadata == "raft", "each node keeps the log");
    assert_eq!(rig.left().len(), 0);
}

#[test]
fn without_sessions_rows_come_back_and_the_oracle_sees_them() {
    let rig = Rig::filled();
    let ended = rig.run(&[&SMALL[..], &["--unfenced"]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let object = object(&ended);
    assert_eq!(object["ok"], false, "{object}");
    assert!(number(&object, "rows_resurrected") >= 1, "{object}");
    assert_eq!(rig.left().len(), 0, "what was temporary is gone");
}

#[test]
fn without_faults_nothing_is_cut_or_refused_even_with_one_tablet() {
    let rig = Rig::filled();
    let ended = rig.run(&[
        "--transport",
        "mem",
        "--tablets",
        "1",
        "--nodes",
        "2",
        "--replicas",
        "1",
        "--faults",
        "none",
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let object = object(&ended);
    for field in [
        "streams_cut",
        "refused_closed",
        "moves_rolled_back",
        "coordinators_replaced",
    ] {
        assert_eq!(number(&object, field), 0, "{field}: {object}");
    }
    assert_eq!(number(&object, "moves_completed"), 2, "{object}");
}

#[test]
fn more_nodes_than_voters_follow_the_log_and_are_moved_to() {
    let rig = Rig::filled();
    let ended = rig.run(&[
        "--transport",
        "mem",
        "--tablets",
        "7",
        "--nodes",
        "7",
        "--faults",
        "some",
        "--rounds",
        "1",
        "--json",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let object = object(&ended);
    assert_eq!(number(&object, "moves_completed"), 7, "{object}");
}
