//! Which session is in which state; pure, no clock.

mod open;
mod tombstones;

use std::collections::{BTreeMap, BTreeSet};

use tidegate_guard::SessionId;

pub use self::open::OpenSessions;
use self::tombstones::Tombstones;
use crate::SessionState;

/// Which session is in which state. An id is in one place at most, and moves open, closing, closed only.
///
/// Pure; `At` is what its owner notes of the moment at which a session began to close. A registry keeps one under its
/// lock; a model checker keeps one as it is. Of the sessions that are open there may be a million, and they are what
/// every thaw looks for: how they are kept is the owner's choice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionBook<At, Open = BTreeSet<SessionId>> {
    open: Open,
    /// With the instant at which each began to close.
    closing: BTreeMap<SessionId, At>,
    closed: Tombstones,
}

/// Which sessions to close, and then which to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDelta {
    /// Those to close, in order.
    pub close: Vec<SessionId>,
    /// Those to open, in order.
    pub open: Vec<SessionId>,
}

impl<At> SessionBook<At> {
    /// A book without sessions, which remembers that many closed ids.
    #[must_use]
    pub fn new(closed_remembered: usize) -> Self {
        Self::keeping(BTreeSet::new(), closed_remembered)
    }

    /// Closes, then opens; answers what has begun to close and what was opened.
    pub fn change(&mut self, delta: &SessionDelta, now: At) -> SessionDelta
    where
        At: Copy,
    {
        let close = delta.close.iter().copied();
        let close = close
            .filter(|id| self.begin_closing(*id, |()| Some(now)).is_some())
            .collect();
        let open = delta.open.iter().copied().filter(|id| self.open(*id)).collect();
        SessionDelta { close, open }
    }

    /// The sessions that are open, in order.
    pub fn open_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.open.iter().copied()
    }
}

impl<At, Open: OpenSessions> SessionBook<At, Open> {
    /// A book whose open sessions are kept in `open`.
    pub(super) fn keeping(open: Open, closed_remembered: usize) -> Self {
        Self {
            open,
            closing: BTreeMap::new(),
            closed: Tombstones::new(closed_remembered),
        }
    }

    /// What makes the open sessions `wanted`, in order.
    #[must_use]
    pub fn difference(&self, wanted: &BTreeSet<SessionId>) -> SessionDelta {
        self.open.difference(wanted)
    }

    /// Opens a session; answers whether it did: not if it is known in any state.
    pub fn open(&mut self, id: SessionId) -> bool {
        let known = self.closing.contains_key(&id) || self.closed.contains(id);
        !known && self.open.open(id)
    }

    /// Begins to close a session; answers what is left of it if it was open. `since` tells, from that, since when it
    /// is closing; with nothing to wait for it is closed at once. One that was never seen becomes closed, so that an
    /// order to open it which comes late opens nothing.
    pub fn begin_closing(
        &mut self,
        id: SessionId,
        since: impl FnOnce(&Open::Left) -> Option<At>,
    ) -> Option<Open::Left> {
        if self.closing.contains_key(&id) {
            return None;
        }
        let left = self.open.close(id);
        match left.as_ref().and_then(since) {
            Some(since) => {
                self.closing.insert(id, since);
            }
            None => self.closed.insert(id),
        }
        left
    }

    /// Makes a closing session closed; answers since when it was closing, to the first who calls.
    pub fn finish(&mut self, id: SessionId) -> Option<At> {
        let since = self.closing.remove(&id)?;
        self.closed.insert(id);
        Some(since)
    }

    /// The state of a session; `None` for one never seen, or forgotten.
    #[must_use]
    pub fn state(&self, id: SessionId) -> Option<SessionState> {
        if self.closing.contains_key(&id) {
            Some(SessionState::Closing)
        } else if self.open.is_open(id) {
            Some(SessionState::Open)
        } else {
            self.closed.contains(id).then_some(SessionState::Closed)
        }
    }

    /// Whether a session is closing.
    #[must_use]
    pub fn is_closing(&self, id: SessionId) -> bool {
        self.closing.contains_key(&id)
    }

    /// The sessions that are closing, in order.
    pub fn closing_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.closing.keys().copied()
    }
}
