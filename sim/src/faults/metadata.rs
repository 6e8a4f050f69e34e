//! The metadata comes late, skips states, and loses its leader.

use std::sync::Arc;
use std::time::Duration;

use tidegate_raft::MembershipChange;
use tidegate_tablets::NodeId;

use super::Hand;
use crate::event::FaultKind;

impl Hand {
    /// A node's copy falls behind for a while.
    pub(super) fn delay_metadata(self: &Arc<Self>, node: NodeId) {
        let Some(there) = self.cluster.node(node) else {
            return;
        };
        let Some(store) = there.store.simulated().cloned() else {
            return;
        };
        self.strike(FaultKind::MetadataDelay, &[node]);
        // Some fall behind by more than any barrier waits for them.
        let most = if self.dice.happens(0.2) { 3000 } else { 700 };
        store.lag(Duration::from_millis(10)..=self.time(20, most));
        let lasts = self.time(50, 500 + most);
        self.later(lasts, move |hand| {
            store.lag(hand.plan().apply_delay.clone());
        });
    }

    pub(super) fn install_snapshot(&self, node: NodeId) {
        // Of those that have all there is nothing is skipped. On Raft it comes by itself, with what is kept of the log.
        let log = self.cluster.log.simulated();
        if log.is_some_and(|log| log.install_snapshot(node)) {
            self.strike(FaultKind::SnapshotInstall, &[node]);
        }
    }

    pub(super) fn change_leader(self: &Arc<Self>) {
        if let Some(log) = self.cluster.log.simulated() {
            self.strike(FaultKind::LeaderChange, &[]);
            log.change_leader();
            return;
        }
        let Some(leader) = self.cluster.raft_leader() else {
            return;
        };
        let others: Vec<NodeId> = self.cluster.ids();
        let others: Vec<NodeId> = others.into_iter().filter(|id| *id != leader.node()).collect();
        if let Some(next) = self.dice.one_of(&others).copied() {
            self.strike(FaultKind::LeaderChange, &[]);
            self.spawn(async move {
                drop(leader.change(MembershipChange::TransferLeader(next)).await);
            });
        }
    }

    pub(super) fn heal_metadata(self: &Arc<Self>) {
        for node in self.cluster.up() {
            if let Some(store) = node.store.simulated() {
                store.lag(self.plan().apply_delay.clone());
            }
        }
        // What is asked of Raft from here on needs a majority.
        if self.cluster.log.raft().is_some() {
            let down = self.cluster.down().into_iter();
            down.filter(|id| !self.is_excluding(*id))
                .for_each(|id| self.cluster.start(id));
        }
    }
}
