//! The node's program, asked as people ask it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// The `tidegate` binary.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
}

/// How a node finds the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) is_founded: bool,
    pub(super) is_healthy: bool,
    pub(super) has_leader: bool,
    /// Members that are excluded, for ever.
    pub(super) excluded: BTreeSet<u64>,
    /// The other members that do not answer.
    pub(super) silent: BTreeSet<u64>,
}

impl Status {
    /// What `tidegate status --json` says.
    pub(super) fn read(status: &Value) -> Self {
        let is = |of: &Value, name: &str| of.get(name).and_then(Value::as_bool).unwrap_or(false);
        let mut read = Self {
            is_founded: is(status, "founded"),
            is_healthy: is(status, "healthy"),
            has_leader: status.get("leader").is_some_and(Value::is_u64),
            ..Self::default()
        };
        let nodes = status.get("nodes").and_then(Value::as_array);
        for node in nodes.into_iter().flatten() {
            let Some(id) = node.get("id").and_then(Value::as_u64) else {
                continue;
            };
            if is(node, "excluded") {
                read.excluded.insert(id);
            } else if !is(node, "reachable") {
                read.silent.insert(id);
            }
        }
        read
    }

    /// Whether all that is wrong, if anything is, is for the operator: a node that was drained or excluded stays so.
    pub(super) fn is_up(&self) -> bool {
        self.is_founded && self.has_leader && self.silent.is_empty()
    }
}

impl Program {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the node says, if it answers.
    pub(super) fn status(&self, admin: &str) -> Option<Status> {
        let output = self
            .asking(&["status", "--json", "--timeout", "5", "--admin", admin])
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        Some(Status::read(&status))
    }

    /// What the node finds wrong, for people.
    pub(super) fn findings(&self, admin: &str) -> String {
        self.asking(&["status", "--timeout", "5", "--admin", admin])
            .output()
            .map_or_else(
                |error| error.to_string(),
                |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            )
    }

    pub(super) fn init(&self, configs: &[&Path]) -> Result<()> {
        let mut command = self.asking(&["init", "--config"]);
        command.args(configs);
        done(command)
    }

    pub(super) fn join(&self, config: &Path, via: &str) -> Result<()> {
        let mut command = self.asking(&["join", "--via", via, "--config"]);
        command.arg(config);
        done(command)
    }

    pub(super) fn make_authority(&self, dir: &Path, cluster: &str) -> Result<()> {
        let mut command = self.asking(&["certs", "init", "--cluster", cluster, "--dir"]);
        command.arg(dir);
        done(command)
    }

    pub(super) fn issue(&self, dir: &Path, node: u32) -> Result<()> {
        let mut command = self.asking(&["certs", "issue", "--node", &node.to_string(), "--dir"]);
        command.arg(dir);
        done(command)
    }

    fn asking(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .stdin(Stdio::null())
            // Whoever runs this may have set them for another cluster.
            .env_remove("TIDEGATE_ADMIN")
            .env_remove("TIDEGATE_TOKEN_FILE")
            .env_remove("TIDEGATE_CA");
        command
    }
}

fn done(mut command: Command) -> Result<()> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{shown} failed ({}):\n{}", output.status, said.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(nodes: &Value) -> Status {
        let mut status = json!({"founded": true, "healthy": false, "leader": 1});
        status["nodes"] = nodes.clone();
        Status::read(&status)
    }

    #[test]
    fn a_cluster_that_was_drained_or_lost_a_node_for_ever_is_up() {
        let node = |id: u64, excluded: bool, reachable: bool| json!({"id": id, "excluded": excluded, "reachable": reachable});
        let excluded = status(&json!([node(1, false, true), node(2, true, false)]));
        assert!(excluded.is_up());
        assert_eq!(excluded.excluded, [2].into());
        // Nothing but findings, such as a drain with balancing off.
        assert!(status(&json!([node(1, false, true)])).is_up());
        let down = status(&json!([node(1, false, true), node(2, false, false)]));
        assert!(!down.is_up());
        assert_eq!(down.silent, [2].into());
        assert!(!Status::read(&json!({"founded": true, "leader": null, "nodes": []})).is_up());
        assert!(!Status::read(&json!({"founded": false, "healthy": false})).is_up());
    }
}
