//! How many calls may run.

use std::collections::BTreeMap;

use tidegate_tablets::{NodeId, Reason, StreamPermits};

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
    /// Permits that a stream of that urgency waits for, in the plan that is being started: less urgent ones that
    /// come after it do not take what is free of them. So one that needs several at once gets them in the end.
    wanted_sends: BTreeMap<NodeId, Reason>,
    wanted_receives: BTreeMap<NodeId, Reason>,
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
            wanted_sends: BTreeMap::new(),
            wanted_receives: BTreeMap::new(),
        }
    }

    /// What the metadata names counts from now on; what runs goes on.
    pub(super) const fn set_permits(&mut self, permits: StreamPermits) {
        self.permits = permits;
    }

    /// Another plan is being started.
    pub(super) fn begin_plan(&mut self) {
        self.wanted_sends.clear();
        self.wanted_receives.clear();
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

    /// Takes a place and, for a stream, a permit of each source: all of it, or nothing.
    pub(super) fn take_all(&mut self, place: &Place, urgency: Reason) -> bool {
        if place.lane != Lane::Stream {
            return self.take(place.node, place.lane);
        }
        let sends_max = self.sends_per_node();
        let sending = |node| self.sending.get(node).copied().unwrap_or_default();
        let left_to =
            |wanted: &BTreeMap<NodeId, Reason>, node| wanted.get(node).is_some_and(|by| *by < urgency);
        let is_left = left_to(&self.wanted_receives, &place.node)
            || place.sources.iter().any(|node| left_to(&self.wanted_sends, node));
        let may_send = place.sources.iter().all(|node| sending(node) < sends_max);
        if is_left || !may_send || !self.take(place.node, place.lane) {
            self.wanted_receives.entry(place.node).or_insert(urgency);
            for node in &place.sources {
                self.wanted_sends.entry(*node).or_insert(urgency);
            }
            return false;
        }
        for node in &place.sources {
            *self.sending.entry(*node).or_default() += 1;
        }
        true
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&mut self, node: NodeId, lane: Lane) -> bool {
        let (per_node, total) = match lane {
            Lane::Barrier => (self.barriers_per_node, self.calls_total),
            // Barriers that are known to be slow leave places for those that are not.
            Lane::SlowBarrier => (self.barriers_per_node, self.calls_total / 8 * 7),
            Lane::Stream => (self.receives_per_node(), self.calls_total / 2),
            Lane::Operation => (self.operations_per_node, self.calls_total / 4 * 3),
        };
        let running = self.running.entry((node, lane)).or_default();
        if *running >= per_node || self.total >= total.max(1) {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_leave_places_for_operations_and_both_for_barriers() {
        let config = CoordinatorConfig {
            calls_total: 8,
            receives_per_node: 100,
            ..CoordinatorConfig::default()
        };
        let mut limits = Limits::new(&config);
        let node = NodeId::new(1);
        let streams = (0..100).filter(|_| limits.take(node, Lane::Stream)).count();
        assert_eq!(streams, 4);
        let operations = (0..100).filter(|_| limits.take(node, Lane::Operation)).count();
        assert_eq!(operations, 2);
        assert!(limits.take(node, Lane::Barrier) && limits.take(node, Lane::Barrier));
        assert!(!limits.take(node, Lane::Barrier), "the total is a bound for all");
        limits.give_back(node, Lane::Stream);
        assert!(!limits.take(node, Lane::Stream), "over a half still");
        assert!(limits.take(node, Lane::Barrier));
    }

    #[test]
    fn lanes_and_nodes_count_by_themselves() {
        let config = CoordinatorConfig {
            barriers_per_node: 1,
            operations_per_node: 1,
            ..CoordinatorConfig::default()
        };
        let mut limits = Limits::new(&config);
        let (a, b) = (NodeId::new(1), NodeId::new(2));
        for lane in [Lane::Barrier, Lane::SlowBarrier, Lane::Operation] {
            assert!(limits.take(a, lane) && limits.take(b, lane));
            assert!(!limits.take(a, lane));
            limits.give_back(a, lane);
            assert!(limits.take(a, lane));
        }
    }

    fn stream(node: u64, sources: &[u64]) -> Place {
        Place {
            node: NodeId::new(node),
            lane: Lane::Stream,
            sources: sources.iter().copied().map(NodeId::new).collect(),
        }
    }

    fn one_each() -> Limits {
        let mut limits = Limits::new(&CoordinatorConfig::default());
        limits.set_permits(StreamPermits {
            sends: Some(1),
            receives: Some(1),
        });
        limits
    }

    #[test]
    fn a_stream_takes_a_receive_and_a_send_of_each_source_or_nothing() {
        let mut limits = one_each();
        let first = stream(1, &[2, 3]);
        assert!(limits.take_all(&first, Reason::Operator));
        assert!(
            !limits.take_all(&stream(4, &[3]), Reason::Operator),
            "3 sends already"
        );
        assert!(
            !limits.take_all(&stream(1, &[5]), Reason::Operator),
            "1 receives already"
        );
        assert!(
            limits.take_all(&stream(3, &[1]), Reason::Operator),
            "the other way are other permits"
        );
        limits.give_all_back(&first);
        assert!(limits.take_all(&stream(4, &[3]), Reason::Operator));
        assert!(limits.take_all(&stream(1, &[5]), Reason::Operator));
    }

    #[test]
    fn permits_change_while_streams_run_and_stop_none() {
        let mut limits = one_each();
        let permits = |sends, receives| StreamPermits { sends, receives };
        assert!(limits.take_all(&stream(1, &[9]), Reason::Operator));
        limits.set_permits(permits(Some(3), Some(1)));
        let more = [stream(2, &[9]), stream(3, &[9]), stream(4, &[9])];
        assert_eq!(
            more.iter()
                .filter(|place| limits.take_all(place, Reason::Operator))
                .count(),
            2
        );
        limits.set_permits(permits(Some(2), None));
        limits.give_all_back(&more[0]);
        assert!(!limits.take_all(&more[2], Reason::Operator), "two run still");
        limits.give_all_back(&more[1]);
        assert!(limits.take_all(&more[2], Reason::Operator));
        limits.set_permits(StreamPermits::default());
        let defaults = (10..20).filter(|node| limits.take_all(&stream(*node, &[8]), Reason::Operator));
        assert_eq!(defaults.count(), CoordinatorConfig::default().sends_per_node);
    }

    #[test]
    fn what_an_urgent_stream_waits_for_is_not_taken_by_a_less_urgent_one() {
        let mut limits = one_each();
        let running = stream(9, &[2]);
        assert!(limits.take_all(&running, Reason::Balance));
        let rebuild = stream(4, &[2, 3]);
        limits.begin_plan();
        assert!(!limits.take_all(&rebuild, Reason::Rebuild), "2 sends");
        assert!(!limits.take_all(&stream(5, &[3]), Reason::Drain), "3 is kept");
        assert!(!limits.take_all(&stream(4, &[6]), Reason::Drain), "and so is 4");
        assert!(limits.take_all(&stream(5, &[6]), Reason::Drain));
        assert!(
            limits.take_all(&stream(7, &[3]), Reason::Rebuild),
            "not from its like"
        );
        limits.give_all_back(&stream(7, &[3]));
        limits.give_all_back(&running);
        limits.begin_plan();
        assert!(limits.take_all(&rebuild, Reason::Rebuild));
    }
}
