//! Barriers that are under way.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Holder, Silent, Stage};

/// A node whose answer a barrier waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct BarrierWait {
    /// Which.
    pub(crate) node: u64,
    /// Whether it answered this request: a node that does not is down, cut off or overloaded.
    pub(crate) reachable: bool,
    /// Who holds closing sessions of the tablet there, oldest first; at most 64.
    pub(crate) held_by: Vec<Holder>,
}

/// A barrier of one tablet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Barrier {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The stage that waits for it.
    pub(crate) stage: Stage,
    /// The epoch it is asked for.
    pub(crate) epoch: u64,
    /// Milliseconds since the answering node saw the stage begin.
    pub(crate) age_ms: Option<u64>,
    /// Who has not answered yet.
    pub(crate) waits: Vec<BarrierWait>,
    /// Tries that failed.
    pub(crate) attempts: u64,
    /// What the last one that failed said: names who holds it.
    pub(crate) last_error: Option<String>,
}

/// The barriers under way, as the leader tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Barriers {
    /// By tablet.
    pub(crate) barriers: Vec<Barrier>,
    /// Whether the leader told: if not, barriers may run that are not here.
    pub(crate) leader_answered: bool,
    /// Members that did not answer in time.
    pub(crate) silent: Vec<Silent>,
}
