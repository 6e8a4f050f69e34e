//! The sending half of a stream.

use std::future::poll_fn;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::{ResetCode, SendHalf, StreamError};
use tokio::time::timeout;

use crate::stream::{Frame, Stream};

/// Hands frames to the driver of the connection; ends cleanly only when told to.
#[derive(Debug)]
pub(crate) struct TcpSend {
    stream: Arc<Stream>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// A send has begun and not ended: if that is ever seen, it was dropped half-way.
    Sending,
    Failed(StreamError),
    /// Reset; nothing is left to do on drop.
    Over,
}

impl TcpSend {
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        Self {
            stream,
            state: State::Whole,
        }
    }

    /// Whether the stream is whole, as far as this half knows.
    fn check(&self) -> Result<(), StreamError> {
        match self.state {
            State::Whole => Ok(()),
            State::Sending | State::Over => Err(StreamError::Malformed),
            State::Failed(error) => Err(error),
        }
    }

    fn fail(&mut self, error: StreamError, code: ResetCode) -> StreamError {
        self.stream.reset(code);
        self.state = State::Failed(error);
        error
    }
}

#[async_trait]
impl SendHalf for TcpSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.check()?;
        let max = self.stream.bounds.frame_max;
        let mut frame = match Frame::new(parts, max) {
            Ok(frame) => Some(frame),
            Err(len) => return Err(self.fail(StreamError::FrameTooLarge { len, max }, ResetCode::Decode)),
        };
        self.state = State::Sending;
        match poll_fn(|context| self.stream.poll_send(context, &mut frame)).await {
            Ok(()) => {
                self.state = State::Whole;
                Ok(())
            }
            Err(error) => Err(self.fail(error, ResetCode::Dropped)),
        }
    }

    async fn finish(self: Box<Self>) -> Result<(), StreamError> {
        // Whatever comes to nothing here, the drop resets; it does nothing to an end that is on its way.
        self.check()?;
        self.stream.finish();
        let finished = poll_fn(|context| self.stream.poll_finished(context));
        match timeout(self.stream.bounds.finish_deadline, finished).await {
            Ok(finished) => finished,
            Err(_) => {
                self.stream.reset(ResetCode::Stalled);
                Err(StreamError::Reset(ResetCode::Stalled))
            }
        }
    }

    fn reset(mut self: Box<Self>, code: ResetCode) {
        self.stream.let_go_of_sender(code);
        self.state = State::Over;
    }

    async fn stopped(&mut self) -> StreamError {
        if let State::Failed(error) = self.state {
            return error;
        }
        poll_fn(|context| self.stream.poll_stopped(context)).await
    }
}

impl Drop for TcpSend {
    fn drop(&mut self) {
        if self.state != State::Over {
            self.stream.let_go_of_sender(ResetCode::Dropped);
        }
    }
}
