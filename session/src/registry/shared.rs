//! What a registry and its guards share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tidegate_guard::SessionId;
use tokio::time::Instant;

use super::book::SessionBook;
use super::index::{Index, Left};
use super::session::Session;
use crate::meters::Meters;
use crate::primitive::Locked;
use crate::{Holder, SessionConfig, SessionState};

/// What a registry and its guards share.
///
/// The book says which session is in which state and is the one truth. It keeps those that are open in the index, which
/// leads a thaw to its session without a lock that others wait for. Locks are taken in the order book, part of the
/// index, holders.
pub(super) struct Shared {
    book: Locked<Book>,
    /// The sessions that are open or closing; opened, closed and taken out under the book's lock only.
    index: Arc<Index>,
    meters: Meters,
}

/// Notes of each closing session since when it is.
type Book = SessionBook<Instant, Arc<Index>>;

/// What has to be done after the book's lock is let go.
#[derive(Default)]
struct Aftermath {
    opened: u32,
    closing: u32,
    closed: u32,
    shut: Vec<Arc<Session>>,
}

impl Shared {
    pub(super) fn new(config: &SessionConfig) -> Self {
        let index = Arc::new(Index::new());
        Self {
            book: Locked::new(Book::keeping(Arc::clone(&index), config.closed_remembered)),
            index,
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
        // Race: two changes at once, whose halves mix into a state that neither wanted. Defence: choosing, closing
        // and opening are one step under the lock.
        let after = self.book.with(|book| {
            let delta = book.difference(wanted);
            change(book, &delta.close, &delta.open)
        });
        self.follow(after);
    }

    pub(super) fn apply(&self, close: &[SessionId], open: &[SessionId]) {
        let after = self.book.with(|book| change(book, close, open));
        self.follow(after);
    }

    fn follow(&self, after: Aftermath) {
        self.meters.opened(after.opened);
        self.meters.closing(after.closing);
        (0..after.closed).for_each(|_session| self.meters.closed(Duration::ZERO));
        for session in after.shut {
            session.gate().wake();
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
        self.book.with(|_book| self.index.open_ids())
    }

    pub(super) fn closing_ids(&self) -> Vec<SessionId> {
        self.book.with(|book| book.closing_ids().collect())
    }

    /// Those of `ids` that are closing, each once, in order.
    pub(super) fn closing_among(&self, ids: &[SessionId]) -> Vec<(SessionId, Arc<Session>)> {
        self.book.with(|book| {
            let mut closing: Vec<SessionId> = ids.iter().copied().filter(|id| book.is_closing(*id)).collect();
            closing.sort_unstable();
            closing.dedup();
            let found = closing.into_iter();
            found.filter_map(|id| Some((id, self.find(id)?))).collect()
        })
    }

    /// Who holds any session, oldest first.
    pub(super) fn holders(&self) -> Vec<Holder> {
        holders_of(&self.index.entered())
    }
}

/// Closes, then opens.
fn change(book: &mut Book, close: &[SessionId], open: &[SessionId]) -> Aftermath {
    let mut after = Aftermath::default();
    let mut now = None;
    for id in close {
        // Race: the last holder leaves meanwhile. Whoever looks at the gate last, after both the shutting and the
        // leaving, sees it closed and empty: if not this look, then that of the holder, who then waits for the book.
        let since = |left: &Left| left.held.then(|| *now.get_or_insert_with(Instant::now));
        let Some(left) = book.begin_closing(*id, since) else {
            continue;
        };
        after.closing += 1;
        after.closed += u32::from(!left.held);
        after.shut.extend(left.session);
    }
    for id in open {
        after.opened += u32::from(book.open(*id));
    }
    after
}

impl Drop for Shared {
    fn drop(&mut self) {
        let (open, closing) = self
            .book
            .with(|book| (self.index.open_ids().len(), book.closing_ids().len()));
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
