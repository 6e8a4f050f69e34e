//! The metadata comes late, skips states, and loses its leader.

use std::sync::Arc;
use std::time::Duration;

use tidegate_tablets::NodeId;

use super::Hand;
use crate::event::FaultKind;

impl Hand {
    /// A node's copy falls behind for a while.
    pub(super) fn delay_metadata(self: &Arc<Self>, node: NodeId) {
        let Some(there) = self.cluster.node(node) else {
            return;
        };
        self.strike(FaultKind::MetadataDelay, &[node]);
        // Some fall behind by more than any barrier waits for them.
        let most = if self.dice.happens(0.2) { 3000 } else { 700 };
        there.store.lag(Duration::from_millis(10)..=self.time(20, most));
        let lasts = self.time(50, 500 + most);
        self.later(lasts, move |hand| {
            there.store.lag(hand.plan().apply_delay.clone());
        });
    }

    pub(super) fn install_snapshot(&self, node: NodeId) {
        // Of those that have all there is nothing is skipped.
        if self.cluster.log.install_snapshot(node) {
            self.strike(FaultKind::SnapshotInstall, &[node]);
        }
    }

    pub(super) fn change_leader(&self) {
        self.strike(FaultKind::LeaderChange, &[]);
        self.cluster.log.change_leader();
    }

    pub(super) fn heal_metadata(&self) {
        for node in self.cluster.up() {
            node.store.lag(self.plan().apply_delay.clone());
        }
    }
}
