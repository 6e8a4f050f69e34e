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

const NO_STREAM: &str = "a purge replaces no replica: it has neither a source nor a pending one";
const STOPPED: &str =
    "the stage is entered only when the pending replica is excluded, and that is a stopped machine";

/// All of them.
pub const UNREACHABLE: [Unreachable; 7] = [
    unreachable(Stage::Fill, Role::Source, NO_STREAM),
    unreachable(Stage::Fill, Role::Pending, NO_STREAM),
    unreachable(Stage::Purge, Role::Source, NO_STREAM),
    unreachable(Stage::Purge, Role::Pending, NO_STREAM),
    unreachable(Stage::EndPurge, Role::Source, NO_STREAM),
    unreachable(Stage::EndPurge, Role::Pending, NO_STREAM),
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
