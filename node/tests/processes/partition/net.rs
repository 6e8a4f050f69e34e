//! Nodes in networks of their own, with a cable each to a switch.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::rig::{DEADLINE, Ended, Turn, done, text, until};
use crate::seed::loud;

/// The networks, the nodes in them, and what they have on the disk.
pub(super) struct Net {
    nodes: u64,
    /// Makes the names differ from those of other runs.
    name: String,
    children: Vec<Child>,
    root: TempDir,
    _turn: Turn,
}

impl Net {
    /// A healthy cluster with a table of one tablet; nothing where networks cannot be made, which is said loudly.
    pub(super) fn started(nodes: u64) -> Option<Self> {
        let mut net = Self {
            nodes,
            name: format!("tg{}", std::process::id() % 100_000),
            children: Vec::new(),
            root: tempfile::tempdir().expect("a directory"),
            _turn: Turn::take(),
        };
        if let Err(why) = net.lay() {
            loud(&format!(
                "SKIPPED: a partition takes network namespaces, and root to make them: {why}"
            ));
            return None;
        }
        let certs = net.root.path().join("certs");
        done(&["certs", "init", "--cluster", "blue", "--dir", text(&certs)]);
        for node in 1..=nodes {
            net.start(node);
        }
        for node in 1..=nodes {
            until("a node to answer", DEADLINE, || {
                net.told(node, &["status", "--json"])
            });
        }
        let configs: Vec<String> = (1..=nodes)
            .map(|node| text(&net.config(node)).to_owned())
            .collect();
        let mut init = vec!["init", "--config"];
        init.extend(configs.iter().map(String::as_str));
        net.json(1, &init);
        for node in 1..=nodes {
            until("a healthy cluster", DEADLINE, || {
                let status = net.told(node, &["status", "--json"])?;
                (status["healthy"] == true).then_some(())
            });
        }
        net.json(1, &["balancing", "off"]);
        net.json(
            1,
            &["tables", "create", "rows", "--tablets", "1", "--replicas", "3"],
        );
        Some(net)
    }

    fn space(&self, node: u64) -> String {
        format!("{}-{node}", self.name)
    }

    fn switch(&self) -> String {
        format!("{}-s", self.name)
    }

    fn cable(&self, node: u64) -> String {
        format!("{}v{node}", self.name)
    }

    /// Switch, networks and cables.
    fn lay(&self) -> Result<(), String> {
        let switch = self.switch();
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link add br0 type bridge"))?;
        ip(&format!("-n {switch} link set br0 up"))?;
        for node in 1..=self.nodes {
            let (space, cable) = (self.space(node), self.cable(node));
            ip(&format!("netns add {space}"))?;
            ip(&format!(
                "-n {switch} link add {cable} type veth peer name eth0 netns {space}"
            ))?;
            ip(&format!("-n {switch} link set {cable} master br0 up"))?;
            ip(&format!("-n {space} addr add 10.77.0.{node}/24 dev eth0"))?;
            ip(&format!("-n {space} link set eth0 up"))?;
            ip(&format!("-n {space} link set lo up"))?;
        }
        Ok(())
    }

    /// Pulls a node's cable.
    pub(super) fn pull(&self, node: u64) {
        self.set(node, "down");
    }

    /// Puts it in again.
    pub(super) fn plug(&self, node: u64) {
        self.set(node, "up");
    }

    fn set(&self, node: u64, to: &str) {
        let (switch, cable) = (self.switch(), self.cable(node));
        ip(&format!("-n {switch} link set {cable} {to}")).expect("is set");
    }

    fn config(&self, node: u64) -> PathBuf {
        self.root.path().join(format!("n{node}.toml"))
    }

    fn log(&self, node: u64) -> PathBuf {
        self.root.path().join(format!("n{node}.log"))
    }

    fn start(&mut self, node: u64) {
        let certs = self.root.path().join("certs");
        done(&[
            "certs",
            "issue",
            "--node",
            &node.to_string(),
            "--dir",
            text(&certs),
        ]);
        let peers: String = (1..=self.nodes)
            .filter(|peer| *peer != node)
            .map(|peer| format!("{peer} = '10.77.0.{peer}:7400'\n"))
            .collect();
        let config = format!(
            "node = {node}\ndata = 'data-{node}'\nlisten = '10.77.0.{node}:7400'\n[tls]\nca = 'certs/ca.pem'\n\
             certificate = 'certs/node-{node}.pem'\nkey = 'certs/node-{node}.key'\n\
             [log]\nfilter = 'info,openraft=warn'\n[peers]\n{peers}"
        );
        fs::write(self.config(node), config).expect("writes");
        let log = File::create(self.log(node)).expect("a log");
        let mut command = self.inside(node, &["serve", "--config", text(&self.config(node))]);
        command.stdout(log.try_clone().expect("a handle")).stderr(log);
        self.children.push(command.spawn().expect("starts"));
    }

    /// The program, in a node's network.
    fn inside(&self, node: u64, args: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(node), env!("CARGO_BIN_EXE_tidegate")]);
        command.args(args).stdin(Stdio::null());
        command
    }

    /// Asks a node, in its network.
    pub(super) fn tidegate(&self, node: u64, args: &[&str]) -> Ended {
        let output = self.inside(node, args).output().expect("starts");
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What it tells, if it does.
    pub(super) fn told(&self, node: u64, args: &[&str]) -> Option<Value> {
        serde_json::from_str(&self.tidegate(node, args).stdout).ok()
    }

    /// Asks until it is done.
    pub(super) fn json(&self, node: u64, args: &[&str]) -> Value {
        until(&format!("{args:?}"), DEADLINE, || {
            let ended = self.tidegate(node, &[args, &["--json"]].concat());
            let value = serde_json::from_str(&ended.stdout).ok()?;
            (ended.code == Some(0)).then_some(value)
        })
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
        for node in 1..=self.nodes {
            if std::thread::panicking() {
                let said = fs::read_to_string(self.log(node)).unwrap_or_default();
                println!("---- node {node} ----\n{said}");
            }
            // Where it could not be made it is not there.
            let _ = ip(&format!("netns del {}", self.space(node)));
        }
        let _ = ip(&format!("netns del {}", self.switch()));
    }
}

fn ip(args: &str) -> Result<(), String> {
    let output = Command::new("ip").args(args.split_whitespace()).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("ip {args}: {}", said.trim()))
}
