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
        // A node that finds itself excluded takes part in nothing.
        let member = map.is_live_member(self.node);
        let mut followed = Followed::default();
        match touched {
            Touched::Tablets(tablets) if member => {
                followed.publish.reserve(tablets.len());
                let tablets = tablets.iter().copied();
                tablets.for_each(|tablet| self.follow_one(map, tablet, member, &mut followed));
            }
            _ => {
                let known = self.concerned.keys().copied();
                let tablets: BTreeSet<TabletId> = match touched {
                    Touched::All if member => map.tablets.keys().copied().chain(known).collect(),
                    _ => known.collect(),
                };
                let tablets = tablets.into_iter();
                tablets.for_each(|tablet| self.follow_one(map, tablet, member, &mut followed));
            }
        }
        let Followed {
            close,
            open,
            purge_floor,
            publish,
            forget,
            left,
        } = followed;
        let closed = close.clone();
        let sessions = match touched {
            Touched::All => SessionsStep::Exactly(self.concerned.values().copied().flatten().collect()),
            Touched::Tablets(_) => SessionsStep::Delta { close, open },
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
        RolesStep {
            sessions,
            closed,
            purge_floor,
            publish,
            forget,
            left,
        }
    }

    /// Looks a tablet up once, and notes all that follows.
    fn follow_one(&mut self, map: &Metadata, tablet: TabletId, member: bool, followed: &mut Followed) {
        let shown = map.tablets.get(&tablet);
        followed.purge_floor = followed
            .purge_floor
            .max(shown.map_or(0, |shown| shown.purge_floor));
        let concerning = shown.filter(|shown| member && shown.concerns(self.node));
        let wanted = concerning.and_then(|shown| map.session_in(shown, self.node));
        let before = match concerning {
            Some(shown) => {
                followed.publish.push((tablet, shown.epoch));
                self.concerned.insert(tablet, wanted)
            }
            None => {
                followed.forget.push(tablet);
                let before = self.concerned.remove(&tablet);
                followed.left.extend(before.is_some().then_some(tablet));
                before
            }
        };
        let had = before.flatten();
        if had != wanted {
            followed.close.extend(had);
            followed.open.extend(wanted);
        }
    }
}

/// What follows from the tablets that were looked at so far.
#[derive(Debug, Default)]
struct Followed {
    close: Vec<SessionId>,
    open: Vec<SessionId>,
    purge_floor: u64,
    publish: Vec<(TabletId, Epoch)>,
    forget: Vec<TabletId>,
    left: BTreeSet<TabletId>,
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
