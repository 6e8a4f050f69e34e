//! Faults that wait for a stage.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_tablets::{Epoch, Stage, TabletId, TransitionKind};

use super::Hand;
use crate::event::{FaultKind, Role};
use crate::plan::{Aim, Lure};

impl Hand {
    /// Follows what is decided, and does what was planned for the stages that are entered.
    pub(super) async fn aim(self: Arc<Self>) {
        let mut aims = self.plan().aims.clone();
        let mut lures = self.plan().lures.clone();
        let mut seen: BTreeMap<TabletId, (Epoch, Stage)> = BTreeMap::new();
        loop {
            self.cluster.log.decided().await;
            if self.cluster.recorder().is_violated() {
                return;
            }
            let map = self.cluster.map();
            for (id, tablet) in map.tablets.iter() {
                let Some(transition) = &tablet.transition else {
                    seen.remove(id);
                    continue;
                };
                let now = (transition.begun, transition.stage);
                if seen.insert(*id, now) == Some(now) {
                    continue;
                }
                let moves = transition.kind == TransitionKind::Migration;
                self.lured(*id, transition.stage, moves, &mut lures);
                self.aimed(*id, transition.stage, &mut aims);
            }
        }
    }

    fn aimed(self: &Arc<Self>, tablet: TabletId, stage: Stage, aims: &mut Vec<Aim>) {
        if let Some(at) = aims.iter().position(|aim| aim.stage == stage) {
            let aim = aims.remove(at);
            self.later(aim.after, move |hand| hand.shoot(tablet, &aim));
        }
    }

    /// Does it if the tablet is still there.
    fn shoot(self: &Arc<Self>, tablet: TabletId, aim: &Aim) {
        if self.is_in(tablet, aim.stage)
            && let Some(victim) = self.victim(aim.role, tablet)
        {
            self.hit(aim.kind, victim);
        }
    }

    fn lured(self: &Arc<Self>, tablet: TabletId, stage: Stage, moves: bool, lures: &mut Vec<Lure>) {
        let waiting = lures.iter().position(|lure| moves && lure.stage() == stage);
        let Some(at) = waiting.filter(|_| self.dice.happens(0.7)) else {
            return;
        };
        let lure = lures.remove(at);
        // What ends a stage is a barrier that the victim takes part in: at once it is still there.
        let after = match lure {
            Lure::Cancel(_) => self.time(0, 5),
            Lure::ExcludePending(_) | Lure::ExcludeLeaving(_) => Duration::ZERO,
        };
        self.later(after, move |hand| {
            let role = match lure {
                Lure::Cancel(_) => {
                    hand.cancel(tablet);
                    return;
                }
                Lure::ExcludePending(_) => Role::Pending,
                Lure::ExcludeLeaving(_) => Role::Source,
            };
            if hand.is_in(tablet, stage)
                && let Some(victim) = hand.victim(role, tablet)
            {
                hand.hit(FaultKind::Exclude, victim);
            }
        });
    }
}
