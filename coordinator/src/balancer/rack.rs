//! In how many racks replicas stand.

use std::collections::BTreeSet;

use tidegate_tablets::{Metadata, NodeId};

/// A rack; a node that nobody has put into one is one by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rack<'a> {
    Named(&'a str),
    Own(NodeId),
}

impl<'a> Rack<'a> {
    pub(super) fn of(metadata: &'a Metadata, node: NodeId) -> Self {
        metadata
            .nodes
            .get(&node)
            .and_then(|info| info.rack.as_deref())
            .map_or(Self::Own(node), Self::Named)
    }

    /// The racks that `nodes` stand in.
    pub(super) fn all(metadata: &'a Metadata, nodes: impl IntoIterator<Item = NodeId>) -> BTreeSet<Self> {
        nodes.into_iter().map(|node| Self::of(metadata, node)).collect()
    }

    /// Its name, if it has one.
    pub(super) fn name(self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.to_owned()),
            Self::Own(_) => None,
        }
    }
}
