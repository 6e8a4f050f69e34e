//! Asks for transitions: moves, rebuilds, purges.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_coordinator::{Operator, OperatorError};
use tidegate_tablets::{Epoch, Metadata, NodeId, Tablet, TabletId};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::dice::Dice;

/// The wait before it looks again at a tablet that is in transition, or that nobody can be asked about.
const PACE: Duration = Duration::from_millis(15);

/// Asks for transitions, as an operator and a balancer do.
#[derive(Debug)]
pub(crate) struct Mover {
    cluster: Arc<Cluster>,
    dice: Dice,
}

/// What to ask for.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Move(NodeId, NodeId),
    Rebuild(NodeId, NodeId),
    Purge,
}

impl Mover {
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        let dice = Dice::new(cluster.plan.seed, "mover");
        Self { cluster, dice }
    }

    /// Asks until as many have begun as the plan says, and waits until all have ended; has an excluded node's
    /// replicas rebuilt before it ends.
    pub(crate) async fn run(self) {
        let mut begun = 0;
        let mut origin = 0;
        loop {
            if self.cluster.recorder().is_violated() {
                return;
            }
            let map = self.cluster.map();
            let left = self.cluster.plan.transitions.saturating_sub(begun);
            let idle: Vec<TabletId> = map
                .tablets
                .iter()
                .filter(|(_, tablet)| tablet.transition.is_none())
                .map(|(id, _)| *id)
                .collect();
            let wishes: Vec<(TabletId, Wish)> = idle
                .iter()
                .filter_map(|id| Some((*id, self.wish(&map, map.tablets.get(id)?, left > 0)?)))
                .collect();
            if left == 0 && wishes.is_empty() && idle.len() == map.tablets.size() {
                return;
            }
            if let Some((tablet, wish)) = self.dice.one_of(&wishes) {
                origin += 1;
                if let Some(operator) = self.cluster.operator(&self.dice, origin)
                    && self.ask(&operator, *tablet, *wish).await.is_ok()
                {
                    begun += 1;
                    continue;
                }
            }
            sleep(PACE).await;
        }
    }

    fn wish(&self, map: &Metadata, tablet: &Tablet, more: bool) -> Option<Wish> {
        let live: BTreeSet<NodeId> = self
            .cluster
            .ids()
            .into_iter()
            .filter(|id| map.is_live_member(*id))
            .collect();
        let free: Vec<NodeId> = live.difference(&tablet.replicas).copied().collect();
        let to = self.dice.one_of(&free).copied();
        if let Some(lost) = tablet.replicas.iter().find(|id| map.is_excluded(**id)) {
            return Some(Wish::Rebuild(*lost, to?));
        }
        if !more {
            return None;
        }
        if self.dice.happens(0.2) {
            return Some(Wish::Purge);
        }
        let replicas: Vec<NodeId> = tablet.replicas.iter().copied().collect();
        Some(Wish::Move(*self.dice.one_of(&replicas)?, to?))
    }

    async fn ask(&self, operator: &Operator, tablet: TabletId, wish: Wish) -> Result<Epoch, OperatorError> {
        match wish {
            Wish::Move(from, to) => operator.move_tablet(tablet, from, to).await,
            Wish::Rebuild(lost, to) => operator.rebuild(tablet, lost, to).await,
            Wish::Purge => operator.purge(tablet, self.floor()).await,
        }
    }

    /// Somewhere in the times that clocks show.
    fn floor(&self) -> u64 {
        let up = self.cluster.up();
        let shown = self.dice.one_of(&up).map_or(0, |node| node.clock.time());
        let back = self.dice.time(&(Duration::ZERO..=Duration::from_millis(200)));
        let back = u64::try_from(back.as_millis()).unwrap_or_default() << 16;
        shown.saturating_sub(back)
    }
}
