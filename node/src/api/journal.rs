//! What became of moves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Kind, Reason, Silent, Stage};

/// How a transition ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MoveOutcome {
    /// It runs.
    Running,
    /// It did what it was for.
    Completed,
    /// It went back: the replicas are what they were.
    WentBack,
    /// Its table was dropped.
    TableDropped,
    /// It ended while the node that keeps this journal did not look, and what is left does not tell how.
    Unknown,
}

/// A stage that a transition was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct StageRecord {
    /// Which.
    pub(crate) stage: Stage,
    /// When this node saw it begin, in milliseconds since 1970 (UTC).
    pub(crate) at_ms: u64,
    /// How long it took, in milliseconds; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// The tablet's epoch.
    pub(crate) epoch: u64,
    /// The session that this stage had, a UUID.
    pub(crate) session: Option<String>,
}

/// A transition, from its begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MoveRecord {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The epoch at which it began: names it.
    pub(crate) begun: u64,
    /// What it is for.
    pub(crate) kind: Kind,
    /// On whose behalf it runs: an operator's, or one of the balancer's reasons.
    pub(crate) reason: Reason,
    /// The replica that goes.
    pub(crate) leaving: Option<u64>,
    /// The node that comes.
    pub(crate) pending: Option<u64>,
    /// When this node saw it begin, in milliseconds since 1970 (UTC).
    pub(crate) at_ms: u64,
    /// How long it took, in milliseconds; none while it runs.
    pub(crate) took_ms: Option<u64>,
    /// How it ended.
    pub(crate) outcome: MoveOutcome,
    /// Its stages, in order. Those that passed between two looks are missing.
    pub(crate) stages: Vec<StageRecord>,
    /// Tries that failed, as far as the leader told.
    pub(crate) retries: u64,
    /// What failed last, as the coordinator told.
    pub(crate) last_error: Option<String>,
    /// Why it went back, as the coordinator told.
    pub(crate) went_back: Option<String>,
    /// Stages that are not kept any more.
    pub(crate) stages_dropped: u64,
}

/// What happened in one line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum JournalEvent {
    /// A transition began.
    Began {
        /// What it is for.
        kind: Kind,
        /// On whose behalf it runs.
        reason: Reason,
        /// The replica that goes.
        leaving: Option<u64>,
        /// The node that comes.
        pending: Option<u64>,
    },
    /// It entered a stage.
    Stage {
        /// Which.
        stage: Stage,
    },
    /// A try failed and is made again.
    Retry {
        /// What failed.
        error: String,
    },
    /// It goes back.
    GoesBack {
        /// Why.
        why: String,
    },
    /// It ended.
    Ended {
        /// How.
        outcome: MoveOutcome,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct JournalEntry {
    /// When the node saw it, in milliseconds since 1970 (UTC).
    pub(crate) at_ms: u64,
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The epoch at which the transition began.
    pub(crate) begun: u64,
    /// What happened.
    #[serde(flatten)]
    pub(crate) what: JournalEvent,
}

/// The journal of one node. It is kept in memory since the node's start, and its length is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Journal {
    /// The node that kept it.
    pub(crate) node: u64,
    /// Since when it is kept, in milliseconds since 1970 (UTC).
    pub(crate) since_ms: u64,
    /// The transitions, the newest first.
    pub(crate) moves: Vec<MoveRecord>,
    /// What happened, the oldest first; the last of it, see `limit`.
    pub(crate) entries: Vec<JournalEntry>,
    /// Members that were asked and did not answer: what only they know is missing.
    pub(crate) silent: Vec<Silent>,
}
