//! What each stage asks for before it may be left: the stage table of the protocol.

use tidegate_tablets::{NodeId, Stage, Transition};

use crate::OperationKind;

/// Who is asked for a stage's operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The replica that comes.
    Pending,
    /// The replica that goes.
    Leaving,
    /// Every replica.
    Everyone,
}

/// What a stage asks for: first its barrier, then its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recipe {
    /// Every participant's barrier at the epoch that the stage has now.
    pub(super) barrier: bool,
    /// The operation that follows it.
    pub(super) operation: Option<(OperationKind, Who)>,
}

impl Recipe {
    pub(super) const fn of(stage: Stage) -> Self {
        let (barrier, operation) = match stage {
            Stage::AllowWriteBothReadOld
            | Stage::WriteBothReadOld
            | Stage::WriteBothReadNew
            | Stage::UseNew
            | Stage::EndMigration
            | Stage::RevertMigration
            | Stage::WriteBothReadOldFallback
            | Stage::EndPurge => (true, None),
            // The barrier before has published the session.
            Stage::Streaming => (false, Some((OperationKind::Stream, Who::Pending))),
            Stage::Cleanup => (false, Some((OperationKind::Cleanup, Who::Leaving))),
            // These wrote their session on entry: their own barrier publishes it.
            Stage::CleanupTarget => (true, Some((OperationKind::Cleanup, Who::Pending))),
            Stage::Fill => (true, Some((OperationKind::Fill, Who::Everyone))),
            Stage::Purge => (true, Some((OperationKind::Purge, Who::Everyone))),
        };
        Self { barrier, operation }
    }
}

impl Who {
    /// The nodes it stands for, excluded ones too.
    pub(super) fn nodes(self, transition: &Transition) -> Vec<NodeId> {
        match self {
            Self::Pending => transition.pending().into_iter().collect(),
            Self::Leaving => transition.leaving().into_iter().collect(),
            Self::Everyone => transition.old.union(&transition.new).copied().collect(),
        }
    }

    /// What is missing where it stands for nobody.
    pub(super) const fn missing(self) -> &'static str {
        match self {
            Self::Pending => "the transition has no pending replica",
            Self::Leaving => "the transition has no leaving replica",
            Self::Everyone => "the tablet has no replica",
        }
    }
}
