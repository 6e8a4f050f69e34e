//! Nodes crash and start again, their clocks differ, coordinators are replaced.

use std::sync::Arc;

use tidegate_tablets::NodeId;

use super::Hand;
use crate::event::FaultKind;

impl Hand {
    /// Crashes a node, and starts it again later with a copy of the metadata that is `back` entries older than the
    /// one it had.
    pub(super) fn crash(self: &Arc<Self>, node: NodeId, back: usize) {
        if self.cluster.node(node).is_none() || self.is_excluding(node) {
            return;
        }
        // Told first: the victim's roles are those it had.
        let kind = if back > 0 && self.cluster.log.simulated().is_some() {
            FaultKind::StaleRestart
        } else {
            FaultKind::Crash
        };
        self.strike(kind, &[node]);
        self.cluster.crash(node);
        let down = if self.dice.happens(0.3) {
            self.time(300, 2500)
        } else {
            self.time(1, 200)
        };
        self.later(down, move |hand| hand.cluster.start_from(node, back));
    }

    /// Starts another coordinator somewhere; the one before goes a little later, with its calls under way.
    pub(super) fn replace_coordinator(self: &Arc<Self>) {
        let Some(before) = self.cluster.ground.coordinator() else {
            return;
        };
        let Some(after) = self.anybody() else { return };
        self.strike(FaultKind::CoordinatorReplaced, &[before]);
        self.cluster.coordinate(after);
        let both = self.time(0, 150);
        self.later(both, |hand| hand.cluster.retire_old_coordinators());
    }

    pub(super) fn skew_clock(&self, node: NodeId) {
        let max = self.plan().skew_ms_max;
        let skew = i64::try_from(self.dice.number(0..=max * 2)).unwrap_or_default();
        let half = i64::try_from(max).unwrap_or_default();
        self.cluster.set_skew(node, skew - half);
        self.strike(FaultKind::ClockSkew, &[node]);
    }
}
