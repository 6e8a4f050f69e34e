//! How many calls may run.

use std::collections::BTreeMap;

use tidegate_tablets::NodeId;

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

/// Counts the calls that run, by node and lane.
#[derive(Debug)]
pub(super) struct Limits {
    barriers_per_node: usize,
    streams_per_node: usize,
    operations_per_node: usize,
    calls_total: usize,
    running: BTreeMap<(NodeId, Lane), usize>,
    total: usize,
}

impl Limits {
    pub(super) fn new(config: &CoordinatorConfig) -> Self {
        Self {
            barriers_per_node: config.barriers_per_node.max(1),
            streams_per_node: config.streams_per_node.max(1),
            operations_per_node: config.operations_per_node.max(1),
            calls_total: config.calls_total.max(4),
            running: BTreeMap::new(),
            total: 0,
        }
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&mut self, node: NodeId, lane: Lane) -> bool {
        let (per_node, total) = match lane {
            Lane::Barrier => (self.barriers_per_node, self.calls_total),
            // Barriers that are known to be slow leave places for those that are not.
            Lane::SlowBarrier => (self.barriers_per_node, self.calls_total / 8 * 7),
            Lane::Stream => (self.streams_per_node, self.calls_total / 2),
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
            streams_per_node: 100,
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
}
