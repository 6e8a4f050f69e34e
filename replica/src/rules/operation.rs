//! Whether the metadata asks a node for what it is asked for.

use std::collections::BTreeSet;

use tidegate_coordinator::{OperationError, OperationKind};
use tidegate_guard::{FrozenGuard, Rejected};
use tidegate_tablets::{Metadata, NodeId, Stage, TabletId, Transition};

/// A node's part in an operation, as its own map gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What to thaw: the frozen guard that came with the request, and no other.
    pub frozen: FrozenGuard,
    /// The tablet's epoch in the map.
    pub applied: u64,
    /// Whom to pull from.
    pub sources: BTreeSet<NodeId>,
    /// The other participants that live.
    pub others: BTreeSet<NodeId>,
    /// For a purge, up to where.
    pub purge_floor: u64,
}

/// Why a node does not let another pull from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The puller is no member, or excluded.
    NotMember,
    /// There is no such tablet.
    NoTablet,
    /// The map does not name that session for a stream of the tablet, whose epoch it shows.
    NotNamed {
        /// The tablet's epoch in the map.
        applied: u64,
    },
    /// The node is no source, or the puller not the pending replica.
    NotSource,
}

/// The part that `map` gives `node` in an operation that was asked for with `frozen`.
///
/// # Errors
///
/// [`OperationError`]: the map does not ask for this, not of this node, or not any more.
pub fn part(
    map: &Metadata,
    node: NodeId,
    kind: OperationKind,
    tablet: TabletId,
    frozen: &FrozenGuard,
) -> Result<Part, OperationError> {
    let shown = map
        .tablets
        .get(&tablet)
        .ok_or(OperationError::Mismatch("no such tablet"))?;
    let applied = shown.epoch.as_u64();
    #[cfg(tidegate_mutants)]
    let current = shown.transition.as_ref().and_then(Transition::frozen);
    #[cfg(tidegate_mutants)]
    let frozen = match &current {
        Some(current) if tidegate_mutants::on("current-session-substituted") => current,
        _ => frozen,
    };
    let transition = match &shown.transition {
        // Compared, never substituted: what runs now may be another attempt's session.
        Some(transition) if transition.frozen() == Some(*frozen) => transition,
        #[cfg(tidegate_mutants)]
        Some(transition) if tidegate_mutants::on("session-opened-on-demand") => transition,
        _ if applied < frozen.epoch => {
            return Err(OperationError::Rejected(Rejected::NotYetOpen { applied }));
        }
        _ => return Err(OperationError::Rejected(Rejected::Closed)),
    };
    if !has_role(node, kind, transition) {
        return Err(OperationError::Mismatch("another stage, or another node's part"));
    }
    // Nodes may have been excluded since the order was given: with fewer sources acknowledged writes are lost,
    // and only an operator's word in the metadata gives them up.
    if kind == OperationKind::Stream && !map.has_sources(transition) {
        return Err(OperationError::Mismatch("too few sources are left"));
    }
    Ok(Part {
        frozen: *frozen,
        applied,
        sources: map.sources(transition),
        others: transition
            .participants()
            .into_iter()
            .filter(|other| *other != node && map.is_live_member(*other))
            .collect(),
        purge_floor: transition.purge_floor,
    })
}

/// Whether the metadata gives `node` the role that the operation needs.
fn has_role(node: NodeId, kind: OperationKind, transition: &Transition) -> bool {
    let here = Some(node);
    match (kind, transition.stage) {
        (OperationKind::Stream, Stage::Streaming) => transition.pending() == here,
        (OperationKind::Cleanup, Stage::Cleanup) => transition.leaving() == here,
        (OperationKind::Cleanup, Stage::CleanupTarget) => transition.pending() == here,
        (OperationKind::Fill, Stage::Fill) | (OperationKind::Purge, Stage::Purge) => {
            transition.old.contains(&node)
        }
        _ => false,
    }
}

/// Whether `node` is a source for `puller` under the session that `frozen` names; answers the tablet's epoch in
/// `map`, for the thaw.
///
/// # Errors
///
/// [`NotAdmitted`].
pub fn admits_pull(
    map: &Metadata,
    node: NodeId,
    puller: NodeId,
    tablet: TabletId,
    frozen: &FrozenGuard,
) -> Result<u64, NotAdmitted> {
    if !map.is_live_member(puller) {
        return Err(NotAdmitted::NotMember);
    }
    let shown = map.tablets.get(&tablet).ok_or(NotAdmitted::NoTablet)?;
    let applied = shown.epoch.as_u64();
    let transition = shown
        .transition
        .as_ref()
        .filter(|t| matches!(t.stage, Stage::WriteBothReadOld | Stage::Streaming))
        .filter(|t| t.frozen() == Some(*frozen))
        .ok_or(NotAdmitted::NotNamed { applied })?;
    if transition.pending() != Some(puller) || !map.sources(transition).contains(&node) {
        return Err(NotAdmitted::NotSource);
    }
    Ok(applied)
}
