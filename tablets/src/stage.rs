//! The steps of a transition.

use std::fmt;

use crate::TransitionKind;

/// Which replicas an operation of a client uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The replicas before the transition.
    Old,
    /// The replicas before, and those after: a quorum of each.
    Both,
    /// The replicas after the transition.
    New,
}

/// A step of a transition. The order of the variants has no meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// The pending replica gets to know of the transition; nothing depends on it yet.
    AllowWriteBothReadOld,
    /// Writes go to both sets; the session of the stream is published.
    WriteBothReadOld,
    /// The pending replica pulls the rows.
    Streaming,
    /// Reads move to the new set.
    WriteBothReadNew,
    /// Writes follow; the session of the cleanup is published.
    UseNew,
    /// The leaving replica removes what it holds.
    Cleanup,
    /// The last barrier of a move that succeeded.
    EndMigration,
    /// The pending replica removes what it holds: the way back.
    CleanupTarget,
    /// The last barrier of a move that went back.
    RevertMigration,
    /// Reads go back to the old set, before anything else does.
    WriteBothReadOldFallback,
    /// Every replica gets the tombstones that it lacks.
    Fill,
    /// Every replica drops the tombstones.
    Purge,
    /// The last barrier of a purge.
    EndPurge,
}

impl Stage {
    /// Every stage.
    pub const ALL: [Self; 13] = [
        Self::AllowWriteBothReadOld,
        Self::WriteBothReadOld,
        Self::Streaming,
        Self::WriteBothReadNew,
        Self::UseNew,
        Self::Cleanup,
        Self::EndMigration,
        Self::CleanupTarget,
        Self::RevertMigration,
        Self::WriteBothReadOldFallback,
        Self::Fill,
        Self::Purge,
        Self::EndPurge,
    ];

    /// The first stage of a transition of that kind.
    #[must_use]
    pub const fn first(kind: TransitionKind) -> Self {
        match kind {
            TransitionKind::Migration | TransitionKind::Rebuild => Self::AllowWriteBothReadOld,
            TransitionKind::Purge => Self::Fill,
        }
    }

    /// The replicas that writes use.
    #[must_use]
    pub const fn writes(self) -> Selector {
        match self {
            Self::WriteBothReadOld
            | Self::Streaming
            | Self::WriteBothReadNew
            | Self::WriteBothReadOldFallback => Selector::Both,
            Self::UseNew | Self::Cleanup | Self::EndMigration => Selector::New,
            // The old and the new set of a purge are the same.
            Self::AllowWriteBothReadOld
            | Self::CleanupTarget
            | Self::RevertMigration
            | Self::Fill
            | Self::Purge
            | Self::EndPurge => Selector::Old,
        }
    }

    /// The replicas that reads use.
    #[must_use]
    pub const fn reads(self) -> Selector {
        match self {
            Self::WriteBothReadNew | Self::UseNew | Self::Cleanup | Self::EndMigration => Selector::New,
            _ => Selector::Old,
        }
    }

    /// The stage that follows on success; `None` when the transition is then removed.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::AllowWriteBothReadOld => Some(Self::WriteBothReadOld),
            Self::WriteBothReadOld => Some(Self::Streaming),
            Self::Streaming => Some(Self::WriteBothReadNew),
            Self::WriteBothReadNew => Some(Self::UseNew),
            Self::UseNew => Some(Self::Cleanup),
            Self::Cleanup => Some(Self::EndMigration),
            Self::CleanupTarget => Some(Self::RevertMigration),
            Self::WriteBothReadOldFallback => Some(Self::CleanupTarget),
            Self::Fill => Some(Self::Purge),
            Self::Purge => Some(Self::EndPurge),
            Self::EndMigration | Self::RevertMigration | Self::EndPurge => None,
        }
    }

    /// The stage by which a transition goes back from here; `None` where there is only forward, and on the way
    /// back itself.
    #[must_use]
    pub const fn back(self) -> Option<Self> {
        match self {
            Self::AllowWriteBothReadOld | Self::WriteBothReadOld | Self::Streaming => {
                Some(Self::CleanupTarget)
            }
            Self::WriteBothReadNew => Some(Self::WriteBothReadOldFallback),
            _ => None,
        }
    }

    /// Whether an operator may still cancel the transition.
    #[must_use]
    pub const fn cancellable(self) -> bool {
        matches!(
            self,
            Self::AllowWriteBothReadOld | Self::WriteBothReadOld | Self::Streaming
        )
    }

    /// Whether entering this stage writes a new session.
    #[must_use]
    pub const fn writes_session(self) -> bool {
        matches!(
            self,
            Self::WriteBothReadOld | Self::UseNew | Self::CleanupTarget | Self::Fill | Self::Purge
        )
    }

    /// Whether the edge to `to` keeps the session that this stage has. Every other edge clears it, or writes
    /// another.
    #[must_use]
    pub const fn keeps_session(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::WriteBothReadOld, Self::Streaming) | (Self::UseNew, Self::Cleanup)
        )
    }

    /// The stage's name, as the documents and the metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AllowWriteBothReadOld => "allow_write_both_read_old",
            Self::WriteBothReadOld => "write_both_read_old",
            Self::Streaming => "streaming",
            Self::WriteBothReadNew => "write_both_read_new",
            Self::UseNew => "use_new",
            Self::Cleanup => "cleanup",
            Self::EndMigration => "end_migration",
            Self::CleanupTarget => "cleanup_target",
            Self::RevertMigration => "revert_migration",
            Self::WriteBothReadOldFallback => "write_both_read_old_fallback",
            Self::Fill => "fill",
            Self::Purge => "purge",
            Self::EndPurge => "end_purge",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
