//! What a connection has decided to say and not written yet.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use crate::wire::{HEADER, Message};

/// Chunks of one write, at most.
const CHUNKS: usize = 16;

/// Bytes for the messages to come.
const WORDS: usize = 1024;

/// Bytes that rustls takes at once; with fewer in it there is room. So its records are full ones, also where a frame
/// ends, and a message waits for little.
const FULL: usize = 64 << 10;

/// Messages and payloads in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Bytes>,
    /// Of all chunks.
    bytes: usize,
    words: BytesMut,
}

impl Outbox {
    pub(crate) fn say(&mut self, message: Message) {
        if self.words.capacity() < HEADER {
            self.words.reserve(WORDS);
        }
        self.words.extend_from_slice(&message.encode());
        let message = self.words.split().freeze();
        self.put(message);
    }

    /// Payload, after the message that announces it.
    pub(crate) fn put(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.chunks.push_back(bytes);
    }

    /// Whether there is less in it than is written at once.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes < FULL
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Writes as much as is taken at once.
    pub(crate) fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut slices = [IoSlice::new(&[]); CHUNKS];
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk);
        }
        let count = self.chunks.len().min(CHUNKS);
        let written = ready!(Pin::new(&mut *io).poll_write_vectored(context, &slices[..count]))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(written);
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(chunk) = self.chunks.front_mut() {
            if chunk.len() > written {
                chunk.advance(written);
                return;
            }
            written -= chunk.len();
            self.chunks.pop_front();
        }
    }
}
