//! Moves: asked for, running, cancelled.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Kind, Silent, Stage, Transition, WaitingFor};

/// Asks for a replica to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoveRequest {
    /// The node that holds the replica; may be left out where the tablet has one replica. An excluded node's replica
    /// is rebuilt from the others.
    #[serde(default)]
    pub(crate) from: Option<u64>,
    /// The node that gets it.
    pub(crate) to: u64,
    /// Only say what would happen: all that a real move is refused for is looked at, and nothing is changed.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// What a move carries, as estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Carried {
    /// Rows, tombstones counted.
    pub(crate) rows: u64,
    /// Bytes.
    pub(crate) bytes: u64,
}

/// A move that has begun, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MoveAnswer {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The node that holds the replica.
    pub(crate) from: u64,
    /// The node that gets it.
    pub(crate) to: u64,
    /// `migration`, or `rebuild` where `from` is excluded.
    pub(crate) kind: Kind,
    /// Whether nothing was changed.
    pub(crate) dry_run: bool,
    /// The epoch at which it began, which names it; none for a dry run.
    pub(crate) begun: Option<u64>,
    /// The stages it goes through when nothing fails.
    pub(crate) stages: Vec<Stage>,
    /// What it carries, as estimated; none where no source tells.
    pub(crate) carries: Option<Carried>,
    /// Seconds that takes at the limits on bytes of this node, where one is set.
    pub(crate) seconds_at_least: Option<u64>,
    /// What else to know.
    pub(crate) notes: Vec<String>,
}

/// Asks for a transition to go back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    /// The epoch at which it began; by default the one that runs.
    #[serde(default)]
    pub(crate) begun: Option<u64>,
    /// Only say what would happen.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// A transition that goes back, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The epoch at which it began.
    pub(crate) begun: u64,
    /// The stage it was at.
    pub(crate) stage: Stage,
    /// The stages by which it goes back.
    pub(crate) stages: Vec<Stage>,
    /// Whether nothing was changed.
    pub(crate) dry_run: bool,
}

/// How far the streams of a move have come, as the pending replica's node tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct TransferProgress {
    /// Streams under way.
    pub(crate) streams: u64,
    /// Rows that were carried.
    pub(crate) rows: u64,
    /// Bytes that were carried.
    pub(crate) bytes: u64,
    /// Rows in all, as estimated.
    pub(crate) rows_total: Option<u64>,
    /// Bytes in all, as estimated.
    pub(crate) bytes_total: Option<u64>,
    /// Bytes per second, over the last seconds.
    pub(crate) bytes_per_second: u64,
    /// Seconds until all is carried, at that rate.
    pub(crate) eta_seconds: Option<u64>,
    /// Milliseconds since a byte was carried.
    pub(crate) idle_ms: u64,
    /// Whether all was carried and attached.
    pub(crate) attached: bool,
}

/// A transition that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RunningMove {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The table's name.
    pub(crate) table: String,
    /// What the metadata says of it.
    pub(crate) transition: Transition,
    /// Milliseconds since the answering node saw its stage begin.
    pub(crate) stage_ms: Option<u64>,
    /// Milliseconds since the answering node saw it begin.
    pub(crate) age_ms: Option<u64>,
    /// How far its streams are; none before they begin, and where the pending replica's node does not tell.
    pub(crate) progress: Option<TransferProgress>,
    /// What its stage waits for; empty where the leader does not tell.
    pub(crate) waiting_for: Vec<WaitingFor>,
    /// Tries that failed in this stage, on all nodes together.
    pub(crate) attempts: u64,
    /// What failed last: names who holds a barrier.
    pub(crate) last_error: Option<String>,
    /// Whether the stage's retries are spent and there is no way back: someone should look.
    pub(crate) gave_up: bool,
}

/// The transitions that run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Moves {
    /// By tablet.
    pub(crate) moves: Vec<RunningMove>,
    /// Members that were asked and did not answer: what only they know is missing.
    pub(crate) silent: Vec<Silent>,
}
