//! The way from an id to its session, without a lock that others wait for.

mod map;

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_guard::SessionId;

use self::map::{Map, Place};
use super::book::{OpenSessions, SessionDelta};
use super::session::Session;

/// The sessions that are open or closing, by id; and so the book's list of those that are open: there may be a million,
/// and one look-up does for both. Each call is one step, if it does not say otherwise; no reference into it is handed
/// out.
///
/// A session that nobody has entered yet is no more than its id: its gate is made when the first holder comes.
pub(super) struct Index {
    sessions: Map,
}

/// What is left of a session that was open, and is shut now.
pub(super) struct Left {
    /// It, to be woken; nothing of one that nobody ever entered.
    pub(super) session: Option<Arc<Session>>,
    /// Somebody is inside. If not, it is gone from the index.
    pub(super) held: bool,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { sessions: Map::new() }
    }

    /// The session to enter, if it is open or closing.
    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        // Race: the session is closed between the two calls, or while its gate is made. Defence: id and gate are in
        // one place. Whoever closes first leaves no place to make a gate in; whoever closes later finds the gate, and
        // shuts it.
        let found = self.sessions.look(id, Clone::clone)?;
        found.or_else(|| {
            self.sessions
                .change(id, |place| Arc::clone(place.get_or_insert_default()))
        })
    }

    /// Takes out a session that is closed now.
    pub(super) fn remove(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.remove_if(id, |_place| true).flatten()
    }

    /// Those that are open, in order. Not one step: for callers who keep others from opening and closing meanwhile.
    pub(super) fn open_ids(&self) -> Vec<SessionId> {
        let mut ids = self.sessions.collect(|id, place| is_open(place).then_some(id));
        ids.sort_unstable();
        ids
    }

    /// Those that somebody has entered, in order. Not one step; but whoever is inside all the while is in one of them:
    /// a session stays where it is until it is empty.
    pub(super) fn entered(&self) -> Vec<(SessionId, Arc<Session>)> {
        let mut all = self.sessions.collect(|id, place| Some((id, place.clone()?)));
        all.sort_unstable_by_key(|(id, _session)| *id);
        all
    }
}

/// Changed under the book's lock only.
impl OpenSessions for Arc<Index> {
    type Left = Left;

    fn open(&mut self, id: SessionId) -> bool {
        self.sessions.insert(id)
    }

    fn is_open(&self, id: SessionId) -> bool {
        self.sessions.look(id, is_open).unwrap_or(false)
    }

    /// Gates are shut here and woken later: wakers are foreign code, and there is a lock.
    fn close(&mut self, id: SessionId) -> Option<Left> {
        let mut left = None;
        let removed = self.sessions.remove_if(id, |place| {
            let Some(session) = place else { return true };
            if !session.gate().shut() {
                return false;
            }
            let held = !session.gate().is_drained();
            left = Some(Left {
                session: Some(Arc::clone(session)),
                held,
            });
            !held
        });
        left.or_else(|| {
            removed.map(|_place| Left {
                session: None,
                held: false,
            })
        })
    }

    fn difference(&self, wanted: &BTreeSet<SessionId>) -> SessionDelta {
        let open: BTreeSet<SessionId> = self.open_ids().into_iter().collect();
        OpenSessions::difference(&open, wanted)
    }
}

fn is_open(place: &Place) -> bool {
    place
        .as_ref()
        .is_none_or(|session| session.gate().check().is_ok())
}
