//! One direction of a pipe: a bounded queue that ends cleanly, is reset, stopped or cut.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::PipeConfig;
use crate::StreamError;

/// What a lane holds its two ends to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneLimits {
    /// The longest frame that the sending end sends.
    pub(super) frame_max_send: usize,
    /// The longest frame that the receiving end takes.
    pub(super) frame_max_recv: usize,
    frames: usize,
    bytes: usize,
}

impl LaneLimits {
    pub(super) fn between(sender: &PipeConfig, receiver: &PipeConfig) -> Self {
        Self {
            frame_max_send: sender.frame_max,
            frame_max_recv: receiver.frame_max,
            frames: receiver.frames_in_flight.max(1),
            bytes: receiver.bytes_in_flight,
        }
    }
}

/// A frame in the parts in which it was sent. None is empty.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) parts: Vec<Bytes>,
    pub(super) len: usize,
}

/// What became of an offered frame.
#[derive(Debug)]
pub(super) enum Offer {
    Accepted,
    Full,
}

/// What the receiving end finds.
#[derive(Debug)]
pub(super) enum Take {
    Frame(Frame),
    End,
    /// Nothing yet; the next arrives then, or is not sent yet.
    NotYet(Option<Instant>),
}

/// The queue between one sending and one receiving half. Each of the two `Notify` has one waiter at most, its half.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) limits: LaneLimits,
    state: Mutex<State>,
    /// Wakes the sending half: there is room, or the stream failed.
    pub(super) room: Notify,
    /// Wakes the receiving half: there is a frame or the end, or the stream failed.
    pub(super) data: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Flying>,
    bytes: usize,
    /// When the last frame arrives, so that no later one overtakes it; `None` without delays.
    last_arrival: Option<Instant>,
    end: End,
    to_sender: Option<StreamError>,
    to_receiver: Option<StreamError>,
}

#[derive(Debug)]
struct Flying {
    frame: Frame,
    arrives: Option<Instant>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// Sent; there at that instant, or at once.
    Sent(Option<Instant>),
    /// The receiver has seen it.
    Seen,
}

impl Lane {
    pub(super) fn new(limits: LaneLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            room: Notify::new(),
            data: Notify::new(),
        }
    }

    /// Takes `frame` and puts it on its way if there is room.
    pub(super) fn offer(&self, frame: &mut Frame, delay: Duration) -> Result<Offer, StreamError> {
        let mut state = self.lock();
        if let Some(error) = state.to_sender {
            return Err(error);
        }
        let fits = state.queue.is_empty()
            || (state.queue.len() < self.limits.frames && state.bytes + frame.len <= self.limits.bytes);
        if !fits {
            return Ok(Offer::Full);
        }
        let arrives = state.arrival(delay);
        state.bytes += frame.len;
        let frame = std::mem::take(frame);
        state.queue.push_back(Flying { frame, arrives });
        drop(state);
        self.data.notify_one();
        Ok(Offer::Accepted)
    }

    /// Puts the clean end on its way, and says when it arrives.
    pub(super) fn end(&self, delay: Duration) -> Result<Option<Instant>, StreamError> {
        let mut state = self.lock();
        if let Some(error) = state.to_sender {
            return Err(error);
        }
        let arrives = state.arrival(delay);
        state.end = End::Sent(arrives);
        drop(state);
        self.data.notify_one();
        Ok(arrives)
    }

    /// The next frame, if it has arrived.
    pub(super) fn take(&self) -> Result<Take, StreamError> {
        let mut state = self.lock();
        if let Some(error) = state.to_receiver {
            return Err(error);
        }
        let next = state.queue.front().map(|flying| flying.arrives);
        let taken = match (next, state.end) {
            (Some(arrives), _) if !has_come(arrives) => Take::NotYet(arrives),
            (Some(_), _) => match state.queue.pop_front() {
                Some(flying) => {
                    state.bytes -= flying.frame.len;
                    Take::Frame(flying.frame)
                }
                None => Take::NotYet(None),
            },
            (None, End::Open) => Take::NotYet(None),
            (None, End::Sent(arrives)) if !has_come(arrives) => Take::NotYet(arrives),
            (None, End::Sent(_) | End::Seen) => {
                state.end = End::Seen;
                Take::End
            }
        };
        drop(state);
        if matches!(taken, Take::Frame(_)) {
            self.room.notify_one();
        }
        Ok(taken)
    }

    /// Why the sending half fails, if it does.
    pub(super) fn failure_of_sender(&self) -> Option<StreamError> {
        self.lock().to_sender
    }

    /// Ends the lane for both halves; what is on the way is lost. The first failure stays.
    pub(super) fn fail(&self, to_sender: StreamError, to_receiver: StreamError) {
        let mut state = self.lock();
        state.fail(to_sender, to_receiver);
        drop(state);
        self.wake();
    }

    /// Loses the connection, unless the clean end has arrived already.
    pub(super) fn cut(&self) {
        let mut state = self.lock();
        if !state.is_whole() {
            state.fail(StreamError::Disconnected, StreamError::Disconnected);
        }
        drop(state);
        self.wake();
    }

    /// Loses the connection for the sending half alone.
    pub(super) fn cut_sender(&self) {
        self.lock().to_sender.get_or_insert(StreamError::Disconnected);
        self.room.notify_one();
    }

    /// Loses the connection for the receiving half alone, unless the clean end has arrived already.
    pub(super) fn cut_receiver(&self) {
        let mut state = self.lock();
        if !state.is_whole() {
            state.to_receiver.get_or_insert(StreamError::Disconnected);
        }
        drop(state);
        self.data.notify_one();
    }

    fn wake(&self) {
        self.room.notify_one();
        self.data.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn arrival(&mut self, delay: Duration) -> Option<Instant> {
        if delay.is_zero() && self.last_arrival.is_none() {
            return None;
        }
        let arrives = Some(Instant::now() + delay).max(self.last_arrival);
        self.last_arrival = arrives;
        arrives
    }

    /// Whether the clean end has arrived.
    fn is_whole(&self) -> bool {
        match self.end {
            End::Open => false,
            End::Sent(arrives) => has_come(arrives),
            End::Seen => true,
        }
    }

    fn fail(&mut self, to_sender: StreamError, to_receiver: StreamError) {
        self.to_sender.get_or_insert(to_sender);
        if self.end != End::Seen {
            self.to_receiver.get_or_insert(to_receiver);
        }
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}

fn has_come(arrives: Option<Instant>) -> bool {
    arrives.is_none_or(|arrives| arrives <= Instant::now())
}
