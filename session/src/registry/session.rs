//! One session: its gate, and who is inside.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_guard::{Gate, GateClosed, Label, OwnedEntry, SessionId};
use tokio::time::Instant;

use crate::primitive::Locked;
use crate::{Holder, SessionState};

/// One session that is open or closing, and that somebody has entered. Small, as there may be a million.
pub(super) struct Session {
    gate: Gate,
    holders: Locked<Holders>,
}

/// The holders inside, in the order in which they came.
#[derive(Default)]
struct Holders {
    next: u64,
    records: BTreeMap<Place, Arc<Record>>,
}

/// A holder's place on the list of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(u64);

/// What a report says of one holder.
pub(super) struct Record {
    label: Label,
    since: Instant,
    progress: Locked<Progress>,
}

#[derive(Clone, Copy)]
struct Progress {
    step: &'static str,
    at: Instant,
}

/// A share of a session, as owner of its gate.
pub(super) struct Share(Arc<Session>);

impl AsRef<Gate> for Share {
    fn as_ref(&self) -> &Gate {
        &self.0.gate
    }
}

impl Session {
    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// What its gate says.
    pub(super) fn state(&self) -> SessionState {
        if self.gate.check().is_ok() {
            SessionState::Open
        } else if self.gate.is_drained() {
            SessionState::Closed
        } else {
            SessionState::Closing
        }
    }

    /// Enters, and puts the holder on the list.
    pub(super) fn enter(
        self: &Arc<Self>,
        record: &Arc<Record>,
    ) -> Result<(OwnedEntry<Share>, Place), GateClosed> {
        // Race: a thaw enters, the session closes, and a report is made before the thaw is on the list: a drain
        // that names nobody. Defence: entering and listing are one step under the lock that the report takes too.
        self.holders.with(|holders| {
            let entry = Gate::enter_through(Share(Arc::clone(self)))?;
            holders.next += 1;
            let place = Place(holders.next);
            holders.records.insert(place, Arc::clone(record));
            Ok((entry, place))
        })
    }

    /// Takes a holder off the list; it has left already.
    pub(super) fn unlist(&self, place: Place) {
        // Dropped, with its label, outside the lock.
        let _record = self.holders.with(|holders| holders.records.remove(&place));
    }

    /// Who is inside now.
    pub(super) fn records(&self) -> Vec<Arc<Record>> {
        self.holders
            .with(|holders| holders.records.values().cloned().collect())
    }
}

impl Default for Session {
    fn default() -> Self {
        Self {
            gate: Gate::new(),
            holders: Locked::new(Holders::default()),
        }
    }
}

impl Record {
    pub(super) fn new(label: Label, now: Instant) -> Self {
        Self {
            label,
            since: now,
            progress: Locked::new(Progress { step: "", at: now }),
        }
    }

    pub(super) const fn label(&self) -> &Label {
        &self.label
    }

    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    pub(super) fn progress(&self, step: &'static str, now: Instant) {
        self.progress
            .with(|progress| *progress = Progress { step, at: now });
    }

    pub(super) fn describe(&self, session: SessionId, now: Instant) -> Holder {
        let progress = self.progress.with(|progress| *progress);
        Holder {
            session,
            label: self.label.clone(),
            step: progress.step,
            age: now.saturating_duration_since(self.since),
            idle: now.saturating_duration_since(progress.at),
        }
    }
}
