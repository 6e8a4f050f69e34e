//! Rows on their way into a table file.
//!
//! fjall writes rows that come in order straight into table files: once, past its journal and its memory. Such a file
//! counts from when it is finished. Its writer borrows the keyspace, so it lives on a thread of its own, which ends with
//! it. What is not finished is abandoned, and leaves nothing but a file that goes with its keyspace, or at the next start.
//!
//! To finish takes as long as the disk needs for all of the file, so a run is told to, and is left to itself meanwhile.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use bytes::Bytes;
use tidegate_guard::SharedGuard;
use tidegate_kv::{StoredValue, decode_rows};
use tidegate_streaming::{EngineError, Position};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::error::{Panicked, engine_error, failed};
use crate::record::store_row_key;
use crate::tablet::Space;

/// Batches that wait for the writer, beside the one that it writes.
const BATCHES_QUEUED: usize = 4;

/// A table file that is being written. Dropped, it is abandoned.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` once it was told to finish, or is given up.
    work: Option<Sender<Work>>,
    writer: Option<JoinHandle<Result<(), EngineError>>>,
    /// Whose rows they are, and how far they go.
    pub(crate) peer: u64,
    pub(crate) last: Position,
    /// Of rows, as the quota counts them.
    pub(crate) bytes: u64,
}

/// Each piece has a guard of its own, which it holds until it has ended.
enum Work {
    Rows(Bytes, SharedGuard),
    Finish(First, Option<SharedGuard>),
}

/// What has to have succeeded before a file may become part of its keyspace.
type First = Box<dyn FnOnce() -> Result<(), EngineError> + Send>;

impl Run {
    /// Begins a table file; the first batch follows.
    pub(crate) fn start(space: &Arc<Space>, peer: u64, last: Position) -> Result<Self, EngineError> {
        let (work, mut queue) = channel(BATCHES_QUEUED);
        let space = Arc::clone(space);
        let writer = Builder::new()
            .name("tidegate-run".to_owned())
            .spawn(move || write(&space, &mut queue))
            .map_err(failed)?;
        Ok(Self {
            work: Some(work),
            writer: Some(writer),
            peer,
            last,
            bytes: 0,
        })
    }

    /// Hands over a batch whose rows come in order, behind all that came before. Waits while the writer is behind.
    pub(crate) fn push(
        &mut self,
        payload: Bytes,
        last: Position,
        guard: SharedGuard,
    ) -> Result<(), EngineError> {
        if !self.hand(Work::Rows(payload, guard)) {
            self.ended()?;
            return Err(failed(Panicked));
        }
        self.reaches(last);
        Ok(())
    }

    /// The same, if the writer is not behind, nor has ended.
    pub(crate) fn try_push(&mut self, payload: Bytes, last: Position, guard: SharedGuard) -> bool {
        let work = Work::Rows(payload, guard);
        let handed = self
            .work
            .as_ref()
            .is_some_and(|queue| queue.try_send(work).is_ok());
        if handed {
            self.reaches(last);
        }
        handed
    }

    /// Whether it is worth to [try](Self::try_push).
    pub(crate) fn has_room(&self) -> bool {
        self.work.as_ref().is_some_and(|queue| queue.capacity() > 0)
    }

    fn reaches(&mut self, last: Position) {
        if self.last < last {
            self.last = last;
        }
    }

    /// Waits while the writer is behind; false if it has ended.
    fn hand(&self, work: Work) -> bool {
        let Some(queue) = &self.work else { return false };
        match queue.try_send(work) {
            Ok(()) => true,
            Err(TrySendError::Full(work)) => queue.blocking_send(work).is_ok(),
            Err(TrySendError::Closed(_)) => false,
        }
    }

    /// Begins to make the file part of its keyspace, durably, after `first`, unless the guard refuses by then.
    pub(crate) fn finish(&mut self, first: First, guard: Option<SharedGuard>) {
        // If the writer has ended, what it ended with says why.
        self.hand(Work::Finish(first, guard));
        self.work = None;
    }

    /// Whether [`ended`](Self::ended) need not wait.
    pub(crate) fn has_ended(&self) -> bool {
        self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until it is finished; what was not told to is given up.
    pub(crate) fn ended(&mut self) -> Result<(), EngineError> {
        drop(self.work.take());
        self.writer
            .take()
            .and_then(|writer| writer.join().ok())
            .unwrap_or_else(|| Err(failed(Panicked)))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Waits for its last batches: until then it holds the directory, and who opens it next would find it in use.
        if self.writer.is_some() {
            drop(self.ended());
        }
    }
}

fn write(space: &Space, queue: &mut Receiver<Work>) -> Result<(), EngineError> {
    let mut file = space.keyspace.start_ingestion().map_err(engine_error)?;
    let (mut key, mut stored) = (Vec::new(), Vec::new());
    while let Some(work) = queue.blocking_recv() {
        match work {
            Work::Rows(payload, guard) => {
                let rows = decode_rows(&payload).map_err(|error| EngineError::Decode(error.to_string()))?;
                for row in rows {
                    store_row_key(row.key, &mut key);
                    StoredValue::from(row).encode_into(&mut stored);
                    file.write(&*key, &*stored).map_err(engine_error)?;
                }
                drop(guard);
            }
            Work::Finish(first, guard) => {
                // Race: the session begins to close while the file waits for the one before it, or for its last batches,
                // seconds on a slow disk; the drain would wait for a file that was begun after it. Defence: its guard is
                // checked right before each of the two waits for the disk. What is refused is lost, and told at the end.
                let check = || guard.as_ref().map_or(Ok(()), |guard| guard.check());
                check()?;
                first()?;
                check()?;
                file.finish().map_err(engine_error)?;
                drop(guard);
                return Ok(());
            }
        }
    }
    Ok(())
}
