//! What became of moves, as this node saw it: stages, when, how long, why tried again or gone back, on whose behalf.
//!
//! It follows the metadata, so every node has one; retries and their reasons are the coordinator's, and known where the
//! log is led. It is kept in memory, and bounded: of each tablet, and in all.

mod book;
mod noted;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_coordinator::{EndedTransition, TransitionStatus};
use tidegate_raft::RaftStore;
use tidegate_tablets::{Epoch, Metadata, MetadataStore as _, NodeId, TabletId};
use tokio::time::{MissedTickBehavior, interval};

use self::book::Book;
use crate::api;
use crate::leading::Leading;
use crate::reports::JournalAsk;

/// How often the coordinator is looked at.
const PACE: Duration = Duration::from_millis(500);

/// Keeps the journal of one node.
pub(crate) struct JournalKeeper {
    node: NodeId,
    since_ms: u64,
    book: Mutex<Book>,
}

impl JournalKeeper {
    pub(crate) fn new(node: NodeId) -> Self {
        Self {
            node,
            since_ms: now_ms(),
            book: Mutex::default(),
        }
    }

    /// Follows the metadata, and the coordinator where this node leads, until the store stops.
    pub(crate) async fn follow(&self, raft: &RaftStore, leading: &Leading) {
        let mut changes = raft.changes();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                update = changes.next() => {
                    let Ok(update) = update else { return };
                    self.lock().note_update(&update, now_ms());
                }
                _ = pace.tick() => {
                    let Some(running) = leading.status() else { continue };
                    self.note_coordinator(&running, &leading.ended());
                }
            }
        }
    }

    fn note_coordinator(&self, running: &[TransitionStatus], ended: &[EndedTransition]) {
        let mut book = self.lock();
        for status in running {
            book.note_running(status, now_ms());
        }
        for ended in ended {
            book.note_ended(ended, now_ms());
        }
    }

    /// Takes down why a move goes back, where somebody knows who is no coordinator. `metadata` shows the move.
    pub(crate) fn note_back(&self, metadata: &Metadata, tablet: TabletId, begun: Epoch, why: &str) {
        self.lock()
            .note_back(metadata, tablet, begun.as_u64(), why, now_ms());
    }

    /// A part of it: the newest moves, the last entries.
    pub(crate) fn told(&self, asked: JournalAsk) -> api::Journal {
        let (tablet, limit) = (asked.tablet.map(TabletId::new), asked.limit as usize);
        let book = self.lock();
        api::Journal {
            node: self.node.as_u64(),
            since_ms: self.since_ms,
            moves: book.moves(tablet, limit),
            entries: book.entries(tablet, limit),
            silent: Vec::new(),
        }
    }

    /// When this node saw the tablet's transition, and its stage, begin: milliseconds ago.
    pub(crate) fn ages(&self, tablet: TabletId, begun: u64) -> Option<(u64, u64)> {
        let (began, stage) = self.lock().began(tablet, begun)?;
        let now = now_ms();
        Some((now.saturating_sub(began), now.saturating_sub(stage)))
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for JournalKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalKeeper")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
