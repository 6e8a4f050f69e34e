//! One holder, one node, numbers that grow, and what is left alone.

use super::*;

const NODE: NodeId = NodeId::new(3);

fn open(path: &Path) -> Result<DataDir, DataDirError> {
    DataDir::open(path, "blue", NODE)
}

#[test]
fn the_incarnation_grows_by_one_with_each_start() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("a/data");
    for number in 1..=3 {
        let data = open(&path).expect("opens");
        assert_eq!(data.incarnation(), number);
        // What a start that was killed left behind is no matter.
        fs::write(path.join(NEW_NOTE), "half a no").expect("writes");
    }
}

#[test]
fn one_process_holds_it_at_a_time() {
    let root = tempfile::tempdir().expect("a directory");
    let first = open(root.path()).expect("opens");
    assert!(matches!(open(root.path()), Err(DataDirError::InUse { .. })));
    drop(first);
    assert_eq!(open(root.path()).expect("opens").incarnation(), 2);
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let root = tempfile::tempdir().expect("a directory");
    drop(open(root.path()).expect("opens"));
    let newer = "format = 2\nall = \"is different\"\n";
    fs::write(root.path().join(NOTE), newer).expect("writes");
    let error = open(root.path()).expect_err("is refused");
    assert!(
        matches!(error, DataDirError::NewerFormat { found: 2, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("later version"), "{error}");
    assert_eq!(fs::read_to_string(root.path().join(NOTE)).expect("reads"), newer);
}

#[test]
fn the_directory_of_another_node_or_cluster_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    drop(open(root.path()).expect("opens"));
    for (cluster, node) in [("blue", NodeId::new(4)), ("green", NODE)] {
        let refused = DataDir::open(root.path(), cluster, node);
        assert!(
            matches!(refused, Err(DataDirError::OtherNode { found: 3, .. })),
            "{refused:?}"
        );
    }
    assert_eq!(
        open(root.path()).expect("opens").incarnation(),
        2,
        "a refusal counts no start"
    );
}

#[test]
fn what_is_no_data_directory_is_not_taken_for_one() {
    let root = tempfile::tempdir().expect("a directory");
    fs::write(root.path().join("thesis.txt"), "text").expect("writes");
    let error = open(root.path()).expect_err("is refused");
    assert!(error.to_string().contains("thesis.txt"), "{error}");

    let root = tempfile::tempdir().expect("a directory");
    drop(open(root.path()).expect("opens"));
    for damaged in [
        "",
        "format = 1",
        "format = 1\ncluster = \"blue\"\nnode = 3\n",
        "\0",
    ] {
        fs::write(root.path().join(NOTE), damaged).expect("writes");
        assert!(
            matches!(open(root.path()), Err(DataDirError::Damaged { .. })),
            "{damaged:?}"
        );
    }
}

#[test]
fn a_directory_that_has_lost_its_log_is_refused_and_left_as_it_is() {
    let root = tempfile::tempdir().expect("a directory");
    // A start that was broken off before it had a log is none that has lost it.
    drop(open(root.path()).expect("opens"));
    let mut data = open(root.path()).expect("opens");
    let log = data.raft();
    fs::write(&log, "a log").expect("writes");
    for _ in 0..2 {
        data.log_is_made().expect("is noted");
    }
    drop(data);
    for lost in [true, false] {
        if lost {
            fs::remove_file(&log).expect("is removed");
        } else {
            fs::write(&log, "").expect("writes");
        }
        let error = open(root.path()).expect_err("is refused");
        assert!(matches!(error, DataDirError::LogMissing { .. }), "{error}");
        assert!(error.to_string().contains("exclude the node"), "{error}");
    }
    fs::write(&log, "a log").expect("writes");
    assert_eq!(
        open(root.path()).expect("opens").incarnation(),
        3,
        "a refusal counts no start"
    );
    // The mark stays.
    fs::remove_file(&log).expect("is removed");
    assert!(matches!(open(root.path()), Err(DataDirError::LogMissing { .. })));
}

#[test]
fn a_note_of_before_there_was_the_mark_is_understood() {
    let root = tempfile::tempdir().expect("a directory");
    let note = "format = 1\ncluster = \"blue\"\nnode = 3\nincarnation = 7\n";
    fs::write(root.path().join(NOTE), note).expect("writes");
    assert_eq!(open(root.path()).expect("opens").incarnation(), 8);
}
