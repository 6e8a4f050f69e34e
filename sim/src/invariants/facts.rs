//! What the events have told, gathered once for all invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_guard::SessionId;
use tidegate_session::SessionState;
use tidegate_tablets::{Epoch, Metadata, NodeId, Stage, Tablet, TabletId, Version, quorum_of};

use super::histories::Histories;
use crate::event::{EffectKind, Event, FaultKind};

/// What the events have told.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The newest decided metadata.
    pub(crate) metadata: Arc<Metadata>,
    /// The one before it.
    pub(crate) previous: Arc<Metadata>,
    /// What each tablet was at each of its epochs.
    pub(crate) tablets: BTreeMap<(TabletId, Epoch), Arc<Tablet>>,
    /// Every session that was ever decided.
    pub(crate) sessions: BTreeMap<SessionId, SessionFacts>,
    /// What each node has last done with each session.
    pub(crate) states: BTreeMap<(NodeId, SessionId), StateFacts>,
    /// The state that the session of this event had on that node before it.
    pub(crate) state_before: Option<StateFacts>,
    /// The nodes.
    pub(crate) nodes: BTreeMap<NodeId, NodeFacts>,
    /// Engine calls that run, by number.
    pub(crate) effects: BTreeMap<u64, Effect>,
    /// The call that this event has ended.
    pub(crate) ended: Option<Effect>,
    /// The highest epoch of each tablet for which a node has answered that nothing older is left.
    pub(crate) barriers: BTreeMap<(NodeId, TabletId), Epoch>,
    /// Tablets whose acknowledged writes an operator has given up.
    pub(crate) given_up: BTreeSet<TabletId>,
    /// Whether nothing goes wrong any more.
    pub(crate) healed: bool,
    /// Whether anything has gone wrong, and still may, that can hold up a barrier by itself.
    pub(crate) disturbed: bool,
    /// What clients asked, and heard.
    pub(crate) histories: Histories,
}

/// A session, as the metadata knows it.
#[derive(Debug, Clone)]
pub(crate) struct SessionFacts {
    pub(crate) tablet: TabletId,
    /// The epoch that wrote it, and the version.
    pub(crate) written: (Epoch, Version),
    /// The epoch that cleared it, and the version; the tablet may be gone with it.
    pub(crate) cleared: Option<(Epoch, Version)>,
    /// The stage that wrote it.
    pub(crate) stage: Stage,
    /// The nodes that took part.
    pub(crate) participants: BTreeSet<NodeId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StateFacts {
    pub(crate) state: SessionState,
    pub(crate) incarnation: u64,
    /// Whether it is closing, or closed, because its node was told to stop: metadata had not cleared it.
    pub(crate) by_stop: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct NodeFacts {
    pub(crate) is_up: bool,
    /// Whether it was told to stop.
    pub(crate) is_stopping: bool,
    pub(crate) incarnation: u64,
    /// What its copy of the metadata has come to.
    pub(crate) applied: Version,
}

impl NodeFacts {
    const fn started(incarnation: u64, applied: Version) -> Self {
        Self {
            is_up: true,
            is_stopping: false,
            incarnation,
            applied,
        }
    }
}

/// An engine call with a side effect.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) node: NodeId,
    pub(crate) tablet: TabletId,
    pub(crate) kind: EffectKind,
    pub(crate) session: Option<SessionId>,
    /// The tablet's epoch when it began, the highest that a request behind it can have.
    pub(crate) epoch: Epoch,
    /// Whether it did what it was asked; known once it ended.
    pub(crate) done: bool,
}

impl Facts {
    pub(crate) fn take_in(&mut self, event: &Event) {
        self.histories.take_in(event);
        (self.ended, self.state_before) = (None, None);
        match event {
            Event::Decided {
                metadata, touched, ..
            } => self.decided(metadata, touched),
            Event::Applied { node, version, .. } => self.node(*node).applied = *version,
            Event::Started {
                node,
                incarnation,
                version,
            } => {
                let (incarnation, applied) = (*incarnation, *version);
                *self.node(*node) = NodeFacts::started(incarnation, applied);
            }
            Event::Stopping { node } => self.node(*node).is_stopping = true,
            Event::Crashed { node } => {
                self.node(*node).is_up = false;
                self.effects.retain(|_, effect| effect.node != *node);
            }
            Event::Session {
                node,
                incarnation,
                session,
                state,
            } if self.is_of_now(*node, *incarnation) => {
                self.session(*node, *incarnation, *session, *state);
            }
            Event::EffectBegun {
                call,
                node,
                tablet,
                kind,
                session,
            } => {
                let effect = Effect {
                    node: *node,
                    tablet: *tablet,
                    kind: *kind,
                    session: *session,
                    epoch: self.epoch(*tablet),
                    done: false,
                };
                self.effects.insert(*call, effect);
            }
            Event::EffectEnded { call, done } => {
                let ended = self.effects.remove(call);
                self.ended = ended.map(|effect| Effect {
                    done: *done,
                    ..effect
                });
            }
            Event::BarrierAnswered {
                node,
                tablet,
                epoch,
                result: Ok(()),
            } => {
                let held = self.barriers.entry((*node, *tablet)).or_default();
                *held = (*epoch).max(*held);
            }
            Event::Fault { kind, .. } => self.disturbed |= !is_harmless(*kind),
            Event::Healed => (self.healed, self.disturbed) = (true, false),
            _ => {}
        }
    }

    /// Whether this start of the node is the one that runs now: what an earlier one still does, nobody sees.
    pub(crate) fn is_of_now(&self, node: NodeId, incarnation: u64) -> bool {
        self.nodes
            .get(&node)
            .is_none_or(|facts| facts.is_up && facts.incarnation == incarnation)
    }

    /// The tablet's epoch in the newest metadata.
    pub(crate) fn epoch(&self, tablet: TabletId) -> Epoch {
        self.metadata
            .tablets
            .get(&tablet)
            .map_or(Epoch::MAX, |tablet| tablet.epoch)
    }

    /// Whether the metadata at `epoch` of its tablet, or before, had cleared this session.
    pub(crate) fn is_cleared_at(&self, session: SessionId, epoch: Epoch) -> bool {
        self.sessions
            .get(&session)
            .and_then(|facts| facts.cleared)
            .is_some_and(|(cleared, _)| cleared <= epoch)
    }

    /// The state that a session has on a node, in the start of it that runs now.
    pub(crate) fn state(&self, node: NodeId, session: SessionId) -> Option<SessionState> {
        let facts = self.states.get(&(node, session))?;
        self.is_of_now(node, facts.incarnation).then_some(facts.state)
    }

    /// Calls that run on a node for a tablet.
    pub(crate) fn running(&self, node: NodeId, tablet: TabletId) -> impl Iterator<Item = (&u64, &Effect)> {
        self.effects
            .iter()
            .filter(move |(_, effect)| effect.node == node && effect.tablet == tablet)
    }

    fn session(&mut self, node: NodeId, incarnation: u64, session: SessionId, state: SessionState) {
        let before = self.states.get(&(node, session));
        let by_stop = match state {
            SessionState::Open => false,
            SessionState::Closing => self.is_stopping(node) && !self.is_cleared(session),
            SessionState::Closed => before.is_some_and(|before| before.by_stop),
        };
        let facts = StateFacts {
            state,
            incarnation,
            by_stop,
        };
        self.state_before = self.states.insert((node, session), facts);
    }

    /// Whether a node was told to stop, and has not started again.
    pub(crate) fn is_stopping(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|facts| facts.is_stopping)
    }

    /// Whether the newest metadata does not name that session any more, or never did.
    pub(crate) fn is_cleared(&self, session: SessionId) -> bool {
        let facts = self.sessions.get(&session);
        facts.is_none_or(|facts| facts.cleared.is_some())
    }

    fn node(&mut self, node: NodeId) -> &mut NodeFacts {
        self.nodes.entry(node).or_default()
    }

    fn decided(&mut self, metadata: &Arc<Metadata>, touched: &[TabletId]) {
        self.previous = std::mem::replace(&mut self.metadata, Arc::clone(metadata));
        for id in touched {
            let before = self.previous.tablets.get(id);
            let after = metadata.tablets.get(id);
            let had = before
                .and_then(|tablet| tablet.transition.as_ref())
                .and_then(|t| t.session);
            let has = after
                .and_then(|tablet| tablet.transition.as_ref())
                .and_then(|t| t.session);
            if had != has {
                let epoch = after.map_or(Epoch::MAX, |tablet| tablet.epoch);
                if let Some(facts) = had.and_then(|(session, _)| self.sessions.get_mut(&session)) {
                    facts.cleared.get_or_insert((epoch, metadata.version));
                }
                if let (Some((session, written)), Some(tablet)) = (has, after) {
                    self.written(session, (written, metadata.version), *id, tablet);
                }
            }
            if let Some(tablet) = after {
                if self.gives_up(tablet) {
                    self.given_up.insert(*id);
                }
                self.tablets
                    .entry((*id, tablet.epoch))
                    .or_insert_with(|| Arc::new(tablet.clone()));
            }
        }
    }

    fn written(&mut self, session: SessionId, written: (Epoch, Version), id: TabletId, tablet: &Tablet) {
        let Some(transition) = &tablet.transition else {
            return;
        };
        self.sessions.entry(session).or_insert_with(|| SessionFacts {
            tablet: id,
            written,
            cleared: None,
            stage: transition.stage,
            participants: transition.participants(),
        });
    }

    /// Whether acknowledged writes of the tablet may be gone by an operator's word.
    fn gives_up(&self, tablet: &Tablet) -> bool {
        let live = |set: &BTreeSet<NodeId>| {
            let live = set
                .iter()
                .filter(|node| !self.metadata.is_excluded(**node))
                .count();
            live >= quorum_of(set)
        };
        let Some(transition) = &tablet.transition else {
            return !live(&tablet.replicas);
        };
        // Where reads are new and there is a way back, either set holds what was acknowledged.
        let way_back = transition.stage == Stage::WriteBothReadNew && live(&transition.old);
        transition.fewer_sources || !(live(tablet.read_set()) || way_back)
    }
}

/// Whether a fault can hold up no barrier but one of a tablet whose own work it slows down.
const fn is_harmless(kind: FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::SlowDisk | FaultKind::Cancel | FaultKind::DropTable | FaultKind::BalancingOff
    )
}
