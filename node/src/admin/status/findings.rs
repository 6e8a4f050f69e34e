//! What is not as it should be.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_raft::{RaftStatus, Role};
use tidegate_tablets::{Metadata, NodeId, Tablet, TabletId, quorum_of};
use tidegate_transport::{ResetCode, StreamError};

use super::stuck;
use crate::api::{Finding, Node, Severity};
use crate::reports::NodeReport;

/// What is looked at.
pub(super) struct Seen<'a> {
    pub(super) here: NodeId,
    pub(super) founded: bool,
    pub(super) metadata: &'a Metadata,
    pub(super) raft: &'a RaftStatus,
    pub(super) nodes: &'a [Node],
    pub(super) reports: &'a BTreeMap<NodeId, NodeReport>,
    /// How long a tablet's transition is in its stage, by tablet and begin.
    pub(super) stage_ms: &'a dyn Fn(TabletId, u64) -> Option<u64>,
}

/// All that is not as it should be.
pub(super) fn findings(seen: &Seen<'_>) -> Vec<Finding> {
    if !seen.founded {
        return vec![finding(
            Severity::Warning,
            format!("node {} belongs to no cluster", seen.here),
            "found one (`tidegate init`), or have it join one (`tidegate join`)",
        )];
    }
    if seen.metadata.is_excluded(seen.here) {
        // Nothing else that it sees counts: nobody answers it.
        let what = format!(
            "node {}, which answers, is excluded, for ever: it serves nothing",
            seen.here
        );
        let remedy = "stop it; its machine can come back only empty, under a new number (`tidegate join`); ask another node \
                      about the cluster (`tidegate status --admin URL`)";
        return vec![finding(Severity::Critical, what, remedy)];
    }
    let mut found = Vec::new();
    found.extend(log(seen));
    for node in seen.nodes {
        found.extend(excluded(seen, node));
        found.extend(silent(seen, node));
        found.extend(draining(seen, node));
    }
    found.extend(versions(seen));
    found.extend(stuck::findings(seen));
    found
}

pub(super) fn finding(severity: Severity, what: String, remedy: impl Into<String>) -> Finding {
    Finding {
        severity,
        what,
        remedy: remedy.into(),
    }
}

/// The metadata's log: whether it can decide, and whether it could with one more fault.
fn log(seen: &Seen<'_>) -> Option<Finding> {
    if seen.raft.role == Role::Stopped {
        let what = format!("the metadata's log on node {} was stopped", seen.here);
        return Some(finding(
            Severity::Critical,
            what,
            "start the node again; its log says why",
        ));
    }
    let voters = &seen.raft.voters;
    let down: BTreeSet<NodeId> = voters
        .iter()
        .copied()
        .filter(|node| !reachable(seen, *node))
        .collect();
    let needed = quorum_of(voters);
    let live = voters.len() - down.len();
    if seen.raft.leader.is_none() || live < needed {
        let what = format!(
            "the metadata has no leader that can decide: {live} of {} nodes with a vote answer, and it takes {needed}",
            voters.len()
        );
        let remedy = match listed(&down) {
            Some(down) => format!(
                "start {down}: until then nothing moves, and nothing about the cluster can be changed. If they run, node \
                 {} may be cut off, or excluded without knowing it: ask another node (`tidegate status --admin URL`)",
                seen.here
            ),
            None => {
                "wait a few seconds: one is being elected; if this stays, look at the nodes' logs".to_owned()
            }
        };
        return Some(finding(Severity::Critical, what, remedy));
    }
    None
}

fn excluded(seen: &Seen<'_>, node: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    if !node.excluded {
        return found;
    }
    let id = node.id;
    if node.replicas > 0 {
        let remedy = if seen.metadata.balancing {
            "wait: the balancer rebuilds them on other nodes; `tidegate moves` shows how far, `tidegate balancing` what \
             waits for what"
                .to_owned()
        } else {
            "switch balancing on (`tidegate balancing on`), or rebuild each by `tidegate move`".to_owned()
        };
        let what = format!(
            "node {id} is excluded and still counts as a replica of {} tablets: they have one copy less",
            node.replicas
        );
        found.push(finding(Severity::Warning, what, remedy));
    }
    if node.voter {
        let what = format!("node {id} is excluded and still has a vote in the metadata's log");
        let remedy = "wait: the leader takes it away; if this stays, too few of the nodes with a vote answer";
        found.push(finding(Severity::Warning, what, remedy));
    }
    found
}

fn silent(seen: &Seen<'_>, node: &Node) -> Option<Finding> {
    if node.excluded || node.reachable {
        return None;
    }
    let id = node.id;
    let without_quorum = seen
        .metadata
        .tablets_of(NodeId::new(id))
        .filter_map(|tablet| seen.metadata.tablets.get(&tablet))
        .filter(|tablet| !has_quorum(seen, tablet))
        .count();
    let why = node.error.as_deref().unwrap_or("it was not asked");
    let consequence = if without_quorum > 0 {
        format!(
            "; {without_quorum} of its {} tablets have no quorum, so requests for them fail",
            node.replicas
        )
    } else if node.replicas > 0 {
        format!(
            "; its {} tablets are served by their other replicas",
            node.replicas
        )
    } else {
        String::new()
    };
    let severity = if without_quorum > 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let what = format!("node {id} does not answer ({why}){consequence}");
    let refused = StreamError::Reset(ResetCode::Refused).to_string();
    let refuses = node.error.as_deref().is_some_and(|why| why.ends_with(&refused));
    let remedy = if refuses {
        // An exclusion cannot be told to who was down then: nobody listens to it any more.
        format!(
            "it runs, and refuses node {}, which may have been excluded while it was down: ask another node (`tidegate \
             nodes --admin URL`); if so, stop this one",
            seen.here
        )
    } else {
        format!(
            "see that it runs and can be reached; if it is gone for ever, stop it and run `tidegate exclude {id}`, so that \
             what it held is rebuilt"
        )
    };
    Some(finding(severity, what, remedy))
}

fn draining(seen: &Seen<'_>, node: &Node) -> Option<Finding> {
    if !node.draining || node.excluded {
        return None;
    }
    let (id, replicas) = (node.id, node.replicas);
    Some(match (replicas, seen.metadata.balancing) {
        (0, _) => finding(
            Severity::Info,
            format!("node {id} is drained: it holds nothing"),
            format!("stop it and run `tidegate exclude {id}`, or `tidegate resume {id}` to use it again"),
        ),
        (_, true) => finding(
            Severity::Info,
            format!("node {id} drains: {replicas} replicas are left"),
            "wait: `tidegate moves` shows how far it is, `tidegate balancing` what waits for what",
        ),
        (_, false) => finding(
            Severity::Warning,
            format!("node {id} is to drain, but balancing is off: its {replicas} replicas stay"),
            "switch balancing on (`tidegate balancing on`)",
        ),
    })
}

/// Nodes that run different versions of the program.
fn versions(seen: &Seen<'_>) -> Option<Finding> {
    let versions: BTreeSet<&str> = seen
        .reports
        .values()
        .map(|report| report.software.as_str())
        .collect();
    (versions.len() > 1).then(|| {
        let versions: Vec<&str> = versions.into_iter().collect();
        finding(
            Severity::Info,
            format!("nodes run different versions: {}", versions.join(", ")),
            "finish the upgrade node by node",
        )
    })
}

fn reachable(seen: &Seen<'_>, node: NodeId) -> bool {
    seen.reports.contains_key(&node)
}

/// Whether the set that reads use has a quorum of nodes that answer.
fn has_quorum(seen: &Seen<'_>, tablet: &Tablet) -> bool {
    let set = tablet.read_set();
    let live = set
        .iter()
        .filter(|node| !seen.metadata.is_excluded(**node) && reachable(seen, **node));
    live.count() >= quorum_of(set)
}

/// `node 1`, `nodes 1 and 2`; none where there is none.
fn listed(nodes: &BTreeSet<NodeId>) -> Option<String> {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("node {one}")),
        [first @ .., last] => Some(format!("nodes {} and {last}", first.join(", "))),
    }
}
