//! The halves of a pipe.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use tokio::time::sleep_until;

use super::Wire;
use super::lane::{Frame, Lane, Offer, Take};
use crate::{RecvHalf, ResetCode, SendHalf, StreamError};

/// Sends into a lane.
#[derive(Debug)]
pub(super) struct PipeSend {
    lane: Arc<Lane>,
    wire: Option<Box<dyn Wire>>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// A send was begun and has not come back: if it was dropped, the stream is good for nothing more.
    Sending,
    /// Finished or reset.
    Closed,
}

impl PipeSend {
    pub(super) fn new(lane: Arc<Lane>, wire: Option<Box<dyn Wire>>) -> Self {
        Self {
            lane,
            wire,
            phase: Phase::Open,
        }
    }

    fn delay(&mut self, bytes: usize) -> Duration {
        self.wire
            .as_mut()
            .map_or(Duration::ZERO, |wire| wire.delay(bytes))
    }

    fn close(&mut self, code: ResetCode) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.lane.fail(StreamError::Reset(code), StreamError::Reset(code));
        }
    }
}

#[async_trait]
impl SendHalf for PipeSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        if self.phase == Phase::Sending {
            return Err(self.lane.failure_of_sender().unwrap_or(StreamError::Malformed));
        }
        let len = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let max = self.lane.limits.frame_max_send;
        if len > max {
            let error = StreamError::FrameTooLarge { len, max };
            self.lane.fail(error, StreamError::Reset(ResetCode::Decode));
            return Err(self.lane.failure_of_sender().unwrap_or(error));
        }
        let parts = parts.iter().filter(|part| !part.is_empty()).cloned().collect();
        let mut frame = Frame { parts, len };
        let delay = self.delay(len);
        self.phase = Phase::Sending;
        let sent = loop {
            match self.lane.offer(&mut frame, delay) {
                Ok(Offer::Accepted) => break Ok(()),
                Ok(Offer::Full) => self.lane.room.notified().await,
                Err(error) => break Err(error),
            }
        };
        self.phase = Phase::Open;
        sent
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StreamError> {
        if self.phase == Phase::Sending {
            return Err(self.lane.failure_of_sender().unwrap_or(StreamError::Malformed));
        }
        let delay = self.delay(0);
        let arrives = self.lane.end(delay)?;
        self.phase = Phase::Closed;
        let Some(arrives) = arrives else { return Ok(()) };
        loop {
            if let Some(error) = self.lane.failure_of_sender() {
                return Err(error);
            }
            tokio::select! {
                biased;
                () = sleep_until(arrives) => return self.lane.failure_of_sender().map_or(Ok(()), Err),
                () = self.lane.room.notified() => {}
            }
        }
    }

    fn reset(mut self: Box<Self>, code: ResetCode) {
        self.close(code);
    }

    async fn stopped(&mut self) -> StreamError {
        loop {
            if let Some(error) = self.lane.failure_of_sender() {
                return error;
            }
            self.lane.room.notified().await;
        }
    }
}

impl Drop for PipeSend {
    fn drop(&mut self) {
        self.close(ResetCode::Dropped);
    }
}

/// Receives from a lane.
#[derive(Debug)]
pub(super) struct PipeRecv {
    lane: Arc<Lane>,
    /// The end was seen, or the half was stopped: nothing to tell the sender when it is dropped.
    done: bool,
}

impl PipeRecv {
    pub(super) fn new(lane: Arc<Lane>) -> Self {
        Self { lane, done: false }
    }

    fn close(&mut self, code: ResetCode) {
        if !self.done {
            self.done = true;
            self.lane.fail(StreamError::Reset(code), StreamError::Reset(code));
        }
    }
}

impl PipeRecv {
    /// The next frame, uncopied.
    async fn next(&mut self) -> Result<Option<Frame>, StreamError> {
        loop {
            match self.lane.take()? {
                Take::Frame(frame) => {
                    let (len, max) = (frame.len, self.lane.limits.frame_max_recv);
                    if len > max {
                        let error = StreamError::FrameTooLarge { len, max };
                        self.lane.fail(StreamError::Reset(ResetCode::Decode), error);
                        return Err(error);
                    }
                    return Ok(Some(frame));
                }
                Take::End => {
                    self.done = true;
                    return Ok(None);
                }
                Take::NotYet(None) => self.lane.data.notified().await,
                Take::NotYet(Some(arrives)) => {
                    tokio::select! {
                        biased;
                        () = self.lane.data.notified() => {}
                        () = sleep_until(arrives) => {}
                    }
                }
            }
        }
    }
}

#[async_trait]
impl RecvHalf for PipeRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        Ok(self.next().await?.map(join))
    }

    async fn recv_parts(&mut self) -> Result<Option<Vec<Bytes>>, StreamError> {
        Ok(self.next().await?.map(|frame| frame.parts))
    }

    fn stop(mut self: Box<Self>, code: ResetCode) {
        self.close(code);
    }
}

fn join(frame: Frame) -> Bytes {
    let Frame { mut parts, len } = frame;
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(len);
    for part in &parts {
        whole.extend_from_slice(part);
    }
    whole.freeze()
}

impl Drop for PipeRecv {
    fn drop(&mut self) {
        self.close(ResetCode::Dropped);
    }
}
