//! The balancer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Reason;

/// Switches balancing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetBalancing {
    /// Whether the balancer may start moves. Off stops no move that runs, and none that an operator asks for.
    pub(crate) on: bool,
}

/// A move that the balancer's last round began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct PlannedMove {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The replica that goes.
    pub(crate) from: u64,
    /// The node that comes.
    pub(crate) to: u64,
    /// How urgent it is.
    pub(crate) reason: Reason,
    /// Why it is good, in words.
    pub(crate) why: String,
}

/// A replica that should leave its node but cannot now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct WaitingMove {
    /// Of which tablet.
    pub(crate) tablet: u64,
    /// The replica that should go.
    pub(crate) from: u64,
    /// How urgent it is.
    pub(crate) reason: Reason,
    /// What it waits for, in words.
    pub(crate) why: String,
}

/// What the balancer does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Balancing {
    /// Whether it may start moves.
    pub(crate) on: bool,
    /// The node on which it runs; none while no leader answers: then what follows is empty.
    pub(crate) node: Option<u64>,
    /// Rounds since it started there.
    pub(crate) rounds: u64,
    /// What its last round began.
    pub(crate) moves: Vec<PlannedMove>,
    /// What should move but cannot now; the first of them.
    pub(crate) waiting: Vec<WaitingMove>,
    /// How many those are in all.
    pub(crate) waiting_total: u64,
    /// What it planned and the metadata refused, in words.
    pub(crate) refused: Vec<String>,
    /// Why the load was not known, if it was not: nothing moves for its weight then.
    pub(crate) load_error: Option<String>,
    /// Why nothing could be planned or proposed, if so.
    pub(crate) error: Option<String>,
}
