//! What there was no place for.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::{NodeId, Reason, TabletId};

use super::limits::{Lane, Place};

/// A tablet's turn: the more urgent first, then by tablet, as plans are ordered.
pub(super) type Turn = (Reason, TabletId);

/// The tablets that had no place for something, by what they lacked, so that whatever comes free is offered to those
/// who wait for it, in their turn, and to nobody else. Nothing of what they wanted is kept: they are planned again.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// For a place on a node; of a stream with the nodes that send.
    lanes: BTreeMap<(NodeId, Lane), BTreeMap<Turn, Vec<NodeId>>>,
    /// For a permit to send, with the node that is to receive.
    sends: BTreeMap<NodeId, BTreeMap<Turn, NodeId>>,
    /// For a place in a proposal.
    changes: BTreeSet<Turn>,
    places: BTreeMap<TabletId, (Reason, Vec<Place>)>,
}

impl Waiting {
    /// A tablet has no place for a call.
    pub(super) fn wait(&mut self, (reason, tablet): Turn, place: Place) {
        let turn = (reason, tablet);
        for source in &place.sources {
            self.sends.entry(*source).or_default().insert(turn, place.node);
        }
        let lane = self.lanes.entry((place.node, place.lane)).or_default();
        lane.insert(turn, place.sources.clone());
        let (_, places) = self.places.entry(tablet).or_insert((reason, Vec::new()));
        places.push(place);
    }

    /// A tablet has no place in the proposal.
    pub(super) fn wait_to_propose(&mut self, (reason, tablet): Turn) {
        self.changes.insert((reason, tablet));
        self.places.entry(tablet).or_insert((reason, Vec::new()));
    }

    /// A tablet waits for nothing any more: what it has waited for.
    pub(super) fn forget(&mut self, tablet: TabletId) -> Vec<Place> {
        let Some((reason, places)) = self.places.remove(&tablet) else {
            return Vec::new();
        };
        let turn = (reason, tablet);
        self.changes.remove(&turn);
        for Place { node, lane, sources } in &places {
            take_off(&mut self.lanes, (*node, *lane), &turn);
            for source in sources {
                take_off(&mut self.sends, *source, &turn);
            }
        }
        places
    }

    /// Those who wait for a place in a lane, in their turn, with those who send to them.
    pub(super) fn in_lane(&self, node: NodeId, lane: Lane) -> impl Iterator<Item = (Turn, &Vec<NodeId>)> {
        let waiting = self.lanes.get(&(node, lane)).into_iter().flatten();
        waiting.map(|(turn, sources)| (*turn, sources))
    }

    /// Those who wait for a node to send, in their turn, with whom it is to send to.
    pub(super) fn for_send(&self, source: NodeId) -> impl Iterator<Item = (Turn, NodeId)> {
        let waiting = self.sends.get(&source).into_iter().flatten();
        waiting.map(|(turn, node)| (*turn, *node))
    }

    /// The nodes that send to a tablet which waits for its stream.
    pub(super) fn sources(&self, node: NodeId, turn: &Turn) -> &[NodeId] {
        let lane = self.lanes.get(&(node, Lane::Stream));
        lane.and_then(|lane| lane.get(turn)).map_or(&[], Vec::as_slice)
    }

    /// Those who wait for a place in a proposal, in their turn.
    pub(super) fn to_propose(&self) -> impl Iterator<Item = TabletId> {
        self.changes.iter().map(|(_, tablet)| *tablet)
    }

    /// Every lane in which somebody waits.
    pub(super) fn lanes(&self) -> impl Iterator<Item = (NodeId, Lane)> {
        self.lanes.keys().copied()
    }

    /// Every node that somebody waits for to send.
    pub(super) fn senders(&self) -> impl Iterator<Item = NodeId> {
        self.sends.keys().copied()
    }

    /// Whether it waits for anything.
    pub(super) fn has(&self, tablet: TabletId) -> bool {
        self.places.contains_key(&tablet)
    }
}

fn take_off<K: Ord, T>(waiting: &mut BTreeMap<K, BTreeMap<Turn, T>>, key: K, turn: &Turn) {
    if let Some(turns) = waiting.get_mut(&key) {
        turns.remove(turn);
        if turns.is_empty() {
            waiting.remove(&key);
        }
    }
}
