//! The stage table of the protocol, written down a second time.

use tidegate_coordinator::OperationKind;
use tidegate_tablets::{Selector, Stage, TransitionKind};

/// What the table says of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) writes: Selector,
    pub(crate) reads: Selector,
    /// Whether there is a session in this stage.
    pub(crate) session: bool,
    /// Whether every participant's barrier comes before the next stage.
    pub(crate) barrier: bool,
    /// What is asked before the next stage, and of whom.
    pub(crate) operation: Option<(OperationKind, Who)>,
    /// The next stage; none ends the transition.
    pub(crate) next: Option<Stage>,
    /// The way back.
    pub(crate) back: Option<Stage>,
}

/// Whom an operation is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Pending,
    Leaving,
    All,
}

pub(crate) fn row(stage: Stage) -> Row {
    use Selector::{Both, New, Old};
    let (writes, reads) = match stage {
        Stage::WriteBothReadOld | Stage::Streaming | Stage::WriteBothReadOldFallback => (Both, Old),
        Stage::WriteBothReadNew => (Both, New),
        Stage::UseNew | Stage::Cleanup | Stage::EndMigration => (New, New),
        // The two sets of a purge are one.
        _ => (Old, Old),
    };
    let operation = match stage {
        Stage::Streaming => Some((OperationKind::Stream, Who::Pending)),
        Stage::Cleanup => Some((OperationKind::Cleanup, Who::Leaving)),
        Stage::CleanupTarget => Some((OperationKind::Cleanup, Who::Pending)),
        Stage::Fill => Some((OperationKind::Fill, Who::All)),
        Stage::Purge => Some((OperationKind::Purge, Who::All)),
        _ => None,
    };
    let (next, back) = edges(stage);
    Row {
        writes,
        reads,
        session: matches!(
            stage,
            Stage::WriteBothReadOld
                | Stage::Streaming
                | Stage::UseNew
                | Stage::Cleanup
                | Stage::CleanupTarget
                | Stage::Fill
                | Stage::Purge
        ),
        barrier: !matches!(stage, Stage::Streaming | Stage::Cleanup),
        operation,
        next,
        back,
    }
}

const fn edges(stage: Stage) -> (Option<Stage>, Option<Stage>) {
    match stage {
        Stage::AllowWriteBothReadOld => (Some(Stage::WriteBothReadOld), Some(Stage::CleanupTarget)),
        Stage::WriteBothReadOld => (Some(Stage::Streaming), Some(Stage::CleanupTarget)),
        Stage::Streaming => (Some(Stage::WriteBothReadNew), Some(Stage::CleanupTarget)),
        Stage::WriteBothReadNew => (Some(Stage::UseNew), Some(Stage::WriteBothReadOldFallback)),
        Stage::UseNew => (Some(Stage::Cleanup), None),
        Stage::Cleanup => (Some(Stage::EndMigration), None),
        Stage::WriteBothReadOldFallback => (Some(Stage::CleanupTarget), None),
        Stage::CleanupTarget => (Some(Stage::RevertMigration), None),
        Stage::Fill => (Some(Stage::Purge), None),
        Stage::Purge => (Some(Stage::EndPurge), None),
        Stage::EndMigration | Stage::RevertMigration | Stage::EndPurge => (None, None),
    }
}

pub(crate) const fn first(kind: TransitionKind) -> Stage {
    match kind {
        TransitionKind::Migration | TransitionKind::Rebuild => Stage::AllowWriteBothReadOld,
        TransitionKind::Purge => Stage::Fill,
    }
}

/// Whether the edge keeps the session that there is.
pub(crate) const fn keeps_session(from: Stage, to: Stage) -> bool {
    matches!(
        (from, to),
        (Stage::WriteBothReadOld, Stage::Streaming) | (Stage::UseNew, Stage::Cleanup)
    )
}
