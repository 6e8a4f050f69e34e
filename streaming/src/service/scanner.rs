//! Reads a snapshot ahead of the network.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tidegate_guard::{Rejected, SharedGuard};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::closed::closed_by_now;
use crate::{Batch, EngineError, Opening, SourceEngine, StreamingConfig};

/// What a scan gave; its end is told, so that a scan that panicked is not taken for one that ended.
#[derive(Debug)]
enum Scanned {
    Batch(Batch),
    End,
    Failed(EngineError),
}

/// Reads a snapshot, in a task of its own where it does not end at once, a bounded number of batches ahead. The task is
/// never aborted: dropped, the scanner lets a call that has started end, under the task's own guard, and begins no other.
#[derive(Debug)]
pub(super) struct Scanner {
    scanned: mpsc::Receiver<Scanned>,
}

impl Scanner {
    pub(super) fn start(
        engine: Arc<dyn SourceEngine>,
        opening: Opening,
        guard: SharedGuard,
        config: &StreamingConfig,
    ) -> Self {
        let (room, scanned) = mpsc::channel(config.batches_in_flight.max(1));
        let batch_bytes = config.batch_bytes.max(1);
        let scanning = async move {
            if let Err(error) = scan(&*engine, opening, &guard, batch_bytes, &room).await {
                // Ends when there is room, or nobody waits any more.
                drop(room.send(Scanned::Failed(error)).await);
            }
        };
        let mut scanning = Box::pin(AssertUnwindSafe(scanning).catch_unwind());
        // Of a small unit that is all; a panic shows as a scan that ended without a word. What does not end at once is
        // polled anew in its task.
        if scanning.as_mut().now_or_never().is_none() {
            tokio::spawn(scanning.in_current_span());
        }
        Self { scanned }
    }

    /// The next batch; `None` at the end of the snapshot.
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>, EngineError> {
        match self.scanned.recv().await {
            Some(Scanned::Batch(batch)) => Ok(Some(batch)),
            Some(Scanned::End) => Ok(None),
            Some(Scanned::Failed(error)) => Err(error),
            None => Err(EngineError::Failed("the scan ended without a word".into())),
        }
    }
}

async fn scan(
    engine: &dyn SourceEngine,
    opening: Opening,
    guard: &SharedGuard,
    batch_bytes: usize,
    room: &mpsc::Sender<Scanned>,
) -> Result<(), EngineError> {
    let mut scan = engine
        .snapshot(opening.unit, Arc::clone(guard), opening.resume)
        .await?;
    loop {
        // Room first: nothing is read that nobody waits for.
        let slot = tokio::select! {
            biased;
            () = closed_by_now(guard) => return Err(Rejected::Closing.into()),
            slot = room.reserve() => match slot {
                Ok(slot) => slot,
                Err(_) => return Ok(()),
            },
            () = guard.closing() => return Err(Rejected::Closing.into()),
        };
        match scan.next(batch_bytes).await? {
            Some(batch) => slot.send(Scanned::Batch(batch)),
            None => {
                slot.send(Scanned::End);
                return Ok(());
            }
        }
    }
}
