//! Changes of the metadata, and what has to hold at each.

use std::collections::BTreeSet;

use tidegate_tablets::{Change, Epoch, NodeId, Reason, Refused, Stage, TransitionKind};

use super::map::Map;
use super::oracle;
use super::reached::{Reach, reach};
use super::scope::{AWAY, DELETED_AT, HOME, TABLET};
use super::state::{Client, State};

impl State {
    /// The log decides a change; answers whether it was accepted.
    pub(super) fn decide(&mut self, change: &Change) -> bool {
        let before = self.log.newest().clone();
        let after = match before.after(change) {
            Ok(after) => after,
            Err(refused) => {
                match refused {
                    Refused::Quorum(_) => reach(Reach::QuorumKept),
                    Refused::InTransition(_) => reach(Reach::MoveRefusedWhileMoving),
                    _ => {}
                }
                return false;
            }
        };
        self.judge(change, &before, &after);
        self.log.push(after);
        true
    }

    fn judge(&mut self, change: &Change, before: &Map, after: &Map) {
        let (old, new) = (before.tablet(), after.tablet());
        if new.epoch == old.epoch {
            return;
        }
        if let Change::Advance { expected, .. } | Change::Begin { expected, .. } = change
            && *expected != old.epoch
        {
            self.breaks("I4: only a change that names the tablet's epoch is accepted");
        }
        if matches!(change, Change::Begin { .. }) && old.transition.is_some() {
            self.breaks("I4: a tablet has at most one transition");
        }
        if oracle::both_selectors_change(old, new) {
            self.breaks("the selectors of reads and writes never change in one step");
        }
        if let (Change::Advance { to, .. }, Some(from)) = (change, &old.transition)
            && !oracle::is_back(from.stage, *to)
        {
            self.judge_forward(before);
            if oracle::has_barrier(from.stage) {
                self.truth.limbo = None;
            }
        }
        let (had, has) = (before.session(), after.session());
        if had != has {
            self.truth.operations = BTreeSet::new();
            if had.is_some() {
                self.truth.limbo = had;
            }
        }
        if let Some(written) = has.filter(|_| had != has) {
            let earlier = (1..new.epoch.as_u64()).map(|epoch| TABLET.session_at(Epoch::new(epoch)));
            if earlier.into_iter().any(|id| id == written) {
                self.breaks("I2: a session's id never comes back");
            }
        }
        self.truth.barriers = BTreeSet::new();
    }

    /// A stage is left forward: what it asks for was truly done by everyone who is not excluded.
    fn judge_forward(&mut self, before: &Map) {
        let Some(transition) = &before.tablet().transition else {
            return;
        };
        let live = |node: &NodeId| !before.is_excluded(*node);
        let participants = transition.participants();
        let done = |node: &NodeId| self.truth.barriers.contains(node);
        if oracle::has_barrier(transition.stage) && !participants.iter().filter(|n| live(n)).all(done) {
            self.breaks("a stage is left only after the barrier of every participant, at its own epoch");
        }
        let asked = oracle::operators(transition);
        let done = |node: &NodeId| self.truth.operations.contains(node);
        if !asked.iter().filter(|node| live(node)).all(done) {
            self.breaks("a stage is left only after its operation");
        }
    }

    /// The move that an operator would ask for: away from home, or back.
    pub(super) fn next_move(&self) -> Change {
        let tablet = self.log.newest().tablet();
        let home = tablet.replicas.contains(&HOME);
        let (leaving, pending) = if home { (HOME, AWAY) } else { (AWAY, HOME) };
        Change::Begin {
            tablet: TABLET,
            expected: tablet.epoch,
            kind: TransitionKind::Migration,
            leaving: Some(leaving),
            pending: Some(pending),
            purge_floor: 0,
            reason: Reason::Operator,
        }
    }

    /// The purge that an operator would ask for, once the deletion was acknowledged.
    pub(super) fn next_purge(&self) -> Change {
        Change::Begin {
            tablet: TABLET,
            expected: self.log.newest().tablet().epoch,
            kind: TransitionKind::Purge,
            leaving: None,
            pending: None,
            purge_floor: DELETED_AT,
            reason: Reason::Operator,
        }
    }

    /// Whether a purge is worth asking for.
    pub(super) fn may_purge(&self) -> bool {
        self.budget.purges > 0 && self.client == Client::Acknowledged
    }

    /// A node is excluded, and so stopped: nothing of it happens any more.
    pub(super) fn stop(&mut self, id: NodeId) {
        self.calls.retain(|call| call.node != id);
        self.lose_requests(id, |_| true);
        let node = self.node_mut(id);
        let stopped = super::state::Node::started(id, node.copy, node.copy, node.row);
        *node = super::state::Node {
            up: false,
            copy: Default::default(),
            barrier: Default::default(),
            ..stopped
        };
    }

    /// Whether a transition runs in which the node takes part.
    pub(super) fn takes_part(&self, id: NodeId) -> bool {
        let transition = &self.log.newest().tablet().transition;
        transition
            .as_ref()
            .is_some_and(|transition| transition.takes_part(id))
    }

    /// The stage of the running transition.
    pub(super) fn stage(&self) -> Option<Stage> {
        Some(self.log.newest().tablet().transition.as_ref()?.stage)
    }
}
