//! What nobody counts where it happens: looked at, once a second.

use std::time::{Duration, SystemTime};

use metrics::gauge;
use tidegate_coordinator::WaitingFor;
use tidegate_raft::{RaftStatus, Role};
use tidegate_transport_quic::CertificateFacts;
use tokio::time::Instant;

use crate::running::Running;

/// How often the certificate's file is read.
const CERTIFICATE_PACE: Duration = Duration::from_secs(60);

const ROLES: [(Role, &str); 5] = [
    (Role::Learner, "learner"),
    (Role::Follower, "follower"),
    (Role::Candidate, "candidate"),
    (Role::Leader, "leader"),
    (Role::Stopped, "stopped"),
];

/// Looks at a node, and sets gauges.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    certificate_read: Option<Instant>,
}

impl Sampler {
    /// Sets all gauges that are set here.
    pub(super) fn look(&mut self, running: &Running) {
        gauge!("tidegate_node_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let is_excluded = running.has_cluster() && running.is_excluded();
        gauge!("tidegate_node_ready").set(flag(running.replica.map().is_some() && !is_excluded));
        gauge!("tidegate_node_excluded").set(flag(is_excluded));
        holders(running);
        raft(&running.raft.status());
        transitions(running);
        let due = self
            .certificate_read
            .is_none_or(|read| read.elapsed() >= CERTIFICATE_PACE);
        if due {
            self.certificate_read = Some(Instant::now());
            certificate(running);
        }
    }
}

fn holders(running: &Running) {
    let holders = running.sessions.holders();
    let oldest = holders.first().map_or(Duration::ZERO, |holder| holder.age);
    let idle = holders.iter().map(|holder| holder.idle).max().unwrap_or_default();
    gauge!("tidegate_oldest_holder_seconds").set(oldest.as_secs_f64());
    gauge!("tidegate_longest_idle_holder_seconds").set(idle.as_secs_f64());
}

fn raft(status: &RaftStatus) {
    for (role, name) in ROLES {
        gauge!("tidegate_raft_role", "role" => name).set(flag(status.role == role));
    }
    let count = |count: usize| count as f64;
    let index = |index: Option<u64>| index.unwrap_or(0) as f64;
    gauge!("tidegate_raft_leader_known").set(flag(status.leader.is_some()));
    gauge!("tidegate_raft_term").set(status.term as f64);
    gauge!("tidegate_raft_voters").set(count(status.voters.len()));
    gauge!("tidegate_raft_learners").set(count(status.learners.len()));
    gauge!("tidegate_raft_last_index").set(index(status.last));
    gauge!("tidegate_raft_committed_index").set(index(status.committed));
    gauge!("tidegate_raft_applied_index").set(index(status.applied));
    gauge!("tidegate_metadata_version").set(status.version.as_u64() as f64);
    let last = status.last.unwrap_or(0);
    let behind = |matched: &Option<u64>| last.saturating_sub(matched.unwrap_or(0));
    let furthest = status.matched.values().map(behind).max();
    gauge!("tidegate_raft_follower_lag").set(furthest.unwrap_or(0) as f64);
}

/// What this node's coordinator has to do; nothing where it does not lead.
fn transitions(running: &Running) {
    let status = running.leading.status();
    gauge!("tidegate_coordinator_runs").set(flag(status.is_some()));
    let status = status.unwrap_or_default();
    let gave_up = status.iter().filter(|one| one.gave_up).count();
    let without =
        |one: &&tidegate_coordinator::TransitionStatus| matches!(one.waiting_for, WaitingFor::Sources { .. });
    gauge!("tidegate_transitions_running").set(status.len() as f64);
    gauge!("tidegate_transitions_given_up").set(gave_up as f64);
    gauge!("tidegate_transitions_without_sources").set(status.iter().filter(without).count() as f64);
}

/// Of the file: what the node shows from its next connection on.
fn certificate(running: &Running) {
    let pem = std::fs::read(&running.config.tls.certificate).unwrap_or_default();
    let facts = CertificateFacts::of_pem(&pem).unwrap_or_default();
    // A file that holds none, or cannot be read, is as bad as one that is over.
    let left = facts
        .first()
        .and_then(|facts| facts.not_after.duration_since(SystemTime::now()).ok())
        .unwrap_or_default();
    gauge!("tidegate_certificate_seconds_left").set(left.as_secs_f64());
}

const fn flag(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}
