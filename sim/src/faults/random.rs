//! Faults at any time, to anybody.

use std::sync::Arc;

use tokio::time::sleep;

use super::Hand;
use crate::event::FaultKind;

impl Hand {
    pub(super) async fn at_random(self: Arc<Self>) {
        let kinds: Vec<FaultKind> = self.plan().faults.iter().copied().collect();
        for _ in 0..self.plan().faults_at_random {
            sleep(self.dice.time(&self.plan().fault_gap)).await;
            if self.cluster.recorder().is_violated() {
                return;
            }
            let (Some(kind), Some(node)) = (self.dice.one_of(&kinds), self.anybody()) else {
                continue;
            };
            // These are for ever, and end what there is to see.
            let rare = matches!(kind, FaultKind::Exclude | FaultKind::DropTable);
            if !rare || self.dice.happens(0.3) {
                self.hit(*kind, node);
            }
        }
    }
}
