//! What a registry and its guards share.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_guard::SessionId;
use tokio::time::Instant;

use super::book::{SessionBook, SessionDelta};
use super::index::Index;
use super::session::Session;
use crate::meters::Meters;
use crate::primitive::Locked;
use crate::{Holder, SessionConfig, SessionState};

/// What a registry and its guards share.
///
/// The book says which session is in which state and is the one truth; the index leads a thaw to its session
/// without a lock that others wait for. Locks are taken in the order book, shard of the index, holders.
pub(super) struct Shared {
    book: Locked<SessionBook<Instant>>,
    /// The sessions that are open or closing; changed under the book's lock only.
    index: Index,
    meters: Meters,
}

/// What has to be done after the book's lock is let go.
#[derive(Default)]
struct Aftermath {
    shut: Vec<(SessionId, Arc<Session>)>,
    opened: u32,
}

impl Shared {
    pub(super) fn new(config: &SessionConfig) -> Self {
        Self {
            book: Locked::new(SessionBook::new(config.closed_remembered)),
            index: Index::new(),
            meters: Meters::new(),
        }
    }

    pub(super) const fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The session to enter, if it is open or closing.
    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.index.find(id)
    }

    pub(super) fn reconcile(&self, wanted: &BTreeSet<SessionId>) {
        self.change(|book| book.difference(wanted));
    }

    pub(super) fn apply(&self, delta: SessionDelta) {
        self.change(|_book| delta);
    }

    /// Closes, then opens.
    fn change(&self, choose: impl FnOnce(&SessionBook<Instant>) -> SessionDelta) {
        let now = Instant::now();
        // Race: two changes at once, whose halves mix into a state that neither wanted. Defence: choosing, closing
        // and opening are one step under the lock. Gates are shut here and woken after: wakers are foreign code.
        let after = self.book.with(|book| {
            let delta = choose(book);
            let mut after = Aftermath::default();
            let done = book.change(&delta, now);
            for id in done.close {
                if let Some(session) = self.find(id)
                    && session.gate().shut()
                {
                    after.shut.push((id, session));
                }
            }
            for id in done.open {
                self.index.insert(id, Arc::new(Session::new()));
                after.opened += 1;
            }
            after
        });
        self.meters.opened(after.opened);
        for (id, session) in after.shut {
            self.meters.closing();
            session.gate().wake();
            self.finish_if_drained(id, &session);
        }
    }

    /// Makes a session closed if nobody holds it any more; whoever comes first does it.
    pub(super) fn finish_if_drained(&self, id: SessionId, session: &Session) {
        if !session.gate().is_drained() {
            return;
        }
        let finished = self.book.with(|book| {
            let since = book.finish(id)?;
            // Out of the index in the same step: who finds no session here finds its id among the closed.
            Some((since, self.index.remove(id)))
        });
        if let Some((since, _dropped_outside_the_lock)) = finished {
            self.meters.closed(since.elapsed());
        }
    }

    /// Waits until each of these sessions, which are closing, is closed.
    pub(super) async fn drained(&self, closing: &[(SessionId, Arc<Session>)]) {
        for (id, session) in closing {
            session.gate().drained().await;
            // Race: the last holder wakes a drain before it has made the session closed. Whoever waited for the
            // drain may ask for the state next, so the drain finishes the session itself.
            self.finish_if_drained(*id, session);
        }
    }

    /// Who still holds these sessions, which are closing; nobody if all are closed.
    pub(super) fn left(&self, closing: &[(SessionId, Arc<Session>)]) -> Vec<Holder> {
        // Race: the last holder leaves while the report is made: a drain that failed and names nobody. Defence: the
        // list is read before the gates. Nobody enters a closing session, and who leaves its gate is on the list
        // until after: a gate that is held now has its holder on the list that was read before.
        let mut holders = holders_of(closing);
        let mut held = BTreeSet::new();
        for (id, session) in closing {
            if session.gate().is_drained() {
                self.finish_if_drained(*id, session);
            } else {
                held.insert(*id);
            }
        }
        holders.retain(|holder| held.contains(&holder.session));
        holders
    }

    pub(super) fn state(&self, id: SessionId) -> Option<SessionState> {
        self.book.with(|book| book.state(id))
    }

    pub(super) fn open_ids(&self) -> Vec<SessionId> {
        self.book.with(|book| book.open_ids().collect())
    }

    pub(super) fn closing_ids(&self) -> Vec<SessionId> {
        self.book.with(|book| book.closing_ids().collect())
    }

    /// Those of `ids` that are closing, each once, in order.
    pub(super) fn closing_among(&self, ids: &[SessionId]) -> Vec<(SessionId, Arc<Session>)> {
        let ids: BTreeSet<SessionId> = ids.iter().copied().collect();
        self.book.with(|book| {
            let closing = ids
                .into_iter()
                .filter(|id| book.state(*id) == Some(SessionState::Closing));
            closing.filter_map(|id| Some((id, self.find(id)?))).collect()
        })
    }

    /// Who holds any session, oldest first.
    pub(super) fn holders(&self) -> Vec<Holder> {
        let sessions: Vec<(SessionId, Arc<Session>)> = self.book.with(|book| {
            let ids = book.open_ids().chain(book.closing_ids());
            ids.filter_map(|id| Some((id, self.find(id)?))).collect()
        });
        holders_of(&sessions)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (open, closing) = self
            .book
            .with(|book| (book.open_ids().len(), book.closing_ids().len()));
        self.meters.gone(open, closing);
    }
}

/// Who holds these sessions, oldest first; of one age, in the order of the sessions and of arrival.
pub(super) fn holders_of(sessions: &[(SessionId, Arc<Session>)]) -> Vec<Holder> {
    let now = Instant::now();
    let mut holders: Vec<_> = sessions
        .iter()
        .flat_map(|(id, session)| {
            session
                .records()
                .into_iter()
                .map(move |record| (record.since(), *id, record))
        })
        .collect();
    // Stable, so that the order of arrival stays where the instants are equal.
    holders.sort_by_key(|(since, id, _record)| (*since, *id));
    holders
        .into_iter()
        .map(|(_since, id, record)| record.describe(id, now))
        .collect()
}
