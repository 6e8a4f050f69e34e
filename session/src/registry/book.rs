//! Which session is in which state; pure, ordered, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidegate_guard::SessionId;

use crate::SessionState;

/// Which session is in which state. An id is in one place at most, and moves open, closing, closed only.
///
/// Pure; `At` is what its owner notes of the moment at which a session began to close. A registry keeps one under its
/// lock; a model checker keeps one as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionBook<At> {
    open: BTreeSet<SessionId>,
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

/// The ids closed last; the oldest is forgotten when there are too many.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Tombstones {
    ids: BTreeSet<SessionId>,
    order: VecDeque<SessionId>,
    capacity: usize,
}

impl<At> SessionBook<At> {
    /// A book without sessions, which remembers that many closed ids.
    #[must_use]
    pub fn new(closed_remembered: usize) -> Self {
        let closed = Tombstones {
            ids: BTreeSet::new(),
            order: VecDeque::new(),
            capacity: closed_remembered,
        };
        Self {
            open: BTreeSet::new(),
            closing: BTreeMap::new(),
            closed,
        }
    }

    /// What makes the open sessions `wanted`, in order.
    #[must_use]
    pub fn difference(&self, wanted: &BTreeSet<SessionId>) -> SessionDelta {
        let close = self.open.difference(wanted).copied().collect();
        let open = wanted.difference(&self.open).copied().collect();
        SessionDelta { close, open }
    }

    /// Closes, then opens; answers what has begun to close and what was opened.
    pub fn change(&mut self, delta: &SessionDelta, now: At) -> SessionDelta
    where
        At: Copy,
    {
        let close = delta.close.iter().copied();
        let close = close.filter(|id| self.begin_closing(*id, now)).collect();
        let open = delta.open.iter().copied().filter(|id| self.open(*id)).collect();
        SessionDelta { close, open }
    }

    /// Opens a session; answers whether it did: not if it is known in any state.
    pub fn open(&mut self, id: SessionId) -> bool {
        let known = self.closing.contains_key(&id) || self.closed.ids.contains(&id);
        !known && self.open.insert(id)
    }

    /// Begins to close a session; answers whether it was open. One that was never seen becomes closed, so that an
    /// order to open it which comes late opens nothing.
    pub fn begin_closing(&mut self, id: SessionId, now: At) -> bool {
        if self.open.remove(&id) {
            self.closing.insert(id, now);
            return true;
        }
        if !self.closing.contains_key(&id) {
            self.closed.insert(id);
        }
        false
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
        if self.open.contains(&id) {
            Some(SessionState::Open)
        } else if self.closing.contains_key(&id) {
            Some(SessionState::Closing)
        } else {
            self.closed.ids.contains(&id).then_some(SessionState::Closed)
        }
    }

    /// The sessions that are open, in order.
    pub fn open_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.open.iter().copied()
    }

    /// The sessions that are closing, in order.
    pub fn closing_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.closing.keys().copied()
    }
}

impl Tombstones {
    fn insert(&mut self, id: SessionId) {
        if self.capacity == 0 || !self.ids.insert(id) {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > self.capacity {
            let oldest = self.order.pop_front();
            oldest.map(|oldest| self.ids.remove(&oldest));
        }
    }
}
