//! The streams of a node to itself: pipes, counted and cut like any other; for those who write a transport.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::pipe::{Line, Pipe, PipeConfig, PipeEnd, pipe_between};
use crate::{Duplex, RecvHalf, ResetCode, SendHalf, StreamError};

/// All streams that a node has open to itself.
#[derive(Debug)]
pub struct Loopback {
    config: PipeConfig,
    places: Arc<Semaphore>,
    lines: Arc<Mutex<Lines>>,
}

#[derive(Debug, Default)]
struct Lines {
    next: u64,
    open: BTreeMap<u64, Line>,
}

/// One stream; each of its four halves holds a copy.
#[derive(Debug)]
struct Ticket {
    id: u64,
    lines: Arc<Mutex<Lines>>,
    _place: OwnedSemaphorePermit,
}

impl Loopback {
    /// Streams like those of [`pipe`](crate::pipe::pipe), so many at once.
    #[must_use]
    pub fn new(config: PipeConfig, streams: usize) -> Self {
        Self {
            config,
            places: Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS))),
            lines: Arc::default(),
        }
    }

    /// Both ends of a new stream, waiting for room no longer than `wait`.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub async fn open(&self, wait: Duration) -> Option<(Duplex, Duplex)> {
        let place = timeout(wait, Arc::clone(&self.places).acquire_owned())
            .await
            .ok()?
            .ok()?;
        let end = || PipeEnd {
            config: self.config,
            wire: None,
        };
        let Pipe { near, far, line } = pipe_between(end(), end());
        let mut lines = lock(&self.lines);
        let id = lines.next;
        lines.next += 1;
        lines.open.insert(id, line);
        drop(lines);
        let ticket = Arc::new(Ticket {
            id,
            lines: Arc::clone(&self.lines),
            _place: place,
        });
        Some((counted(near, &ticket), counted(far, &ticket)))
    }

    /// Cuts every stream.
    pub fn cut(&self) {
        let open = std::mem::take(&mut lock(&self.lines).open);
        for line in open.values() {
            line.cut();
        }
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.lines).open.remove(&self.id);
    }
}

fn counted(stream: Duplex, ticket: &Arc<Ticket>) -> Duplex {
    Duplex {
        send: Box::new(CountedSend {
            inner: stream.send,
            _ticket: Arc::clone(ticket),
        }),
        recv: Box::new(CountedRecv {
            inner: stream.recv,
            _ticket: Arc::clone(ticket),
        }),
    }
}

#[derive(Debug)]
struct CountedSend {
    inner: Box<dyn SendHalf>,
    _ticket: Arc<Ticket>,
}

#[async_trait]
impl SendHalf for CountedSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.inner.send(parts).await
    }

    async fn finish(self: Box<Self>) -> Result<(), StreamError> {
        let Self { inner, _ticket } = *self;
        inner.finish().await
    }

    fn reset(self: Box<Self>, code: ResetCode) {
        self.inner.reset(code);
    }

    async fn stopped(&mut self) -> StreamError {
        self.inner.stopped().await
    }
}

#[derive(Debug)]
struct CountedRecv {
    inner: Box<dyn RecvHalf>,
    _ticket: Arc<Ticket>,
}

#[async_trait]
impl RecvHalf for CountedRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        self.inner.recv().await
    }

    async fn recv_parts(&mut self) -> Result<Option<Vec<Bytes>>, StreamError> {
        self.inner.recv_parts().await
    }

    fn stop(self: Box<Self>, code: ResetCode) {
        self.inner.stop(code);
    }
}
