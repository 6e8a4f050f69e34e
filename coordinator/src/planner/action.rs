//! What the planner asks for.

use std::fmt;

use tidegate_guard::FrozenGuard;
use tidegate_tablets::{Change, Epoch, NodeId, TabletId, Version};

use crate::OperationKind;

/// Something to do now. Nothing of it waits for anything else in the same plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask a node for a tablet's barrier; goes together with others for the same node.
    Barrier {
        /// Whom.
        node: NodeId,
        /// For which tablet.
        tablet: TabletId,
        /// At which epoch; an answer counts for no other.
        epoch: Epoch,
        /// What the node must have applied; not below the version that wrote the epoch.
        min_version: Version,
        /// A try before it failed.
        retry: bool,
    },
    /// Ask a node for an operation.
    Operate {
        /// Whom.
        node: NodeId,
        /// For what.
        kind: OperationKind,
        /// On which tablet.
        tablet: TabletId,
        /// Under which session: the transition's, with the epoch that wrote it.
        frozen: FrozenGuard,
        /// What the node must have applied.
        min_version: Version,
        /// A try before it failed.
        retry: bool,
    },
    /// Propose a change; goes together with others.
    Propose {
        /// Of which tablet.
        tablet: TabletId,
        /// The epoch that the change names.
        epoch: Epoch,
        /// The change.
        change: Change,
        /// What the stage had nobody to ask for: its work is skipped, with a line in the log.
        skipped: Option<&'static str>,
        /// Why the transition goes back, if it does.
        back: Option<WayBack>,
    },
    /// Report that a stage's budget is spent although there is no way back from it. It is retried for ever, slowly.
    GiveUp {
        /// Of which tablet.
        tablet: TabletId,
        /// At which epoch.
        epoch: Epoch,
        /// What failed last.
        error: String,
    },
}

/// Why a transition goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// The pending replica is excluded.
    PendingExcluded(NodeId),
    /// The one source there is was excluded before all of it was carried over.
    SourceExcluded(NodeId),
    /// More of the new than of the old replicas are excluded.
    MoreNewExcluded,
    /// The stage's retries are used up, or its work is hopeless.
    Spent(String),
    /// The reads are back on the old replicas: the second step of a way back.
    FellBack,
}

impl fmt::Display for WayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PendingExcluded(node) => write!(f, "pending replica {node} is excluded"),
            Self::SourceExcluded(node) => write!(f, "source {node} is excluded, and there is no other"),
            Self::MoreNewExcluded => f.write_str("more of the new than of the old replicas are excluded"),
            Self::Spent(error) => write!(f, "its retries are used up: {error}"),
            Self::FellBack => f.write_str("reads are back on the old replicas"),
        }
    }
}
