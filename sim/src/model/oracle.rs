//! What the protocol's own table says of the stages, written down a second time: the product is held against it.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::{NodeId, Stage, Tablet, Transition};

/// The operation that a stage asks for.
pub(super) const fn operation(stage: Stage) -> Option<OperationKind> {
    match stage {
        Stage::Streaming => Some(OperationKind::Stream),
        Stage::Cleanup | Stage::CleanupTarget => Some(OperationKind::Cleanup),
        Stage::Fill => Some(OperationKind::Fill),
        Stage::Purge => Some(OperationKind::Purge),
        _ => None,
    }
}

/// Whether every participant's barrier has to be done before the stage is left forward.
pub(super) const fn has_barrier(stage: Stage) -> bool {
    !matches!(stage, Stage::Streaming | Stage::Cleanup)
}

/// The nodes whose operation has to be done before the stage is left forward.
pub(super) fn operators(transition: &Transition) -> Vec<NodeId> {
    match transition.stage {
        Stage::Streaming | Stage::CleanupTarget => transition.pending().into_iter().collect(),
        Stage::Cleanup => transition.leaving().into_iter().collect(),
        Stage::Fill | Stage::Purge => transition.participants().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Whether the edge leads back: it is decided first, and its barrier follows in the stage it leads to.
pub(super) const fn is_back(from: Stage, to: Option<Stage>) -> bool {
    matches!(
        (from, to),
        (
            Stage::AllowWriteBothReadOld | Stage::WriteBothReadOld | Stage::Streaming,
            Some(Stage::CleanupTarget)
        ) | (Stage::WriteBothReadNew, Some(Stage::WriteBothReadOldFallback))
    )
}

/// Whether readers and writers are both sent elsewhere between two versions of a tablet.
pub(super) fn both_selectors_change(before: &Tablet, after: &Tablet) -> bool {
    before.read_set() != after.read_set() && before.write_sets() != after.write_sets()
}
