//! Nodes come, stand in a rack, are emptied, and are excluded for ever.

use std::collections::BTreeSet;

use crate::{
    Accepted, Applied, Metadata, NodeAddress, NodeId, NodeInfo, Refused, Stage, StreamPermits, Tablet,
    TabletId, Transition, quorum_of,
};

impl Metadata {
    pub(super) fn add_node(&mut self, node: NodeId) -> Result<Applied, Refused> {
        if self.nodes.contains_key(&node) {
            return Err(Refused::NodeExists(node));
        }
        self.nodes.insert_mut(node, NodeInfo::default());
        Ok(Applied::done(Accepted::Done))
    }

    pub(super) fn exclude(&mut self, node: NodeId, give_up_quorum: bool) -> Result<Applied, Refused> {
        if !self.is_live_member(node) {
            return Err(Refused::NoNode(node));
        }
        let tablets: Vec<TabletId> = self.tablets_of(node).collect();
        if !give_up_quorum && let Some(tablet) = tablets.iter().find(|id| self.takes_quorum(node, **id)) {
            return Err(Refused::Quorum(*tablet));
        }
        self.edit_node(node, |info| info.excluded = true);
        Ok(Applied::touching(Accepted::Done, tablets))
    }

    pub(super) fn set_rack(&mut self, node: NodeId, rack: Option<&str>) -> Result<Applied, Refused> {
        if rack.is_some_and(|rack| rack.is_empty() || rack.len() > NodeInfo::RACK_BYTES_MAX) {
            return Err(Refused::invalid("the name of a rack is empty or too long"));
        }
        if !self.is_live_member(node) {
            return Err(Refused::NoNode(node));
        }
        self.edit_node(node, |info| info.rack = rack.map(str::to_owned));
        Ok(Applied::done(Accepted::Done))
    }

    pub(super) fn set_address(&mut self, node: NodeId, address: &NodeAddress) -> Result<Applied, Refused> {
        let fits = |part: &str| (1..=NodeAddress::BYTES_MAX).contains(&part.len());
        if !fits(&address.transport) || !fits(&address.admin) {
            return Err(Refused::invalid("an address is empty or too long"));
        }
        if !self.is_live_member(node) {
            return Err(Refused::NoNode(node));
        }
        self.edit_node(node, |info| info.address = Some(address.clone()));
        Ok(Applied::done(Accepted::Done))
    }

    pub(super) fn set_draining(&mut self, node: NodeId, draining: bool) -> Result<Applied, Refused> {
        if !self.is_live_member(node) {
            return Err(Refused::NoNode(node));
        }
        self.edit_node(node, |info| info.draining = draining);
        Ok(Applied::done(Accepted::Done))
    }

    pub(super) fn set_permits(&mut self, permits: StreamPermits) -> Result<Applied, Refused> {
        let fits =
            |number: Option<u32>| number.is_none_or(|number| (1..=StreamPermits::MAX).contains(&number));
        if !fits(permits.sends) || !fits(permits.receives) {
            return Err(Refused::invalid("a number of permits is zero or too large"));
        }
        self.permits = permits;
        Ok(Applied::done(Accepted::Done))
    }

    fn edit_node(&mut self, node: NodeId, edit: impl FnOnce(&mut NodeInfo)) {
        let mut info = self.nodes.get(&node).cloned().unwrap_or_default();
        edit(&mut info);
        self.nodes.insert_mut(node, info);
    }

    /// Whether the acknowledged writes of a tablet would be gone, or out of reach, without `node`.
    fn takes_quorum(&self, node: NodeId, tablet: TabletId) -> bool {
        let Some(tablet) = self.tablets.get(&tablet) else {
            return false;
        };
        let sets = sets_of_record(tablet);
        let keeps = |set: &BTreeSet<NodeId>| {
            // An excluded node counts in the size of its set, and in nothing else.
            let live = set
                .iter()
                .filter(|member| **member != node && !self.is_excluded(**member))
                .count();
            live >= quorum_of(set)
        };
        sets.iter().any(|set| set.contains(&node)) && !sets.into_iter().any(keeps)
    }
}

/// The sets that hold every acknowledged write at a quorum and that the tablet can live on: one of them is enough.
///
/// Two while reads are new and a way back exists: which way it goes is decided by which set has lost less. Else
/// the set that the stage reads from, because the other one is not whole yet, or not any more, or left behind.
fn sets_of_record(tablet: &Tablet) -> Vec<&BTreeSet<NodeId>> {
    match &tablet.transition {
        Some(Transition {
            stage: Stage::WriteBothReadNew,
            old,
            new,
            ..
        }) => vec![old, new],
        _ => vec![tablet.read_set()],
    }
}
