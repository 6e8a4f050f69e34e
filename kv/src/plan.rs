//! Whom one attempt asks, and when it has enough.

use std::collections::BTreeSet;

use tidegate_tablets::{Epoch, Metadata, NodeId, Stage, TabletId, quorum_of};

/// Whom one attempt of a request asks: what the map shows of the tablet at one epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) tablet: TabletId,
    pub(crate) epoch: Epoch,
    /// The set whose quorum decides what the latest row is.
    pub(crate) read: BTreeSet<NodeId>,
    /// The sets of each of which a quorum must hold what the request ends with.
    pub(crate) write: Vec<BTreeSet<NodeId>>,
    /// The nodes that an operator has excluded: not asked, though counted in the size of their sets.
    pub(crate) excluded: BTreeSet<NodeId>,
    /// A write that is not later is not tried again.
    pub(crate) purge_floor: u64,
    /// Every replica holds the tombstones up to here, or has dropped them with what they covered.
    pub(crate) settled_floor: u64,
}

impl Plan {
    pub(crate) fn new(map: &Metadata, tablet: TabletId) -> Option<Self> {
        let shown = map.tablets.get(&tablet)?;
        let participants = shown.participants();
        let settled = shown
            .transition
            .as_ref()
            .filter(|t| matches!(t.stage, Stage::Purge | Stage::EndPurge));
        Some(Self {
            tablet,
            epoch: shown.epoch,
            read: shown.read_set().clone(),
            write: shown.write_sets().into_iter().cloned().collect(),
            excluded: participants
                .into_iter()
                .filter(|node| map.is_excluded(*node))
                .collect(),
            purge_floor: shown.purge_floor,
            settled_floor: settled.map_or(0, |purge| purge.purge_floor),
        })
    }

    /// The nodes to ask which row is the latest.
    pub(crate) fn readers(&self) -> BTreeSet<NodeId> {
        self.read.difference(&self.excluded).copied().collect()
    }

    /// The nodes that writes go to.
    pub(crate) fn writers(&self) -> BTreeSet<NodeId> {
        self.write
            .iter()
            .flatten()
            .filter(|node| !self.excluded.contains(node))
            .copied()
            .collect()
    }

    /// The nodes that a read asks: all that writes go to.
    pub(crate) fn all(&self) -> BTreeSet<NodeId> {
        self.writers().union(&self.readers()).copied().collect()
    }

    /// Whether a quorum of the set that the stage reads from is among `nodes`.
    pub(crate) fn decided_by(&self, nodes: &BTreeSet<NodeId>) -> bool {
        has_quorum(&self.read, nodes)
    }

    /// Whether a quorum of every set that writes go to is among `nodes`.
    pub(crate) fn held_by(&self, nodes: &BTreeSet<NodeId>) -> bool {
        self.write.iter().all(|set| has_quorum(set, nodes))
    }
}

fn has_quorum(set: &BTreeSet<NodeId>, nodes: &BTreeSet<NodeId>) -> bool {
    set.intersection(nodes).count() >= quorum_of(set)
}
