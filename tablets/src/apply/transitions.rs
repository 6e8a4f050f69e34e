//! Transitions begin, go from stage to stage, and end.

use std::collections::BTreeSet;

use super::TransitionEvent;
use crate::{
    Accepted, Applied, Epoch, Metadata, NodeId, Reason, Refused, Stage, Tablet, TabletId, Transition,
    TransitionKind, quorum_of,
};

impl Metadata {
    pub(super) fn begin(
        &mut self,
        id: TabletId,
        expected: Epoch,
        (kind, reason): (TransitionKind, Reason),
        (leaving, pending): (Option<NodeId>, Option<NodeId>),
        purge_floor: u64,
    ) -> Result<Applied, Refused> {
        let mut tablet = self.tablet_at(id, expected)?.clone();
        if tablet.transition.is_some() {
            return Err(Refused::InTransition(id));
        }
        let new = match (kind, leaving, pending) {
            (TransitionKind::Purge, None, None) => {
                check_floor(&tablet, purge_floor)?;
                tablet.replicas.clone()
            }
            (TransitionKind::Purge, ..) => return Err(Refused::invalid("a purge changes no replica")),
            (_, Some(leaving), Some(pending)) => {
                if purge_floor != 0 {
                    return Err(Refused::invalid("only a purge has a floor"));
                }
                self.replaced(&tablet.replicas, kind, leaving, pending)?
            }
            _ => {
                return Err(Refused::invalid(
                    "a leaving replica and a pending one have to be named",
                ));
            }
        };
        if !reason.suits(kind) {
            return Err(Refused::invalid(
                "the reason is not one for that kind of transition",
            ));
        }
        // Here and not where it is planned: what the balancer has on its way is refused too.
        if reason != Reason::Operator && !self.balancing {
            return Err(Refused::BalancingOff);
        }
        let epoch = epoch_after(&tablet)?;

        let stage = Stage::first(kind);
        tablet.epoch = epoch;
        tablet.purge_floor = tablet.purge_floor.max(purge_floor);
        tablet.transition = Some(Transition {
            kind,
            reason,
            stage,
            begun: epoch,
            old: tablet.replicas.clone(),
            new,
            session: stage.writes_session().then(|| (id.session_at(epoch), epoch)),
            purge_floor,
            fewer_sources: false,
        });
        if let Some(pending) = pending {
            self.hold(pending, id);
        }
        self.tablets.insert_mut(id, tablet);
        Ok(Applied::touching(Accepted::Epoch(epoch), [id]).with(TransitionEvent::Begun(kind)))
    }

    pub(super) fn advance(
        &mut self,
        id: TabletId,
        expected: Epoch,
        to: Option<Stage>,
    ) -> Result<Applied, Refused> {
        let mut tablet = self.tablet_at(id, expected)?.clone();
        let next = epoch_after(&tablet);
        let Some(transition) = &mut tablet.transition else {
            return Err(Refused::NoTransition(id));
        };
        let epoch = next?;
        let Some(to) = to else {
            return self.end(id, tablet, epoch);
        };
        let from = transition.stage;
        let forward = from.next() == Some(to) && !self.relies_on_old(transition);
        let back = from.back() == Some(to) && self.may_go_back(transition);
        if !forward && !back {
            return Err(Refused::NoEdge { from });
        }

        enter(id, transition, to, epoch);
        tablet.epoch = epoch;
        self.tablets.insert_mut(id, tablet);
        Ok(Applied::touching(Accepted::Epoch(epoch), [id]))
    }

    pub(super) fn cancel(&mut self, id: TabletId, begun: Epoch) -> Result<Applied, Refused> {
        let mut tablet = self.tablets.get(&id).ok_or(Refused::NoTablet(id))?.clone();
        let next = epoch_after(&tablet);
        let transition = tablet
            .transition
            .as_mut()
            .filter(|transition| transition.begun == begun);
        let Some(transition) = transition else {
            return Err(Refused::NoTransition(id));
        };
        let stage = transition.stage;
        let (true, Some(to)) = (stage.cancellable(), stage.back()) else {
            return Err(Refused::TooLate { stage });
        };
        let epoch = next?;

        enter(id, transition, to, epoch);
        tablet.epoch = epoch;
        self.tablets.insert_mut(id, tablet);
        Ok(Applied::touching(Accepted::Epoch(epoch), [id]))
    }

    pub(super) fn allow_fewer_sources(&mut self, id: TabletId, expected: Epoch) -> Result<Applied, Refused> {
        let mut tablet = self.tablet_at(id, expected)?.clone();
        let next = epoch_after(&tablet);
        let Some(transition) = &mut tablet.transition else {
            return Err(Refused::NoTransition(id));
        };
        if transition.kind != TransitionKind::Rebuild {
            return Err(Refused::invalid("only a rebuild can go on with fewer sources"));
        }
        if !transition.stage.cancellable() {
            return Err(Refused::invalid("the rebuild has pulled already, or goes back"));
        }
        if transition.fewer_sources {
            return Err(Refused::invalid(
                "the rebuild may go on with fewer sources already",
            ));
        }
        let epoch = next?;

        // The session stays: it belongs to the stage, and this is no edge.
        transition.fewer_sources = true;
        tablet.epoch = epoch;
        self.tablets.insert_mut(id, tablet);
        Ok(Applied::touching(Accepted::Epoch(epoch), [id]))
    }

    fn end(&mut self, id: TabletId, mut tablet: Tablet, epoch: Epoch) -> Result<Applied, Refused> {
        let Some(transition) = tablet.transition.take() else {
            return Err(Refused::NoTransition(id));
        };
        let kind = transition.kind;
        let (gone, event) = match transition.stage {
            Stage::EndMigration => (transition.leaving(), TransitionEvent::Completed(kind)),
            Stage::RevertMigration => (transition.pending(), TransitionEvent::RolledBack(kind)),
            Stage::EndPurge => (None, TransitionEvent::Completed(kind)),
            from => return Err(Refused::NoEdge { from }),
        };

        if transition.stage == Stage::EndMigration {
            tablet.replicas = transition.new;
        }
        if let Some(node) = gone {
            self.let_go(node, id);
        }
        tablet.epoch = epoch;
        self.tablets.insert_mut(id, tablet);
        Ok(Applied::touching(Accepted::Epoch(epoch), [id]).with(event))
    }

    fn tablet_at(&self, id: TabletId, expected: Epoch) -> Result<&Tablet, Refused> {
        let tablet = self.tablets.get(&id).ok_or(Refused::NoTablet(id))?;
        if tablet.epoch == expected {
            Ok(tablet)
        } else {
            Err(Refused::Epoch { actual: tablet.epoch })
        }
    }

    /// `replicas` with `pending` in the place of `leaving`.
    fn replaced(
        &self,
        replicas: &BTreeSet<NodeId>,
        kind: TransitionKind,
        leaving: NodeId,
        pending: NodeId,
    ) -> Result<BTreeSet<NodeId>, Refused> {
        if !replicas.contains(&leaving) {
            return Err(Refused::invalid("the leaving node is no replica"));
        }
        if replicas.contains(&pending) {
            return Err(Refused::invalid("the pending node is a replica already"));
        }
        if !self.is_live_member(pending) {
            return Err(Refused::NoNode(pending));
        }
        match (kind, self.is_live_member(leaving)) {
            (TransitionKind::Rebuild, true) => {
                return Err(Refused::invalid("a rebuild replaces an excluded replica"));
            }
            (TransitionKind::Migration, false) => return Err(Refused::NoNode(leaving)),
            _ => {}
        }
        let mut new = replicas.clone();
        new.remove(&leaving);
        new.insert(pending);
        Ok(new)
    }

    /// Whether the way back that the stage has may be taken now.
    ///
    /// Once reads are new, only when the new set has lost more than the old one.
    fn may_go_back(&self, transition: &Transition) -> bool {
        transition.stage.cancellable()
            || self.excluded_of(&transition.new) > self.excluded_of(&transition.old)
    }

    /// Whether exclusions were accepted because the old set has a quorum, where the new one has none.
    ///
    /// An exclusion changes no epoch: a change planned before it still matches, and must not leave that set.
    fn relies_on_old(&self, transition: &Transition) -> bool {
        let Transition { stage, old, new, .. } = transition;
        *stage == Stage::WriteBothReadNew
            && new.len() - self.excluded_of(new) < quorum_of(new)
            && self.excluded_of(new) > self.excluded_of(old)
    }

    fn excluded_of(&self, set: &BTreeSet<NodeId>) -> usize {
        set.iter().filter(|node| self.is_excluded(**node)).count()
    }
}

/// Enters a stage at `epoch`: writes its session, keeps the one there is, or clears it.
fn enter(id: TabletId, transition: &mut Transition, to: Stage, epoch: Epoch) {
    #[cfg(tidegate_mutants)]
    if tidegate_mutants::on("rollback-keeps-session") && transition.stage.back() == Some(to) {
        transition.stage = to;
        return;
    }
    if to.writes_session() {
        transition.session = Some((id.session_at(epoch), epoch));
    } else if !transition.stage.keeps_session(to) {
        transition.session = None;
    }
    transition.stage = to;
}

fn epoch_after(tablet: &Tablet) -> Result<Epoch, Refused> {
    tablet
        .epoch
        .checked_next()
        .ok_or(Refused::invalid("the tablet's epochs are used up"))
}

fn check_floor(tablet: &Tablet, floor: u64) -> Result<(), Refused> {
    if floor <= tablet.purge_floor {
        return Err(Refused::invalid(
            "a purge's floor lies above that of the purges before",
        ));
    }
    // Every replica's clock has to go above the floor.
    if floor == u64::MAX {
        return Err(Refused::invalid("no clock can go above that floor"));
    }
    Ok(())
}
