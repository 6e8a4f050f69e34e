//! Streams that peers have opened and nobody has accepted yet; for those who write a transport.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Semaphore;

use crate::Incoming;

/// A bounded queue with many ends on either side; the transport was shut down once it is closed.
#[derive(Debug)]
pub struct Backlog {
    streams: Mutex<VecDeque<Incoming>>,
    /// One permit per place that is free.
    room: Semaphore,
    /// One permit per stream in the queue.
    filled: Semaphore,
}

/// The queue was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the queue of accepted streams was closed")]
pub struct BacklogClosed;

impl Backlog {
    /// A queue for so many streams.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            streams: Mutex::new(VecDeque::new()),
            room: Semaphore::new(capacity),
            filled: Semaphore::new(0),
        }
    }

    /// Waits for a place and takes it.
    ///
    /// # Errors
    ///
    /// [`BacklogClosed`]; the stream is dropped.
    ///
    /// # Cancel safety
    ///
    /// Safe: the stream is in the queue, or it is dropped.
    pub async fn push(&self, stream: Incoming) -> Result<(), BacklogClosed> {
        self.room.acquire().await.map_err(|_| BacklogClosed)?.forget();
        self.put(stream)
    }

    fn put(&self, stream: Incoming) -> Result<(), BacklogClosed> {
        let mut streams = self.lock();
        // Race: the close comes between the place and the stream, which nobody would take out or drop any more.
        // Defence: a close that is not seen here takes the lock later, and finds the stream.
        if self.room.is_closed() {
            return Err(BacklogClosed);
        }
        streams.push_back(stream);
        drop(streams);
        self.filled.add_permits(1);
        Ok(())
    }

    /// Waits for a stream and takes it out.
    ///
    /// # Errors
    ///
    /// [`BacklogClosed`].
    ///
    /// # Cancel safety
    ///
    /// Safe: no stream is lost.
    pub async fn pop(&self) -> Result<Incoming, BacklogClosed> {
        self.filled.acquire().await.map_err(|_| BacklogClosed)?.forget();
        let stream = self.lock().pop_front();
        self.room.add_permits(1);
        stream.ok_or(BacklogClosed)
    }

    /// Fails every wait from now on, and drops what is in the queue.
    pub fn close(&self) {
        self.room.close();
        self.filled.close();
        let streams = std::mem::take(&mut *self.lock());
        drop(streams);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Incoming>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerId;
    use crate::pipe::{PipeConfig, pipe};

    #[test]
    fn a_stream_that_comes_after_the_close_is_not_kept() {
        let backlog = Backlog::new(1);
        let (_near, stream) = pipe(PipeConfig::default());
        let peer = PeerId::new(1);
        backlog.close();
        assert_eq!(backlog.put(Incoming { peer, stream }), Err(BacklogClosed));
        assert!(backlog.lock().is_empty());
    }
}
