//! All that a node has at hand about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_coordinator::{BalancerStatus, Need, TransitionStatus, WaitingFor};
use tidegate_raft::{RaftStatus, Role};
use tidegate_session::{Holder, Sessions};
use tidegate_streaming::StreamingContext;
use tidegate_tablets::{MetadataStore as _, NodeId, TabletId};

use super::Reports;
use super::transfers::Transfer;
use super::wire::Held;
use crate::api;

/// Sessions, transfers and transitions in one report, each at most.
const LISTED_MAX: usize = 2048;

/// Holders of one session that are named.
const HOLDERS_MAX: usize = 64;

/// Bytes of a text in a report.
const TEXT_BYTES_MAX: usize = 1024;

/// What a node tells about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    pub(crate) software: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) raft: api::RaftView,
    pub(crate) sessions: Vec<api::Session>,
    pub(crate) transfers: Vec<Transfer>,
    /// What it holds of the tablets that are in transition.
    pub(crate) held: Vec<Held>,
    /// Bytes of all that it holds.
    pub(crate) bytes: u64,
    pub(crate) throttle: api::NodeThrottle,
    /// What its coordinator tells, where it leads.
    pub(crate) leads: Option<LeaderReport>,
}

/// What a coordinator tells.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LeaderReport {
    pub(crate) transitions: Vec<TransitionReport>,
    pub(crate) balancer: Option<api::Balancing>,
}

/// Where a transition stands, as the coordinator sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TransitionReport {
    pub(crate) tablet: u64,
    pub(crate) begun: u64,
    pub(crate) stage: api::Stage,
    pub(crate) attempts: u32,
    pub(crate) waiting_for: Vec<api::WaitingFor>,
    pub(crate) last_error: Option<String>,
    pub(crate) gave_up: bool,
}

impl Reports {
    /// What this node tells about itself.
    pub(crate) fn own_report(&self) -> NodeReport {
        let metadata = self.parts.raft.snapshot();
        let moving = |tablet: TabletId| {
            let known = metadata.tablets.get(&tablet);
            known.is_some_and(|known| known.transition.is_some())
        };
        NodeReport {
            software: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: self.started.elapsed().as_secs(),
            raft: raft_view(&self.parts.raft.status()),
            sessions: sessions(self.id, &*self.parts.sessions),
            transfers: self.transfers.told(LISTED_MAX),
            held: self.loads.known(Some(&moving), LISTED_MAX),
            bytes: self.loads.bytes(),
            throttle: throttle(self.id, &self.parts.streaming),
            leads: self.parts.leading.status().map(|transitions| LeaderReport {
                transitions: transitions.iter().take(LISTED_MAX).map(transition).collect(),
                balancer: self.parts.leading.balancer().map(|it| balancing(self.id, &it)),
            }),
        }
    }
}

fn raft_view(status: &RaftStatus) -> api::RaftView {
    api::RaftView {
        role: match status.role {
            Role::Learner => api::RaftRole::Learner,
            Role::Follower => api::RaftRole::Follower,
            Role::Candidate => api::RaftRole::Candidate,
            Role::Leader => api::RaftRole::Leader,
            Role::Stopped => api::RaftRole::Stopped,
        },
        leader: status.leader.map(NodeId::as_u64),
        term: status.term,
        last: status.last,
        applied: status.applied,
        version: status.version.as_u64(),
    }
}

pub(super) fn throttle(node: NodeId, streaming: &StreamingContext) -> api::NodeThrottle {
    let (sends, receives) = streaming.permits();
    api::NodeThrottle {
        node: node.as_u64(),
        send_bytes_per_second: streaming.send_throttle().bytes_per_second().map(u64::from),
        receive_bytes_per_second: streaming.receive_throttle().bytes_per_second().map(u64::from),
        sends: sends as u64,
        receives: receives as u64,
    }
}

fn sessions(node: NodeId, sessions: &dyn Sessions) -> Vec<api::Session> {
    let mut holders: BTreeMap<_, Vec<Holder>> = BTreeMap::new();
    for holder in sessions.holders() {
        holders.entry(holder.session).or_default().push(holder);
    }
    let open = sessions.open_sessions().into_iter();
    let open = open.map(|session| (session, api::SessionPhase::Open));
    let closing = sessions.closing_sessions().into_iter();
    let closing = closing.map(|session| (session, api::SessionPhase::Closing));
    let listed = closing.chain(open).take(LISTED_MAX);
    listed
        .map(|(session, phase)| {
            let held = holders.remove(&session).unwrap_or_default();
            api::Session {
                session: session.to_string(),
                tablet: TabletId::of_session(session).as_u64(),
                node: node.as_u64(),
                phase,
                stage: None,
                more_holders: held.len().saturating_sub(HOLDERS_MAX) as u64,
                holders: held.iter().take(HOLDERS_MAX).map(holder).collect(),
            }
        })
        .collect()
}

fn holder(holder: &Holder) -> api::Holder {
    api::Holder {
        label: cut(&holder.label.to_string()),
        step: holder.step.to_owned(),
        age_ms: millis(holder.age),
        idle_ms: millis(holder.idle),
    }
}

fn transition(status: &TransitionStatus) -> TransitionReport {
    let waiting_for = match &status.waiting_for {
        WaitingFor::Change => vec![api::WaitingFor::Change],
        WaitingFor::Nodes(needs) => needs.iter().map(need).collect(),
        WaitingFor::Sources { live, needed } => vec![api::WaitingFor::Sources {
            live: *live as u64,
            needed: *needed as u64,
        }],
    };
    TransitionReport {
        tablet: status.tablet.as_u64(),
        begun: status.begun.as_u64(),
        stage: status.stage.into(),
        attempts: status.attempts,
        waiting_for,
        last_error: status.last_error.as_deref().map(cut),
        gave_up: status.gave_up,
    }
}

fn need(need: &Need) -> api::WaitingFor {
    match need {
        Need::Barrier { node } => api::WaitingFor::Barrier { node: node.as_u64() },
        Need::Operation { kind, node } => api::WaitingFor::Operation {
            node: node.as_u64(),
            operation: kind.name().to_owned(),
        },
    }
}

fn balancing(node: NodeId, status: &BalancerStatus) -> api::Balancing {
    let moves = status.plan.moves.iter().map(|planned| api::PlannedMove {
        tablet: planned.tablet.as_u64(),
        from: planned.from.as_u64(),
        to: planned.to.as_u64(),
        reason: planned.reason.into(),
        why: cut(&planned.to_string()),
    });
    let waiting = status.plan.waiting.iter().map(|waiting| api::WaitingMove {
        tablet: waiting.tablet.as_u64(),
        from: waiting.from.as_u64(),
        reason: waiting.reason.into(),
        why: cut(&waiting.to_string()),
    });
    let refused = status.refused.iter();
    let refused = refused.map(|(tablet, why)| cut(&format!("tablet {tablet}: {why}")));
    api::Balancing {
        on: status.on,
        node: Some(node.as_u64()),
        rounds: status.rounds,
        moves: moves.take(LISTED_MAX).collect(),
        waiting: waiting.take(LISTED_MAX).collect(),
        waiting_total: status.plan.waiting_total as u64,
        refused: refused.take(LISTED_MAX).collect(),
        load_error: status.load_error.as_deref().map(cut),
        error: status.error.as_deref().map(cut),
    }
}

/// A text, cut where it is too long.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
    format!("{}…", &text[..end.unwrap_or(0)])
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
