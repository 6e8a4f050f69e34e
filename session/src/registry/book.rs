//! Which session is in which state; pure, ordered, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tidegate_guard::SessionId;
use tokio::time::Instant;

use crate::SessionState;

/// Which session is in which state. An id is in one place at most, and moves open, closing, closed only.
pub(super) struct Book {
    open: BTreeSet<SessionId>,
    /// With the instant at which each began to close.
    closing: BTreeMap<SessionId, Instant>,
    closed: Tombstones,
}

/// Which sessions to close, and then which to open.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delta {
    pub(super) close: Vec<SessionId>,
    pub(super) open: Vec<SessionId>,
}

/// The ids closed last; the oldest is forgotten when there are too many.
struct Tombstones {
    ids: BTreeSet<SessionId>,
    order: VecDeque<SessionId>,
    capacity: usize,
}

impl Book {
    pub(super) fn new(closed_remembered: usize) -> Self {
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
    pub(super) fn difference(&self, wanted: &BTreeSet<SessionId>) -> Delta {
        let close = self.open.difference(wanted).copied().collect();
        let open = wanted.difference(&self.open).copied().collect();
        Delta { close, open }
    }

    /// Opens a session; answers whether it did: not if it is known in any state.
    pub(super) fn open(&mut self, id: SessionId) -> bool {
        let known = self.closing.contains_key(&id) || self.closed.ids.contains(&id);
        !known && self.open.insert(id)
    }

    /// Begins to close a session; answers whether it was open. One that was never seen becomes closed, so that an
    /// order to open it which comes late opens nothing.
    pub(super) fn begin_closing(&mut self, id: SessionId, now: Instant) -> bool {
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
    pub(super) fn finish(&mut self, id: SessionId) -> Option<Instant> {
        let since = self.closing.remove(&id)?;
        self.closed.insert(id);
        Some(since)
    }

    pub(super) fn state(&self, id: SessionId) -> Option<SessionState> {
        if self.open.contains(&id) {
            Some(SessionState::Open)
        } else if self.closing.contains_key(&id) {
            Some(SessionState::Closing)
        } else {
            self.closed.ids.contains(&id).then_some(SessionState::Closed)
        }
    }

    pub(super) fn open_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
        self.open.iter().copied()
    }

    pub(super) fn closing_ids(&self) -> impl ExactSizeIterator<Item = SessionId> {
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
