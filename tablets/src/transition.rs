//! One change of one tablet's replicas.

use std::collections::BTreeSet;
use std::fmt;

use tidegate_guard::SessionId;

use crate::{Epoch, NodeId, Reason, Selector, Stage};

/// What a transition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransitionKind {
    /// A replica moves: the pending one pulls from the leaving one and from no other.
    Migration,
    /// An excluded replica is replaced: the pending one pulls from the others.
    Rebuild,
    /// Tombstones up to a timestamp are dropped; no replica changes.
    Purge,
}

impl TransitionKind {
    /// Its name, as the documents and the metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Migration => "migration",
            Self::Rebuild => "rebuild",
            Self::Purge => "purge",
        }
    }
}

impl fmt::Display for TransitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change of one tablet; a tablet has at most one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transition {
    /// What it is for.
    pub kind: TransitionKind,
    /// On whose behalf it runs: its urgency.
    pub reason: Reason,
    /// The step it is at.
    pub stage: Stage,
    /// The epoch at which it began: names it, for a cancel.
    pub begun: Epoch,
    /// The replicas before.
    pub old: BTreeSet<NodeId>,
    /// The replicas after.
    pub new: BTreeSet<NodeId>,
    /// The session of the stage, and the epoch that wrote it.
    pub session: Option<(SessionId, Epoch)>,
    /// The timestamp up to which a purge drops tombstones; zero for other kinds.
    pub purge_floor: u64,
    /// An operator has given up acknowledged writes: a rebuild may go on with fewer sources.
    pub fewer_sources: bool,
}

impl Transition {
    /// The replica that is in the old set only.
    #[must_use]
    pub fn leaving(&self) -> Option<NodeId> {
        self.old.difference(&self.new).next().copied()
    }

    /// The replica that is in the new set only.
    #[must_use]
    pub fn pending(&self) -> Option<NodeId> {
        self.new.difference(&self.old).next().copied()
    }

    /// The nodes of both sets.
    #[must_use]
    pub fn participants(&self) -> BTreeSet<NodeId> {
        self.old.union(&self.new).copied().collect()
    }

    /// The sets that a selector names: one, or two.
    #[must_use]
    pub fn sets(&self, selector: Selector) -> Vec<&BTreeSet<NodeId>> {
        match selector {
            Selector::Old => vec![&self.old],
            Selector::New => vec![&self.new],
            Selector::Both => vec![&self.old, &self.new],
        }
    }
}
