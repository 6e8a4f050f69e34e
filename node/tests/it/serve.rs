//! A node of its own process: what it refuses, that it comes back from a kill, and how it ends.

#![cfg(unix)]

use std::fs;
use std::process::{Child, Command, Stdio};

use super::rig::{Rig, Said, ended};

fn tidegate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command
        .args(args)
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A configuration of node 1, with its certificates.
fn configured(rig: &Rig) -> String {
    let certs = rig.path("certs");
    let certs = certs.to_str().expect("is text");
    for args in [
        &["certs", "init", "--dir", certs, "--cluster", "blue"][..],
        &["certs", "issue", "--dir", certs, "--node", "1"],
    ] {
        let made = ended(tidegate(args).spawn().expect("starts"));
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    let text = "node = 1\ndata = 'data'\nlisten = '127.0.0.1:0'\nadmin.listen = '127.0.0.1:0'\n\
        tls = { ca = 'certs/ca.pem', certificate = 'certs/node-1.pem', key = 'certs/node-1.key' }\n";
    let path = rig.path("node.toml");
    fs::write(&path, text).expect("writes");
    path.to_str().expect("is text").to_owned()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status();
    assert!(sent.expect("runs").success());
}

#[test]
fn a_node_comes_back_from_a_kill_and_ends_in_good_order() {
    let rig = Rig::empty();
    let config = configured(&rig);
    let serve = || tidegate(&["serve", "--config", &config]).spawn().expect("starts");

    let mut first = serve();
    Said::of(&mut first).wait_for("the node has started");
    let second = ended(serve());
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.stderr.contains("in use by another process"), "{second:?}");
    signal(&first, "KILL");
    ended(first);

    let mut again = serve();
    let said = Said::of(&mut again);
    said.wait_for("incarnation=2");

    let key = rig.path("certs/node-1.key");
    let good = fs::read(&key).expect("reads");
    fs::write(&key, "no key").expect("writes");
    signal(&again, "HUP");
    said.wait_for("goes on with those that it has");
    fs::write(&key, good).expect("writes");
    // Without a signal too.
    said.wait_for("new connections use them");

    signal(&again, "TERM");
    said.wait_for("the node has stopped");
    assert_eq!(ended(again).code, Some(0));
}

#[test]
fn a_configuration_that_makes_no_sense_is_bad_input() {
    let rig = Rig::empty();
    let config = configured(&rig);
    let text = fs::read_to_string(&config).expect("reads");
    fs::write(&config, format!("surprise = 1\n{text}")).expect("writes");
    let refused = ended(tidegate(&["serve", "--config", &config]).spawn().expect("starts"));
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("surprise"), "{refused:?}");
    assert!(!rig.path("data").exists());
}
