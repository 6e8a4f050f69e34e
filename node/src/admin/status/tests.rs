//! What is told of a cluster that is not as it should be.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_raft::{RaftStatus, Role};
use tidegate_tablets::{Change, Metadata, NodeId, Reason, TabletId, TransitionKind, Version};

use super::findings::{Seen, findings};
use crate::api::{self, Finding, Severity, WaitingFor};
use crate::reports::{LeaderReport, NodeReport, TransitionReport};

struct Cluster {
    metadata: Metadata,
    down: BTreeSet<u64>,
    leader: Option<u64>,
    transitions: Vec<TransitionReport>,
    stage_ms: u64,
    /// Why those that are down do not answer.
    why: String,
}

impl Cluster {
    /// Nodes 1 to 4, and a table of one tablet on 1, 2 and 3. Balancing is on.
    fn new() -> Self {
        let mut cluster = Self {
            metadata: Metadata::default(),
            down: BTreeSet::new(),
            leader: Some(1),
            transitions: Vec::new(),
            stage_ms: 0,
            why: "no route".to_owned(),
        };
        for node in (1..=4).map(NodeId::new) {
            cluster.change(Change::AddNode { node });
        }
        let replicas = vec![[1, 2, 3].map(NodeId::new).into()];
        let name = "t".to_owned();
        cluster.change(Change::CreateTable { name, replicas });
        cluster.change(Change::SetBalancing { on: true });
        cluster
    }

    fn change(&mut self, change: Change) {
        let applied = self.metadata.apply(Version::new(1), &change);
        applied.outcome.expect("is accepted");
    }

    fn report(&self, node: u64) -> NodeReport {
        let leads = self.leader == Some(node);
        NodeReport {
            software: "1.0.0".to_owned(),
            uptime_seconds: 5,
            raft: api::RaftView {
                role: api::RaftRole::Follower,
                leader: self.leader,
                term: 1,
                last: None,
                applied: None,
                version: 1,
            },
            sessions: Vec::new(),
            transfers: Vec::new(),
            held: Vec::new(),
            bytes: 0,
            throttle: api::NodeThrottle {
                node,
                send_bytes_per_second: None,
                receive_bytes_per_second: None,
                sends: 8,
                receives: 8,
            },
            leads: leads.then(|| LeaderReport {
                transitions: self.transitions.clone(),
                balancer: None,
            }),
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let answers =
            |node: &u64| !self.down.contains(node) && !self.metadata.is_excluded(NodeId::new(*node));
        let up = (1..=4).filter(answers);
        let reports: BTreeMap<NodeId, NodeReport> =
            up.map(|node| (NodeId::new(node), self.report(node))).collect();
        let nodes: Vec<api::Node> = self
            .metadata
            .nodes
            .iter()
            .map(|(id, info)| api::Node {
                id: id.as_u64(),
                address: None,
                rack: None,
                excluded: info.excluded,
                draining: info.draining,
                voter: id.as_u64() <= 3,
                reachable: reports.contains_key(id),
                error: Some(self.why.clone()),
                software: None,
                uptime_seconds: None,
                raft: None,
                replicas: self.metadata.tablets_of(*id).count() as u64,
                bytes: None,
            })
            .collect();
        let raft = RaftStatus {
            node: NodeId::new(1),
            role: Role::Follower,
            leader: self.leader.map(NodeId::new),
            term: 1,
            voters: (1..=3).map(NodeId::new).collect(),
            learners: BTreeSet::new(),
            between: false,
            last: None,
            committed: None,
            applied: None,
            snapshot: None,
            purged: None,
            version: Version::new(1),
            matched: BTreeMap::new(),
        };
        findings(&Seen {
            here: NodeId::new(1),
            founded: true,
            metadata: &self.metadata,
            raft: &raft,
            nodes: &nodes,
            reports: &reports,
            stage_ms: &|_, _| Some(self.stage_ms),
        })
    }

    fn begin(&mut self) {
        let tablet = TabletId::new(0);
        let expected = self.metadata.tablets[&tablet].epoch;
        self.change(Change::Begin {
            tablet,
            expected,
            kind: TransitionKind::Migration,
            leaving: Some(NodeId::new(1)),
            pending: Some(NodeId::new(4)),
            purge_floor: 0,
            reason: Reason::Operator,
        });
    }
}

#[track_caller]
fn only(found: &[Finding]) -> &Finding {
    assert_eq!(found.len(), 1, "{found:#?}");
    &found[0]
}

#[test]
fn a_cluster_that_is_well_has_no_findings() {
    assert_eq!(Cluster::new().findings(), []);
}

#[test]
fn a_node_that_is_down_is_named_with_what_to_do() {
    let mut cluster = Cluster::new();
    cluster.down.insert(3);
    let found = cluster.findings();
    let found = only(&found);
    assert_eq!(found.severity, Severity::Warning);
    assert!(
        found.what.contains("node 3 does not answer (no route)"),
        "{}",
        found.what
    );
    assert!(found.remedy.contains("tidegate exclude 3"), "{}", found.remedy);
}

#[test]
fn without_a_quorum_it_is_critical_for_the_log_and_for_the_tablets() {
    let mut cluster = Cluster::new();
    cluster.down.extend([2, 3]);
    cluster.leader = None;
    let found = cluster.findings();
    let critical: Vec<&Finding> = found
        .iter()
        .filter(|it| it.severity == Severity::Critical)
        .collect();
    assert_eq!(critical.len(), 3, "{found:#?}");
    assert!(
        critical[0].what.contains("1 of 3 nodes with a vote answer"),
        "{}",
        critical[0].what
    );
    assert!(
        critical[0].remedy.contains("start nodes 2 and 3"),
        "{}",
        critical[0].remedy
    );
    assert!(
        critical[1].what.contains("have no quorum"),
        "{}",
        critical[1].what
    );
}

#[test]
fn an_excluded_node_that_still_holds_replicas_and_a_drain_that_cannot_move_are_told() {
    let mut cluster = Cluster::new();
    let node = NodeId::new(3);
    cluster.change(Change::Exclude {
        node,
        give_up_quorum: false,
    });
    let found = cluster.findings();
    assert!(
        found
            .iter()
            .any(|it| it.what.contains("still counts as a replica of 1 tablets")),
        "{found:#?}"
    );
    assert!(
        found.iter().any(|it| it.what.contains("still has a vote")),
        "{found:#?}"
    );

    let mut cluster = Cluster::new();
    cluster.change(Change::Drain { node });
    assert_eq!(only(&cluster.findings()).severity, Severity::Info);
    cluster.change(Change::SetBalancing { on: false });
    let found = cluster.findings();
    assert_eq!(only(&found).severity, Severity::Warning);
    assert!(only(&found).remedy.contains("balancing on"));
}

#[test]
fn a_transition_that_is_stuck_names_what_it_waits_for_and_who_holds_it() {
    let mut cluster = Cluster::new();
    cluster.begin();
    cluster.transitions = vec![TransitionReport {
        tablet: 0,
        begun: 2,
        stage: api::Stage::AllowWriteBothReadOld,
        attempts: 4,
        waiting_for: vec![WaitingFor::Barrier { node: 2 }],
        last_error: Some("held by stream.receive peer=3".to_owned()),
        gave_up: false,
    }];
    assert_eq!(cluster.findings(), [], "not for long yet");
    cluster.stage_ms = 90_000;
    let found = cluster.findings();
    let found = only(&found);
    for part in [
        "tablet 0",
        "for 90 s",
        "the barrier of node 2",
        "held by stream.receive peer=3",
    ] {
        assert!(found.what.contains(part), "{part}: {}", found.what);
    }
    cluster.transitions[0].waiting_for = vec![WaitingFor::Sources { live: 1, needed: 2 }];
    let found = cluster.findings();
    assert_eq!(only(&found).severity, Severity::Critical);
    assert!(only(&found).remedy.contains("allow-fewer-sources 0"));
}

#[test]
fn a_node_that_is_excluded_says_only_that() {
    let mut cluster = Cluster::new();
    cluster.change(Change::Exclude {
        node: NodeId::new(1),
        give_up_quorum: false,
    });
    cluster.leader = None;
    cluster.down = [2, 3, 4].into();
    let found = cluster.findings();
    let told = only(&found);
    assert!(
        told.what.contains("node 1, which answers, is excluded"),
        "{told:?}"
    );
}

/// Who was down when it was excluded is never told: it must not advise to exclude the others.
#[test]
fn a_node_that_the_others_refuse_may_be_excluded() {
    let mut cluster = Cluster::new();
    cluster.down = [2].into();
    cluster.why = "the stream failed: the peer reset the stream: refused".to_owned();
    let found = cluster.findings();
    let told = only(&found);
    assert!(told.remedy.contains("it runs, and refuses node 1"), "{told:?}");
    assert!(!told.remedy.contains("tidegate exclude"), "{told:?}");
}
