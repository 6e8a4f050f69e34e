//! Operators cancel, exclude, drop, and switch balancing off.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_coordinator::OperatorError;
use tidegate_tablets::{NodeId, Stage, TabletId};
use tokio::time::sleep;

use super::{Excluding, Hand};
use crate::event::FaultKind;

/// The number of the machine that comes for an excluded one.
const SPARE: NodeId = NodeId::new(11);

/// How often an ask of unknown outcome is made again.
const ASKS_MAX: u32 = 20;

impl Hand {
    /// Cancels the transition of a tablet, whatever has become of it meanwhile.
    pub(super) fn cancel(self: &Arc<Self>, tablet: TabletId) {
        let map = self.cluster.map();
        let begun = map
            .tablets
            .get(&tablet)
            .and_then(|tablet| tablet.transition.as_ref())
            .map(|transition| transition.begun);
        let (Some(begun), Some(operator)) = (begun, self.operator()) else {
            return;
        };
        self.cluster
            .ground
            .strike_tablets(FaultKind::Cancel, &[], &[tablet]);
        self.spawn(async move {
            drop(operator.cancel(tablet, begun).await);
        });
    }

    pub(super) fn cancel_any(self: &Arc<Self>) {
        let map = self.cluster.map();
        let running: Vec<TabletId> = map
            .tablets
            .iter()
            .filter(|(_, tablet)| tablet.transition.is_some())
            .map(|(id, _)| *id)
            .collect();
        if let Some(tablet) = self.dice.one_of(&running) {
            self.cancel(*tablet);
        }
    }

    /// Stops a node and has it excluded; where that is refused it starts again, else another machine comes.
    pub(super) fn exclude(self: &Arc<Self>, node: NodeId) {
        // One in all: two would take the quorums of three.
        if self.excluding().who.is_some() || self.cluster.node(node).is_none() {
            return;
        }
        self.strike(FaultKind::Exclude, &[node]);
        self.cluster.crash(node);
        let hand = Arc::clone(self);
        let asking = self.cluster.spawn(async move {
            if hand.ask_to_exclude(node).await {
                hand.cluster.put_away(node);
                hand.bring_spare(node).await;
            } else {
                hand.excluding().who = None;
                hand.cluster.start(node);
            }
        });
        let mut excluding = self.excluding();
        excluding.who = Some(node);
        excluding.asking = Some(asking);
    }

    /// Whether the node is excluded now.
    async fn ask_to_exclude(&self, node: NodeId) -> bool {
        for _ in 0..ASKS_MAX {
            if let Some(operator) = self.operator()
                && let Ok(()) | Err(OperatorError::Refused(_)) = operator.exclude(node, false).await
            {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        self.cluster.map().is_excluded(node)
    }

    async fn bring_spare(&self, gone: NodeId) {
        self.cluster.add(SPARE, 0);
        self.cluster.replace_voter(gone, SPARE).await;
        while !self.cluster.map().is_live_member(SPARE) && !self.cluster.recorder().is_violated() {
            if let Some(operator) = self.operator() {
                drop(operator.add_node(SPARE).await);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether a node may never start again.
    pub(super) fn is_excluding(&self, node: NodeId) -> bool {
        self.excluding().who == Some(node)
    }

    fn excluding(&self) -> MutexGuard<'_, Excluding> {
        self.excluding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the last table, if it is not the only one.
    pub(super) fn drop_table(self: &Arc<Self>) {
        let (Some(last), Some(operator)) = (self.tables.last().copied(), self.operator()) else {
            return;
        };
        let map = self.cluster.map();
        let Some(table) = map.tables.get(&last) else {
            return;
        };
        if self.tables.len() < 2 {
            return;
        }
        self.cluster
            .ground
            .strike_tablets(FaultKind::DropTable, &[], &table.tablets);
        self.spawn(async move {
            drop(operator.drop_table(last).await);
        });
    }

    pub(super) fn balancing_off(self: &Arc<Self>) {
        let Some(operator) = self.operator() else { return };
        self.strike(FaultKind::BalancingOff, &[]);
        let (hand, lasts) = (Arc::clone(self), self.time(20, 400));
        self.spawn(async move {
            drop(operator.set_balancing(false).await);
            sleep(lasts).await;
            if let Some(operator) = hand.operator() {
                drop(operator.set_balancing(true).await);
            }
        });
    }

    /// What is asked for has an answer, and balancing is on again.
    pub(super) async fn heal_operators(&self) {
        let asking = self.excluding().asking.take();
        if let Some(asking) = asking {
            drop(asking.await);
        }
        if !self.cluster.map().balancing
            && let Some(operator) = self.operator()
        {
            drop(operator.set_balancing(true).await);
        }
    }

    /// Whether a tablet is in that stage now.
    pub(super) fn is_in(&self, tablet: TabletId, stage: Stage) -> bool {
        let map = self.cluster.map();
        let now = map.tablets.get(&tablet).and_then(|t| t.transition.as_ref());
        now.is_some_and(|transition| transition.stage == stage)
    }
}
