//! Streams that peers have opened and nobody has accepted yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tidegate_transport::Incoming;
use tokio::sync::Semaphore;

/// A bounded queue with many ends on either side; the transport was shut down once it is closed.
#[derive(Debug)]
pub(crate) struct Backlog {
    streams: Mutex<VecDeque<Incoming>>,
    /// One permit per place that is free.
    room: Semaphore,
    /// One permit per stream in the queue.
    filled: Semaphore,
}

/// The queue was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BacklogClosed;

impl Backlog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            streams: Mutex::new(VecDeque::new()),
            room: Semaphore::new(capacity),
            filled: Semaphore::new(0),
        }
    }

    /// Waits for a place and takes it.
    ///
    /// # Cancel safety
    ///
    /// Safe: the stream is in the queue, or it is dropped.
    pub(crate) async fn push(&self, stream: Incoming) -> Result<(), BacklogClosed> {
        self.room.acquire().await.map_err(|_| BacklogClosed)?.forget();
        self.lock().push_back(stream);
        self.filled.add_permits(1);
        Ok(())
    }

    /// Waits for a stream and takes it out.
    ///
    /// # Cancel safety
    ///
    /// Safe: no stream is lost.
    pub(crate) async fn pop(&self) -> Result<Incoming, BacklogClosed> {
        self.filled.acquire().await.map_err(|_| BacklogClosed)?.forget();
        let stream = self.lock().pop_front();
        self.room.add_permits(1);
        stream.ok_or(BacklogClosed)
    }

    /// Fails every wait from now on, and drops what is in the queue.
    pub(crate) fn close(&self) {
        self.room.close();
        self.filled.close();
        let streams = std::mem::take(&mut *self.lock());
        drop(streams);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Incoming>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
