//! The node's program, asked as people ask it.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) is_founded: bool,
    pub(super) is_healthy: bool,
    pub(super) has_leader: bool,
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
        let is = |name: &str| status.get(name).and_then(Value::as_bool).unwrap_or(false);
        Some(Status {
            is_founded: is("founded"),
            is_healthy: is("healthy"),
            has_leader: status.get("leader").is_some_and(Value::is_u64),
        })
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
