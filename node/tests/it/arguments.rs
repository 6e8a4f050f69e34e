//! What makes no sense is refused at once, with exit code 2 and a sentence that names it.

use std::fs;

use super::rig::Rig;

fn refused(rig: &Rig, arguments: &[&str], says: &str) {
    let ended = rig.run(arguments);
    assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
    assert!(ended.stderr.contains(says), "{arguments:?}: {ended:?}");
    assert_eq!(ended.stdout, "", "{arguments:?}");
    assert_eq!(rig.left().len(), 0, "{arguments:?}");
}

#[test]
fn numbers_that_make_no_sense() {
    let rig = Rig::filled();
    for (arguments, says) in [
        (["--tablets", "0"], "--tablets is zero"),
        (["--replicas", "0"], "--replicas is zero"),
        (["--nodes", "0"], "--nodes is zero"),
        (["--limit", "0"], "--limit is zero"),
        (["--replicas", "5"], "5 replicas do not fit on 4 nodes"),
        (["--replicas", "4"], "no spare node to move to: give --nodes 5"),
        (["--limit", "much"], "invalid value 'much'"),
        (["--transport", "pigeon"], "invalid value 'pigeon'"),
    ] {
        refused(&rig, &arguments, says);
    }
}

#[test]
fn input_that_is_missing_or_empty_or_a_file() {
    let rig = Rig::empty();
    refused(&rig, &[], "no readable file");
    let missing = rig.path("missing");
    let missing = missing.to_str().expect("text");
    refused(&rig, &["--input", missing], missing);
    let file = rig.path("file");
    fs::write(&file, "text").expect("writes");
    refused(
        &rig,
        &["--input", file.to_str().expect("text")],
        "is not a directory",
    );
}

#[test]
fn a_data_directory_that_cannot_serve() {
    let rig = Rig::filled();
    let used = rig.path("used");
    fs::create_dir(&used).expect("makes a directory");
    fs::write(used.join("file"), "text").expect("writes");
    let data = |path: &str| refused_data(&rig, path);
    data(used.to_str().expect("text"));
    // Where no directory can be made, whoever asks.
    data(used.join("file/below").to_str().expect("text"));
    data(rig.input().join("inside").to_str().expect("text"));
}

fn refused_data(rig: &Rig, path: &str) {
    refused(rig, &["--data-dir", path], path);
}
