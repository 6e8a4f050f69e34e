//! Whoever is asked to end does so soon, and leaves nothing behind.

#![cfg(unix)]

use std::process::Command;
use std::time::{Duration, Instant};

use super::rig::{Rig, Said, ended};

/// From the signal to the end, with a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_signal_in_the_middle_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let rig = Rig::filled();
        let mut child = rig
            .demo(&["--transport", "mem", "--rounds", "100000"])
            .spawn()
            .expect("starts");
        let said = Said::of(&mut child);
        // Rows are there, and tablets move.
        said.wait_for("loaded");
        assert_eq!(rig.left().len(), 1, "there is something to be removed");
        let id = child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(sent.expect("runs").success());
        let sent = Instant::now();
        let ended = ended(child);
        assert_eq!(ended.code, Some(130), "{ended:?}");
        said.wait_for("interrupted");
        assert!(sent.elapsed() < SOON, "took {:?}", sent.elapsed());
        assert_eq!(rig.left().len(), 0, "{signal}");
    }
}
