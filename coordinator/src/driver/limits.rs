//! How many calls may run.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_tablets::{NodeId, Reason, StreamPermits, TabletId};

use super::waiting::{Turn, Waiting};
use crate::{CoordinatorConfig, OperationKind};

/// Calls that share a limit on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Barriers of tablets that have not failed in this stage.
    Barrier,
    /// Barriers of tablets that have: they take no place from the others.
    SlowBarrier,
    /// Streams.
    Stream,
    /// Every other operation.
    Operation,
}

impl Lane {
    pub(super) const fn of(kind: OperationKind) -> Self {
        match kind {
            OperationKind::Stream => Self::Stream,
            _ => Self::Operation,
        }
    }
}

/// What a call asks of the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The node that is called.
    pub(super) node: NodeId,
    /// What its place is counted among.
    pub(super) lane: Lane,
    /// For a stream, the nodes that send.
    pub(super) sources: Vec<NodeId>,
}

/// Counts the calls that run, by node and lane, and streams by source besides.
#[derive(Debug)]
pub(super) struct Limits {
    barriers_per_node: usize,
    default_sends: usize,
    default_receives: usize,
    permits: StreamPermits,
    operations_per_node: usize,
    calls_total: usize,
    running: BTreeMap<(NodeId, Lane), usize>,
    sending: BTreeMap<NodeId, usize>,
    total: usize,
    tablets_per_barrier: usize,
    /// Who has no place. What a stream waits for no less urgent one takes: so one that needs several permits at once
    /// gets them in the end.
    waiting: Waiting,
    /// Lanes and senders that have come free since those who wait for them were last looked at.
    freed_lanes: BTreeSet<(NodeId, Lane)>,
    freed_sends: BTreeSet<NodeId>,
    /// The number of all calls has kept somebody from a place that its lane had.
    short_of_calls: bool,
}

impl Limits {
    pub(super) fn new(config: &CoordinatorConfig) -> Self {
        Self {
            barriers_per_node: config.barriers_per_node.max(1),
            default_sends: config.sends_per_node.max(1),
            default_receives: config.receives_per_node.max(1),
            permits: StreamPermits::default(),
            operations_per_node: config.operations_per_node.max(1),
            calls_total: config.calls_total.max(4),
            running: BTreeMap::new(),
            sending: BTreeMap::new(),
            total: 0,
            tablets_per_barrier: config.tablets_per_barrier.max(1),
            waiting: Waiting::default(),
            freed_lanes: BTreeSet::new(),
            freed_sends: BTreeSet::new(),
            short_of_calls: false,
        }
    }

    /// What the metadata names counts from now on; what runs goes on.
    pub(super) fn set_permits(&mut self, permits: StreamPermits) {
        if self.permits != permits {
            self.permits = permits;
            self.freed_lanes.extend(self.waiting.lanes());
            self.freed_sends.extend(self.waiting.senders());
        }
    }

    /// Who has no place.
    pub(super) const fn waiting(&mut self) -> &mut Waiting {
        &mut self.waiting
    }

    /// A tablet is planned again, and waits for nothing until then: what was left to it is free for others.
    pub(super) fn forget(&mut self, tablet: TabletId) {
        for Place { node, lane, sources } in self.waiting.forget(tablet) {
            self.freed_lanes.insert((node, lane));
            self.freed_sends.extend(sources);
        }
    }

    fn sends_per_node(&self) -> usize {
        self.permits
            .sends
            .map_or(self.default_sends, |number| number as usize)
    }

    fn receives_per_node(&self) -> usize {
        self.permits
            .receives
            .map_or(self.default_receives, |number| number as usize)
    }

    /// Takes a place and, for a stream, a permit of each source: all of it, or nothing. Nobody who waits takes what one
    /// that is more urgent waits for.
    pub(super) fn take_all(&mut self, place: &Place, urgency: Reason) -> bool {
        if place.lane != Lane::Stream {
            return self.take(place.node, place.lane);
        }
        let may_send = |node: &NodeId| self.may_send(*node, 0);
        if self.is_left(place.node, &place.sources, urgency)
            || !place.sources.iter().all(may_send)
            || !self.take(place.node, place.lane)
        {
            return false;
        }
        for node in &place.sources {
            *self.sending.entry(*node).or_default() += 1;
        }
        true
    }

    /// Whether someone more urgent waits for what a stream needs.
    fn is_left(&self, node: NodeId, sources: &[NodeId], urgency: Reason) -> bool {
        let mut first = self.waiting.in_lane(node, Lane::Stream).map(|(turn, _)| turn);
        let is_more_urgent = |(reason, _): Turn| reason < urgency;
        first.next().is_some_and(is_more_urgent)
            || sources.iter().any(|source| {
                let mut first = self.waiting.for_send(*source).map(|(turn, _)| turn);
                first.next().is_some_and(is_more_urgent)
            })
    }

    /// Whether a node may send one more, were there that many more than now.
    fn may_send(&self, node: NodeId, more: usize) -> bool {
        self.sending.get(&node).copied().unwrap_or_default() + more < self.sends_per_node()
    }

    /// Calls in a lane of a node, and in all, at most.
    fn bounds(&self, lane: Lane) -> (usize, usize) {
        let (per_node, total) = match lane {
            Lane::Barrier => (self.barriers_per_node, self.calls_total),
            // Barriers that are known to be slow leave places for those that are not.
            Lane::SlowBarrier => (self.barriers_per_node, self.calls_total / 8 * 7),
            Lane::Stream => (self.receives_per_node(), self.calls_total / 2),
            Lane::Operation => (self.operations_per_node, self.calls_total / 4 * 3),
        };
        (per_node, total.max(1))
    }

    /// The tablets that have a place now for what they wait for, each lane's in their turn. To be asked until there are
    /// none: each that is named here is planned again, and then waits for less, or not at all.
    pub(super) fn with_room(&mut self) -> BTreeSet<TabletId> {
        let mut offer = Offer::default();
        let lanes: Vec<_> = self.freed_lanes.iter().copied().collect();
        for (node, lane) in lanes {
            let before = offer.tablets.len();
            self.offer_lane(node, lane, &mut offer);
            // Whoever comes to wait there from now on has looked for a place.
            if offer.tablets.len() == before {
                self.freed_lanes.remove(&(node, lane));
                self.short_of_calls |= self.total >= self.bounds(lane).1;
            }
        }
        let senders: Vec<_> = self.freed_sends.iter().copied().collect();
        for source in senders {
            let before = offer.tablets.len();
            for ((reason, tablet), node) in self.waiting.for_send(source) {
                if !self.may_send(source, offer.sends(source)) {
                    break;
                }
                let sources = self.waiting.sources(node, &(reason, tablet));
                self.offer_stream(node, (reason, tablet), sources, &mut offer);
            }
            if offer.tablets.len() == before {
                self.freed_sends.remove(&source);
                self.short_of_calls |= self.total >= self.bounds(Lane::Stream).1;
            }
        }
        offer.tablets
    }

    fn offer_lane(&self, node: NodeId, lane: Lane, offer: &mut Offer) {
        let (per_node, total) = self.bounds(lane);
        let running = self.running.get(&(node, lane)).copied().unwrap_or_default();
        let places = per_node
            .saturating_sub(running)
            .min(total.saturating_sub(self.total));
        let waiting = self.waiting.in_lane(node, lane);
        match lane {
            Lane::Stream if places > 0 => {
                for (turn, sources) in waiting {
                    if offer.receives(node) >= places {
                        break;
                    }
                    self.offer_stream(node, turn, sources, offer);
                }
            }
            Lane::Stream => {}
            Lane::Operation => offer
                .tablets
                .extend(waiting.take(places).map(|((_, tablet), _)| tablet)),
            Lane::Barrier | Lane::SlowBarrier => {
                let tablets = places.saturating_mul(self.tablets_per_barrier);
                offer
                    .tablets
                    .extend(waiting.take(tablets).map(|((_, tablet), _)| tablet));
            }
        }
    }

    fn offer_stream(&self, node: NodeId, (reason, tablet): Turn, sources: &[NodeId], offer: &mut Offer) {
        let (per_node, total) = self.bounds(Lane::Stream);
        let running = self
            .running
            .get(&(node, Lane::Stream))
            .copied()
            .unwrap_or_default();
        let may_receive = running + offer.receives(node) < per_node && self.total < total;
        let may_send = |source: &NodeId| self.may_send(*source, offer.sends(*source));
        if may_receive
            && !offer.tablets.contains(&tablet)
            && sources.iter().all(may_send)
            && !self.is_left(node, sources, reason)
        {
            offer.tablets.insert(tablet);
            *offer.receives.entry(node).or_default() += 1;
            for source in sources {
                *offer.sends.entry(*source).or_default() += 1;
            }
        }
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&mut self, node: NodeId, lane: Lane) -> bool {
        let (per_node, total) = self.bounds(lane);
        let running = self.running.entry((node, lane)).or_default();
        if *running >= per_node {
            return false;
        }
        if self.total >= total {
            self.short_of_calls = true;
            return false;
        }
        *running += 1;
        self.total += 1;
        true
    }

    pub(super) fn give_all_back(&mut self, place: &Place) {
        self.give_back(place.node, place.lane);
        for node in &place.sources {
            if let Some(sending) = self.sending.get_mut(node) {
                *sending = sending.saturating_sub(1);
                if *sending == 0 {
                    self.sending.remove(node);
                }
                self.freed_sends.insert(*node);
            }
        }
    }

    pub(super) fn give_back(&mut self, node: NodeId, lane: Lane) {
        if let Some(running) = self.running.get_mut(&(node, lane)) {
            *running = running.saturating_sub(1);
            self.total = self.total.saturating_sub(1);
            if *running == 0 {
                self.running.remove(&(node, lane));
            }
            self.freed_lanes.insert((node, lane));
            if std::mem::take(&mut self.short_of_calls) {
                self.freed_lanes.extend(self.waiting.lanes());
            }
        }
    }
}

/// Tablets that are to be planned again, and the permits that their streams will take.
#[derive(Debug, Default)]
struct Offer {
    tablets: BTreeSet<TabletId>,
    receives: BTreeMap<NodeId, usize>,
    sends: BTreeMap<NodeId, usize>,
}

impl Offer {
    fn receives(&self, node: NodeId) -> usize {
        self.receives.get(&node).copied().unwrap_or_default()
    }

    fn sends(&self, node: NodeId) -> usize {
        self.sends.get(&node).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
