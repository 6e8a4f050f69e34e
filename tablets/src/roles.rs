//! What a node has to do with a transition: planner, admission and reconcile ask the same questions here.

use std::collections::BTreeSet;

use tidegate_guard::{FrozenGuard, SessionId};

use crate::{Metadata, NodeId, Tablet, TabletId, Transition, TransitionKind, quorum_of};

impl Metadata {
    /// The session of `tablet` that `node` has to keep open: its transition's, if the node takes part in it and is
    /// not excluded. Every session of the tablet that this does not name is to be closed there.
    #[must_use]
    pub fn session_of(&self, tablet: TabletId, node: NodeId) -> Option<SessionId> {
        self.session_in(self.tablets.get(&tablet)?, node)
    }

    /// The same, of a tablet that was looked up here.
    #[must_use]
    pub fn session_in(&self, tablet: &Tablet, node: NodeId) -> Option<SessionId> {
        let transition = tablet.transition.as_ref()?;
        let (session, _) = transition.session?;
        (transition.takes_part(node) && !self.is_excluded(node)).then_some(session)
    }

    /// The nodes from which the pending replica of `transition` pulls, all of them: for a migration the leaving
    /// replica, for a rebuild every old replica that is left. Excluded ones are none.
    #[must_use]
    pub fn sources(&self, transition: &Transition) -> BTreeSet<NodeId> {
        let is_live = |node: &NodeId| !self.is_excluded(*node);
        match transition.kind {
            #[cfg(tidegate_mutants)]
            TransitionKind::Migration if tidegate_mutants::on("pull-from-any-replica") => {
                transition.old.iter().copied().find(is_live).into_iter().collect()
            }
            #[cfg(tidegate_mutants)]
            TransitionKind::Rebuild if tidegate_mutants::on("rebuild-from-one") => {
                transition.old.iter().copied().find(is_live).into_iter().collect()
            }
            TransitionKind::Migration => {
                let leaving = transition.leaving().filter(is_live);
                leaving.map_or_else(BTreeSet::new, |node| BTreeSet::from([node]))
            }
            TransitionKind::Rebuild => {
                let stay = transition.old.intersection(&transition.new).copied();
                stay.filter(is_live).collect()
            }
            TransitionKind::Purge => BTreeSet::new(),
        }
    }

    /// Whether enough [`sources`](Self::sources) are left for the pull to begin, see
    /// [`Transition::sources_needed`].
    #[must_use]
    pub fn has_sources(&self, transition: &Transition) -> bool {
        self.sources(transition).len() >= transition.sources_needed()
    }
}

impl Transition {
    /// Whether `node` is in the old or in the new set.
    #[must_use]
    pub fn takes_part(&self, node: NodeId) -> bool {
        self.old.contains(&node) || self.new.contains(&node)
    }

    /// How many sources a pull needs, so that one of them is in every write quorum.
    ///
    /// One for a migration: what counted on the leaving replica then counts on the pending one. For a rebuild
    /// `n - q + 1` of the `n` old replicas, the excluded one among the `n`; zero once an operator has given up the
    /// writes that this protects.
    #[must_use]
    pub fn sources_needed(&self) -> usize {
        match self.kind {
            TransitionKind::Migration => 1,
            TransitionKind::Rebuild if self.fewer_sources => 0,
            #[cfg(tidegate_mutants)]
            TransitionKind::Rebuild if tidegate_mutants::on("rebuild-from-one") => 1,
            TransitionKind::Rebuild => self.old.len() - quorum_of(&self.old).min(self.old.len()) + 1,
            TransitionKind::Purge => 0,
        }
    }

    /// What to send along with an operation of this stage: its session and the epoch that wrote it.
    #[must_use]
    pub fn frozen(&self) -> Option<FrozenGuard> {
        self.session.map(|(session, epoch)| FrozenGuard {
            session,
            epoch: epoch.as_u64(),
        })
    }
}
