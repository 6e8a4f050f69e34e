//! A node of its own process: what it refuses, that it comes back from a kill, and how it ends.

#![cfg(unix)]

use std::fs;
use std::net::{TcpListener, UdpSocket};
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

/// Configurations of nodes 1 and 2, with their certificates, at addresses that they keep.
fn configured_pair(rig: &Rig) -> [String; 2] {
    let first = configured(rig);
    let certs = rig.path("certs");
    let certs = certs.to_str().expect("is text");
    let issue = ["certs", "issue", "--dir", certs, "--node", "2"];
    assert_eq!(ended(tidegate(&issue).spawn().expect("starts")).code, Some(0));
    let text = fs::read_to_string(first).expect("reads");
    [1, 2].map(|node| {
        let transport = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let admin = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let (transport, admin) = (transport.expect("is free"), admin.expect("is free"));
        let text = text
            .replace("node = 1", &format!("node = {node}"))
            .replace("node-1", &format!("node-{node}"))
            .replace("'data'", &format!("'data-{node}'"))
            .replace("\nlisten = '127.0.0.1:0'", &format!("\nlisten = '{transport}'"))
            .replace(
                "admin.listen = '127.0.0.1:0'",
                &format!("admin.listen = '{admin}'"),
            );
        let path = rig.path(&format!("n{node}.toml"));
        fs::write(&path, text).expect("writes");
        path.to_str().expect("is text").to_owned()
    })
}

#[test]
fn a_member_that_comes_back_with_an_empty_directory_ends_and_says_what_to_do() {
    let rig = Rig::empty();
    let [first, second] = configured_pair(&rig);
    let serve = |config: &str| tidegate(&["serve", "--config", config]).spawn().expect("starts");
    let mut stays = serve(&first);
    let said = Said::of(&mut stays);
    let mut emptied = serve(&second);
    Said::of(&mut emptied).wait_for("the node has started");
    let init = ["init", "--config", &first, &second];
    let init = ended(tidegate(&init).spawn().expect("starts"));
    assert_eq!(init.code, Some(0), "{init:?}");
    signal(&emptied, "KILL");
    ended(emptied);

    fs::remove_dir_all(rig.path("data-2")).expect("removes");
    // Not only the first time.
    for _ in 0..2 {
        let refused = ended(serve(&second));
        assert_eq!(refused.code, Some(1), "{refused:?}");
        for words in [
            "node 2 has an empty disk, and node 1 knows it",
            "`tidegate exclude 2`",
        ] {
            assert!(refused.stderr.contains(words), "{refused:?}");
        }
    }
    said.wait_for("a node does not count");
    signal(&stays, "KILL");
    ended(stays);
}

#[cfg(target_os = "linux")]
#[test]
fn a_node_whose_disk_fails_ends() {
    let rig = Rig::empty();
    let config = configured(&rig);
    // A write beyond the limit fails, as on a broken disk, and does not end the process by itself.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; exec \"$0\" serve --config \"$1\""])
        .args([env!("CARGO_BIN_EXE_tidegate"), &config])
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut node = command.spawn().expect("starts");
    let said = Said::of(&mut node);
    let address = |line: &str| {
        let found = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("address="));
        found.expect("an address").trim_matches('"').to_owned()
    };
    let transport = address(&said.wait_for("the node has started"));
    let admin = format!("http://{}", address(&said.wait_for("the admin API listens")));
    let limited = Command::new("prlimit")
        .args(["--fsize=1", "--pid", &node.id().to_string()])
        .status();
    assert!(limited.expect("runs").success());

    let named = format!("1={transport},{admin}");
    let init = ended(tidegate(&["init", "--node", &named]).spawn().expect("starts"));
    assert_ne!(init.code, Some(0), "{init:?}");
    said.wait_for("start the node again");
    assert_eq!(ended(node).code, Some(1));
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
