//! The sessions that are open, as a book wants them kept.

use std::collections::BTreeSet;

use tidegate_guard::SessionId;

use crate::SessionDelta;

/// The sessions that are open, as a [`SessionBook`](crate::SessionBook) wants them kept: an ordered set of ids is all
/// it takes.
pub trait OpenSessions {
    /// What is left of a session that was open and is to close.
    type Left;

    /// Adds a session; answers whether it was not among them.
    fn open(&mut self, id: SessionId) -> bool;

    /// Whether a session is among them.
    fn is_open(&self, id: SessionId) -> bool;

    /// Takes a session out, if it is among them.
    fn close(&mut self, id: SessionId) -> Option<Self::Left>;

    /// What makes them `wanted`, in order.
    fn difference(&self, wanted: &BTreeSet<SessionId>) -> SessionDelta;
}

impl OpenSessions for BTreeSet<SessionId> {
    type Left = ();

    fn open(&mut self, id: SessionId) -> bool {
        self.insert(id)
    }

    fn is_open(&self, id: SessionId) -> bool {
        self.contains(&id)
    }

    fn close(&mut self, id: SessionId) -> Option<()> {
        self.remove(&id).then_some(())
    }

    fn difference(&self, wanted: &BTreeSet<SessionId>) -> SessionDelta {
        let close = self.difference(wanted).copied().collect();
        let open = wanted.difference(self).copied().collect();
        SessionDelta { close, open }
    }
}
