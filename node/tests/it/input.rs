//! What cannot be read is named, and holds nobody up.

#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::process::Command;

use super::rig::Rig;

#[test]
fn pipes_and_links_are_named_and_left_out() {
    let rig = Rig::filled();
    let pipe = rig.input().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("runs");
    assert!(made.success());
    symlink("/no/such/file", rig.input().join("dangling")).expect("links");
    symlink("..", rig.input().join("upwards")).expect("links");
    // Even those who want quiet are told.
    let ended = rig.run(&[
        "--transport",
        "mem",
        "--faults",
        "none",
        "--rounds",
        "1",
        "--tablets",
        "2",
        "--quiet",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    for name in ["pipe", "dangling", "upwards"] {
        let named = ended
            .stderr
            .lines()
            .filter(|line| line.contains("left out") && line.contains(name));
        assert_eq!(named.count(), 1, "{name}: {}", ended.stderr);
    }
}
