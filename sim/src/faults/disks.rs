//! Disks are slow, full, and fail.

use std::sync::Arc;

use tidegate_tablets::NodeId;

use super::Hand;
use crate::event::FaultKind;

impl Hand {
    pub(super) fn slow_disk(self: &Arc<Self>, node: NodeId) {
        let Some(disk) = self.cluster.disk_of(node) else {
            return;
        };
        self.strike(FaultKind::SlowDisk, &[node]);
        let least = self.time(5, 100);
        // Some calls take longer than any barrier waits for who holds its session.
        let spread = if self.dice.happens(0.2) { 3000 } else { 400 };
        disk.slow(least..=least + self.time(0, spread));
        let usual = self.plan().disk_delay.clone();
        let lasts = self.time(20, 900);
        self.later(lasts, move |_| disk.slow(usual));
    }

    pub(super) fn full_disk(self: &Arc<Self>, node: NodeId) {
        let Some(disk) = self.cluster.disk_of(node) else {
            return;
        };
        self.strike(FaultKind::FullDisk, &[node]);
        disk.full(true);
        let lasts = self.time(20, 900);
        self.later(lasts, move |_| disk.full(false));
    }

    /// Some calls fail, each with its effect done or not.
    pub(super) fn disk_error(self: &Arc<Self>, node: NodeId) {
        let Some(disk) = self.cluster.disk_of(node) else {
            return;
        };
        self.strike(FaultKind::DiskError, &[node]);
        if self.dice.happens(0.5) {
            disk.fail_next(1 + u32::try_from(self.dice.below(3)).unwrap_or_default());
            return;
        }
        disk.failing(0.3);
        let lasts = self.time(20, 600);
        self.later(lasts, move |_| disk.failing(0.0));
    }

    pub(super) fn heal_disks(&self) {
        for node in self.cluster.ids() {
            if let Some(disk) = self.cluster.disk_of(node) {
                disk.heal();
            }
        }
    }
}
