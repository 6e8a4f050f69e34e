//! `tidegate status`.

use clap::Args;

use super::output::{Grid, Shown};
use super::units::{bytes, count, known, list, seconds};
use super::{Asking, Exit, Failure};
use crate::api::{Node, RaftRole, Severity, Status};
use crate::client::Route;

const EXAMPLE: &str = "\
Exits with 1 when something is wrong, 3 when the node does not answer.

Examples:
  tidegate status
  tidegate status --json | jq .healthy";

/// How the cluster is: what is wrong, what to do about it, and its nodes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    asking: Asking,
}

impl StatusArgs {
    pub(crate) fn run(&self) -> Result<Exit, Failure> {
        let status: Status = self.asking.client()?.read(&Route::v1().at("status"))?;
        self.asking.output.show(&status)?;
        Ok(if status.healthy { Exit::Done } else { Exit::Wrong })
    }
}

impl Shown for Status {
    fn text(&self) -> String {
        let mut lines = vec![headline(self)];
        for finding in &self.findings {
            let severity = match finding.severity {
                Severity::Info => "info",
                Severity::Warning => "WARNING",
                Severity::Critical => "CRITICAL",
            };
            lines.push(format!("{severity}: {}", finding.what));
            lines.push(format!("  do: {}", finding.remedy));
        }
        if !self.founded {
            return lines.join("\n");
        }
        lines.push(format!(
            "leader {}, term {}, version {}; {}, {}, {}; balancing {}",
            known(self.leader, |leader| format!("node {leader}")),
            self.term,
            self.version,
            count(self.tables, "table", "tables"),
            count(self.tablets, "tablet", "tablets"),
            count(self.transitions, "in transition", "in transition"),
            if self.balancing { "on" } else { "off" },
        ));
        lines.push(nodes(&self.nodes));
        let unnamed: Vec<_> = self
            .silent
            .iter()
            .filter(|silent| !self.nodes.iter().any(|node| node.id == silent.node))
            .map(|silent| silent.node)
            .collect();
        if !unnamed.is_empty() {
            lines.push(format!("no answer from nodes {}", list(&unnamed)));
        }
        lines.join("\n")
    }
}

fn headline(status: &Status) -> String {
    let how = match (status.founded, status.healthy) {
        (false, _) => "belongs to no cluster yet",
        (true, true) => "healthy",
        (true, false) => "NOT healthy",
    };
    if status.cluster.is_empty() || !status.founded {
        format!("node {}: {how}", status.node)
    } else {
        format!(
            "cluster {}: {how}, as node {} sees it",
            status.cluster, status.node
        )
    }
}

/// The table of nodes, of `status` and of `nodes`.
pub(crate) fn nodes(nodes: &[Node]) -> String {
    let mut grid = Grid::new(&[
        ">node",
        "state",
        "metadata",
        ">replicas",
        ">bytes",
        "rack",
        "transport",
        "admin",
        "up",
    ]);
    for node in nodes {
        let address = node.address.as_ref();
        grid.row([
            node.id.to_string(),
            state(node),
            role(node).to_owned(),
            node.replicas.to_string(),
            known(node.bytes, bytes),
            known(node.rack.clone(), |rack| rack),
            known(address, |address| address.transport.clone()),
            known(address, |address| address.admin.clone()),
            known(node.uptime_seconds, seconds),
        ]);
    }
    grid.text_or("no nodes yet: `tidegate init` founds a cluster")
}

fn state(node: &Node) -> String {
    let mut words = Vec::new();
    if node.excluded {
        words.push("excluded");
    } else if !node.reachable {
        words.push("NO ANSWER");
    } else {
        words.push("up");
    }
    if node.draining && !node.excluded {
        words.push(if node.replicas == 0 { "drained" } else { "draining" });
    }
    words.join(", ")
}

fn role(node: &Node) -> &'static str {
    match node.raft.as_ref().map(|raft| raft.role) {
        Some(RaftRole::Leader) => "leader",
        Some(RaftRole::Follower) => "follower",
        Some(RaftRole::Candidate) => "candidate",
        Some(RaftRole::Learner) => "learner",
        Some(RaftRole::Stopped) => "stopped",
        None if node.voter => "voter",
        None => "-",
    }
}
