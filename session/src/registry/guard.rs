//! The guard that a thaw hands out.

use std::fmt;
use std::sync::Arc;

use tidegate_guard::{Closing, Gate, Guard, Label, OwnedEntry, Rejected, SessionId};
use tokio::time::Instant;

use super::session::{Place, Record, Session, Share};
use super::shared::Shared;

/// One holder of a session of a registry.
pub(super) struct SessionGuard {
    // Race: a report made while a holder goes. Off the list first, a holder that still holds up a drain would be
    // missing in the report of that drain. Defence: fields are dropped in this order, so the holder leaves the gate
    // first. A report names all who hold, and at worst one who left a moment ago.
    entry: OwnedEntry<Share>,
    listed: Listed,
}

/// A holder's place on the list, and what is left to do once it is out of the gate.
struct Listed {
    id: SessionId,
    place: Place,
    record: Arc<Record>,
    session: Arc<Session>,
    shared: Arc<Shared>,
}

impl SessionGuard {
    pub(super) fn enter(
        shared: &Arc<Shared>,
        id: SessionId,
        session: Arc<Session>,
        label: Label,
    ) -> Result<Self, Rejected> {
        let record = Arc::new(Record::new(label, Instant::now()));
        // Race: the session closes between the look-up and the entry. Defence: the gate decides, not the index.
        let Ok((entry, place)) = session.enter(&record) else {
            return Err(if session.gate().is_drained() {
                Rejected::Closed
            } else {
                Rejected::Closing
            });
        };
        shared.meters().thawed();
        Ok(Self {
            entry,
            listed: Listed {
                id,
                place,
                record,
                session,
                shared: Arc::clone(shared),
            },
        })
    }

    fn gate(&self) -> &Gate {
        self.entry.gate()
    }
}

impl Guard for SessionGuard {
    fn session(&self) -> Option<SessionId> {
        Some(self.listed.id)
    }

    fn check(&self) -> Result<(), Rejected> {
        self.gate().check().map_err(|_closed| Rejected::Closing)
    }

    fn closing(&self) -> Closing<'_> {
        self.gate().closing()
    }

    fn progress(&self, step: &'static str) {
        self.listed.record.progress(step, Instant::now());
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.session.unlist(self.place);
        self.shared.meters().dropped();
        // Race: the last holder leaves while another thread closes the session; nobody need be draining, and still
        // the session has to become closed. Both look at the gate after their own change of its one word, so the
        // later of the two sees it closed and empty; if both do, the book lets the first finish.
        self.shared.finish_if_drained(self.id, &self.session);
    }
}

impl fmt::Debug for SessionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionGuard")
            .field("session", &self.listed.id)
            .field("label", &self.listed.record.label().to_string())
            .finish_non_exhaustive()
    }
}
