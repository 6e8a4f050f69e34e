//! A change of one tablet, as the metadata shows it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tidegate_tablets as tablets;
use utoipa::ToSchema;

/// What a transition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A replica moves.
    Migration,
    /// An excluded replica is replaced.
    Rebuild,
    /// Tombstones up to a timestamp are dropped; no replica changes.
    Purge,
}

impl From<tablets::TransitionKind> for Kind {
    fn from(it: tablets::TransitionKind) -> Self {
        match it {
            tablets::TransitionKind::Migration => Self::Migration,
            tablets::TransitionKind::Rebuild => Self::Rebuild,
            tablets::TransitionKind::Purge => Self::Purge,
        }
    }
}

/// On whose behalf a transition runs, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// Somebody asked for it.
    Operator,
    /// The balancer replaces a replica that an excluded node held.
    Rebuild,
    /// The balancer empties a draining node.
    Drain,
    /// The balancer spreads load, or replicas over racks.
    Balance,
}

impl From<tablets::Reason> for Reason {
    fn from(it: tablets::Reason) -> Self {
        match it {
            tablets::Reason::Operator => Self::Operator,
            tablets::Reason::Rebuild => Self::Rebuild,
            tablets::Reason::Drain => Self::Drain,
            tablets::Reason::Balance => Self::Balance,
        }
    }
}

/// A step of a transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The pending replica gets to know of the transition.
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

impl From<tablets::Stage> for Stage {
    fn from(it: tablets::Stage) -> Self {
        match it {
            tablets::Stage::AllowWriteBothReadOld => Self::AllowWriteBothReadOld,
            tablets::Stage::WriteBothReadOld => Self::WriteBothReadOld,
            tablets::Stage::Streaming => Self::Streaming,
            tablets::Stage::WriteBothReadNew => Self::WriteBothReadNew,
            tablets::Stage::UseNew => Self::UseNew,
            tablets::Stage::Cleanup => Self::Cleanup,
            tablets::Stage::EndMigration => Self::EndMigration,
            tablets::Stage::CleanupTarget => Self::CleanupTarget,
            tablets::Stage::RevertMigration => Self::RevertMigration,
            tablets::Stage::WriteBothReadOldFallback => Self::WriteBothReadOldFallback,
            tablets::Stage::Fill => Self::Fill,
            tablets::Stage::Purge => Self::Purge,
            tablets::Stage::EndPurge => Self::EndPurge,
        }
    }
}

impl Kind {
    /// Its name, as JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Migration => "migration",
            Self::Rebuild => "rebuild",
            Self::Purge => "purge",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Reason {
    /// Its name, as JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Rebuild => "rebuild",
            Self::Drain => "drain",
            Self::Balance => "balance",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Stage {
    /// Its name, as JSON has it.
    pub(crate) const fn name(self) -> &'static str {
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

/// A transition: one change of one tablet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Transition {
    /// What it is for.
    pub(crate) kind: Kind,
    /// On whose behalf it runs.
    pub(crate) reason: Reason,
    /// The step it is at.
    pub(crate) stage: Stage,
    /// The epoch at which it began: names it, for a cancel.
    pub(crate) begun: u64,
    /// The nodes that held a replica before.
    pub(crate) old: Vec<u64>,
    /// The nodes that hold one after.
    pub(crate) new: Vec<u64>,
    /// The replica that goes.
    pub(crate) leaving: Option<u64>,
    /// The node that comes.
    pub(crate) pending: Option<u64>,
    /// The session of its stage, a UUID, where it has one.
    pub(crate) session: Option<String>,
    /// Whether an operator has given up acknowledged writes, so that a rebuild goes on with fewer sources.
    pub(crate) fewer_sources: bool,
}

/// Something that a stage waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(crate) enum WaitingFor {
    /// The change of the metadata that leaves the stage.
    Change,
    /// A node's barrier.
    Barrier {
        /// Whose.
        node: u64,
    },
    /// A node's operation.
    Operation {
        /// Whose.
        node: u64,
        /// Which: `stream`, `cleanup`, `fill` or `purge`.
        operation: String,
    },
    /// An operator: too few sources of a rebuild are alive.
    Sources {
        /// Sources that are not excluded.
        live: u64,
        /// Sources it takes.
        needed: u64,
    },
}

impl From<&tablets::Transition> for Transition {
    fn from(it: &tablets::Transition) -> Self {
        let numbers = |nodes: &std::collections::BTreeSet<tablets::NodeId>| {
            nodes.iter().map(|node| node.as_u64()).collect()
        };
        Self {
            kind: it.kind.into(),
            reason: it.reason.into(),
            stage: it.stage.into(),
            begun: it.begun.as_u64(),
            old: numbers(&it.old),
            new: numbers(&it.new),
            leaving: it.leaving().map(tablets::NodeId::as_u64),
            pending: it.pending().map(tablets::NodeId::as_u64),
            session: it.session.map(|(session, _)| session.to_string()),
            fewer_sources: it.fewer_sources,
        }
    }
}

impl fmt::Display for WaitingFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Change => f.write_str("the change that leaves the stage"),
            Self::Barrier { node } => write!(f, "the barrier of node {node}"),
            Self::Operation { node, operation } => write!(f, "{operation} on node {node}"),
            Self::Sources { live, needed } => {
                write!(f, "an operator: {live} of {needed} sources are alive")
            }
        }
    }
}
