//! Which tablets concern a node: derived from the tablets, kept beside them.

use crate::{Metadata, NodeId, TabletId};

impl Metadata {
    /// The tablets of which `node` is replica or participant, in order. Costs as much as they are many.
    pub fn tablets_of(&self, node: NodeId) -> impl Iterator<Item = TabletId> + '_ {
        self.holdings.get(&node).into_iter().flatten().copied()
    }

    /// Derives anew what is derived, after the maps were filled by hand: a snapshot that was decoded, a test.
    pub fn index(&mut self) {
        let held: Vec<(NodeId, TabletId)> = self
            .tablets
            .iter()
            .flat_map(|(id, tablet)| tablet.participants().into_iter().map(|node| (node, *id)))
            .collect();
        self.holdings = Default::default();
        for (node, tablet) in held {
            self.hold(node, tablet);
        }
    }

    pub(crate) fn hold(&mut self, node: NodeId, tablet: TabletId) {
        let mut held = self.holdings.get(&node).cloned().unwrap_or_default();
        held.insert_mut(tablet);
        self.holdings.insert_mut(node, held);
    }

    pub(crate) fn let_go(&mut self, node: NodeId, tablet: TabletId) {
        let Some(mut held) = self.holdings.get(&node).cloned() else {
            return;
        };
        held.remove_mut(&tablet);
        // None rather than empty, so that equal tablets make equal metadata.
        if held.is_empty() {
            self.holdings.remove_mut(&node);
        } else {
            self.holdings.insert_mut(node, held);
        }
    }
}
