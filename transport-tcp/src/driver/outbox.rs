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

/// Messages and payloads in order. It is filled only when it is empty, and then with little: one piece at most.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Bytes>,
    words: BytesMut,
}

impl Outbox {
    pub(crate) fn say(&mut self, message: Message) {
        if self.words.capacity() < HEADER {
            self.words.reserve(WORDS);
        }
        self.words.extend_from_slice(&message.encode());
        self.chunks.push_back(self.words.split().freeze());
    }

    /// Payload, after the message that announces it.
    pub(crate) fn put(&mut self, bytes: Bytes) {
        self.chunks.push_back(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.chunks.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Writes until it is empty.
    pub(crate) fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.chunks.is_empty() {
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
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
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
