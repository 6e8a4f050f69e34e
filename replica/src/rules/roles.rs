//! Which tablets concern a node, and what follows for its sessions and its fence.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_guard::SessionId;
use tidegate_tablets::{Epoch, Metadata, NodeId, Stage, TabletId, Touched};

/// The tablets that concern a node, and the session each has there.
///
/// What to open and close is derived from the state as it is, never from what happened on the way: a node that skips
/// states, installs a snapshot or restarts arrives at the same sessions. The work follows the change, not the table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Roles {
    node: NodeId,
    concerned: BTreeMap<TabletId, Option<SessionId>>,
}

/// What a node has to do about a newer map, in this order: sessions, clock, fence; then it publishes the map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolesStep {
    /// What becomes of the sessions.
    pub sessions: SessionsStep,
    /// The sessions that this closes, as far as the node knew of them.
    pub closed: Vec<SessionId>,
    /// The node's clock goes above this, if it is not zero.
    pub purge_floor: u64,
    /// The tablets to publish to the fence, each with its epoch.
    pub publish: Vec<(TabletId, Epoch)>,
    /// The tablets that the fence is to forget.
    pub forget: Vec<TabletId>,
    /// The tablets that concerned the node before, and do no more.
    pub left: BTreeSet<TabletId>,
}

/// What becomes of a node's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionsStep {
    /// These are open, and no others.
    Exactly(BTreeSet<SessionId>),
    /// First these are closed, then those opened.
    Delta {
        /// To close.
        close: Vec<SessionId>,
        /// To open.
        open: Vec<SessionId>,
    },
}

impl Roles {
    /// Nothing concerns the node yet.
    #[must_use]
    pub const fn new(node: NodeId) -> Self {
        Self {
            node,
            concerned: BTreeMap::new(),
        }
    }

    /// The tablets that concern the node.
    pub fn tablets(&self) -> impl Iterator<Item = TabletId> + '_ {
        self.concerned.keys().copied()
    }

    /// Follows to a newer map, of which `touched` may differ from the one before. The first call after a start needs
    /// [`Touched::All`].
    pub fn follow(&mut self, map: &Metadata, touched: &Touched) -> RolesStep {
        let all = *touched == Touched::All;
        // A node that finds itself excluded takes part in nothing.
        let member = map.is_live_member(self.node);
        let touched = self.looked_at(map, touched, member);
        let (mut close, mut open) = (Vec::new(), Vec::new());
        let mut left = BTreeSet::new();
        for &tablet in &touched {
            let concerns = member && is_concerned(map, self.node, tablet);
            let wanted = concerns.then(|| map.session_of(tablet, self.node)).flatten();
            let before = if concerns {
                self.concerned.insert(tablet, wanted)
            } else {
                let before = self.concerned.remove(&tablet);
                left.extend(before.is_some().then_some(tablet));
                before
            };
            let had = before.flatten();
            if had != wanted {
                close.extend(had);
                open.extend(wanted);
            }
        }
        let closed = close.clone();
        let sessions = if all {
            SessionsStep::Exactly(self.concerned.values().copied().flatten().collect())
        } else {
            SessionsStep::Delta { close, open }
        };
        #[cfg(tidegate_mutants)]
        let sessions = match sessions {
            SessionsStep::Exactly(open) if tidegate_mutants::on("sessions-by-events") => {
                SessionsStep::Delta {
                    close: Vec::new(),
                    open: open.into_iter().collect(),
                }
            }
            sessions => sessions,
        };
        let (publish, forget) = self.shown(map, &touched);
        RolesStep {
            sessions,
            closed,
            purge_floor: floor_of(map, &touched),
            publish,
            forget,
            left,
        }
    }

    fn looked_at(&self, map: &Metadata, touched: &Touched, member: bool) -> BTreeSet<TabletId> {
        let known = self.concerned.keys().copied();
        match touched {
            _ if !member => known.collect(),
            Touched::Tablets(tablets) => tablets.clone(),
            Touched::All => map.tablets.keys().copied().chain(known).collect(),
        }
    }

    fn shown(&self, map: &Metadata, touched: &BTreeSet<TabletId>) -> (Vec<(TabletId, Epoch)>, Vec<TabletId>) {
        let (mut publish, mut forget) = (Vec::new(), Vec::new());
        for tablet in touched {
            match map.tablets.get(tablet) {
                Some(shown) if self.concerned.contains_key(tablet) => publish.push((*tablet, shown.epoch)),
                _ => forget.push(*tablet),
            }
        }
        (publish, forget)
    }
}

fn floor_of(map: &Metadata, touched: &BTreeSet<TabletId>) -> u64 {
    let shown = touched.iter().filter_map(|tablet| map.tablets.get(tablet));
    shown.map(|t| t.purge_floor).max().unwrap_or(0)
}

/// Whether `node` is replica or participant of the tablet.
#[must_use]
pub fn is_concerned(map: &Metadata, node: NodeId, tablet: TabletId) -> bool {
    map.tablets.get(&tablet).is_some_and(|t| t.concerns(node))
}

/// The epoch at which the transition began in which `node` is about to be the pending replica: before its first
/// barrier is answered it removes what it finds of the tablet, once for each such epoch.
#[must_use]
pub fn about_to_be_pending(map: &Metadata, node: NodeId, tablet: TabletId) -> Option<Epoch> {
    let transition = map.tablets.get(&tablet)?.transition.as_ref()?;
    (transition.stage == Stage::AllowWriteBothReadOld && transition.pending() == Some(node))
        .then_some(transition.begun)
}

/// Whether what `node` has staged under `session` is still needed.
#[must_use]
pub fn keeps_staged(map: &Metadata, node: NodeId, session: SessionId) -> bool {
    map.session_of(TabletId::of_session(session), node) == Some(session)
}
