//! Cells that no fault can land in.

use tidegate_tablets::Stage;

use super::Cell;
use crate::event::Role;

/// Cells that no fault can land in, of whatever kind, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable {
    /// The stage.
    pub stage: Stage,
    /// The victim.
    pub role: Role,
    /// Why not.
    pub reason: &'static str,
}

const NO_PENDING: &str = "a purge replaces no replica: none is pending";
const STOPPED: &str =
    "the stage is entered only when the pending replica is excluded, and that is a stopped machine";

/// All of them.
pub const UNREACHABLE: [Unreachable; 4] = [
    unreachable(Stage::Fill, Role::Pending, NO_PENDING),
    unreachable(Stage::Purge, Role::Pending, NO_PENDING),
    unreachable(Stage::EndPurge, Role::Pending, NO_PENDING),
    unreachable(Stage::WriteBothReadOldFallback, Role::Pending, STOPPED),
];

const fn unreachable(stage: Stage, role: Role, reason: &'static str) -> Unreachable {
    Unreachable { stage, role, reason }
}

pub(super) fn reason(cell: &Cell) -> Option<&'static str> {
    let (stage, _, role) = *cell;
    let listed = UNREACHABLE
        .iter()
        .find(|listed| (listed.stage, listed.role) == (stage, role));
    listed.map(|listed| listed.reason)
}
