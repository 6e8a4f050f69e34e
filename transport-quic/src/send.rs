//! The sending half of a stream.

use async_trait::async_trait;
use bytes::Bytes;
use quinn::{SendStream, StoppedError, VarInt, WriteError};
use tidegate_transport::{ResetCode, SendHalf, StreamError};
use tokio::time::timeout;

use crate::link::StreamBounds;

/// Frames are a length of four bytes, big-endian, and the payload.
pub(crate) const HEADER: usize = 4;

/// A quinn stream that ends cleanly only when told to: quinn's own would do so on drop.
#[derive(Debug)]
pub(crate) struct QuicSend {
    stream: SendStream,
    bounds: StreamBounds,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// A send has begun and not ended: if that is ever seen, it was dropped half-way.
    Sending,
    Failed(StreamError),
    /// Ended or reset; nothing is left to do on drop.
    Over,
}

impl QuicSend {
    pub(crate) fn new(stream: SendStream, bounds: StreamBounds) -> Self {
        Self {
            stream,
            bounds,
            state: State::Whole,
        }
    }

    /// Whether the stream is whole; a half-sent frame is not.
    fn check(&self) -> Result<(), StreamError> {
        match self.state {
            State::Whole => Ok(()),
            State::Sending | State::Over => Err(StreamError::Malformed),
            State::Failed(error) => Err(error),
        }
    }

    fn cut(&mut self, code: ResetCode) {
        if self.stream.reset(VarInt::from_u32(code.as_u32())).is_err() {
            // It was over already, which is all that is asked.
        }
    }

    fn fail(&mut self, error: StreamError, code: ResetCode) -> StreamError {
        self.cut(code);
        self.state = State::Failed(error);
        error
    }

    /// The chunks of one frame, or its length when it is too long.
    fn frame(&self, parts: &[Bytes]) -> Result<Vec<Bytes>, usize> {
        let len = parts
            .iter()
            .try_fold(0_usize, |sum, part| sum.checked_add(part.len()))
            .unwrap_or(usize::MAX);
        let header = u32::try_from(len)
            .ok()
            .filter(|_| len <= self.bounds.frame_max)
            .ok_or(len)?;
        let mut chunks = Vec::with_capacity(parts.len() + 1);
        chunks.push(Bytes::copy_from_slice(&header.to_be_bytes()));
        chunks.extend(parts.iter().filter(|part| !part.is_empty()).cloned());
        Ok(chunks)
    }
}

#[async_trait]
impl SendHalf for QuicSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.check()?;
        let mut chunks = match self.frame(parts) {
            Ok(chunks) => chunks,
            Err(len) => {
                let error = StreamError::FrameTooLarge {
                    len,
                    max: self.bounds.frame_max,
                };
                return Err(self.fail(error, ResetCode::Decode));
            }
        };
        self.state = State::Sending;
        match self.stream.write_all_chunks(&mut chunks).await {
            Ok(()) => {
                self.state = State::Whole;
                Ok(())
            }
            Err(error) => Err(self.fail(write_error(&error), ResetCode::Dropped)),
        }
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StreamError> {
        // A stream that has failed, or holds half a frame, is reset by the drop.
        self.check()?;
        if self.stream.finish().is_err() {
            return Err(StreamError::Malformed);
        }
        self.state = State::Over;
        match timeout(self.bounds.finish_deadline, self.stream.stopped()).await {
            Ok(Ok(None)) => Ok(()),
            Ok(Ok(Some(code))) => Err(StreamError::Reset(reset_code(code))),
            Ok(Err(error)) => Err(stopped_error(&error)),
            Err(_) => {
                self.cut(ResetCode::Stalled);
                Err(StreamError::Reset(ResetCode::Stalled))
            }
        }
    }

    fn reset(mut self: Box<Self>, code: ResetCode) {
        self.cut(code);
        self.state = State::Over;
    }

    async fn stopped(&mut self) -> StreamError {
        if let State::Failed(error) = self.state {
            return error;
        }
        match self.stream.stopped().await {
            Ok(Some(code)) => StreamError::Reset(reset_code(code)),
            // Only a stream that was ended or reset by this half says so.
            Ok(None) => StreamError::Malformed,
            Err(error) => stopped_error(&error),
        }
    }
}

impl Drop for QuicSend {
    fn drop(&mut self) {
        if self.state != State::Over {
            self.cut(ResetCode::Dropped);
        }
    }
}

/// The code of a reset or a stop; what does not fit is none of ours.
pub(crate) fn reset_code(code: VarInt) -> ResetCode {
    ResetCode::from_u32(u32::try_from(code.into_inner()).unwrap_or(u32::MAX))
}

fn write_error(error: &WriteError) -> StreamError {
    match error {
        WriteError::Stopped(code) => StreamError::Reset(reset_code(*code)),
        WriteError::ConnectionLost(_) => StreamError::Disconnected,
        WriteError::ClosedStream | WriteError::ZeroRttRejected => StreamError::Malformed,
    }
}

fn stopped_error(error: &StoppedError) -> StreamError {
    match error {
        StoppedError::ConnectionLost(_) => StreamError::Disconnected,
        StoppedError::ZeroRttRejected => StreamError::Malformed,
    }
}
