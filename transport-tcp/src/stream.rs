//! One stream: what its two halves and the driver of its connection know of each other.
//!
//! The halves say what they want, the driver says it to the peer and tells what came of it. All of it is under one
//! short lock, which nobody holds while waiting; who has to be woken is woken after it.

mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use tidegate_transport::{Duplex, ResetCode, StreamError};

use self::receiving::Receiving;
pub(crate) use self::sending::Frame;
use self::sending::Sending;
use crate::driver::Outbox;
use crate::recv::TcpRecv;
use crate::send::TcpSend;
use crate::wire::{FRAME_COST, Message};

/// What every stream needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamBounds {
    pub(crate) frame_max: usize,
    pub(crate) send_buffer: usize,
    pub(crate) window: u32,
    pub(crate) finish_deadline: Duration,
}

/// The state that halves and driver share.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) bounds: StreamBounds,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sending: Sending,
    receiving: Receiving,
    driver: Option<Waker>,
    sender: Option<Waker>,
    receiver: Option<Waker>,
}

/// The driver's hold on a stream: whoever drops it loses the stream for both halves.
#[derive(Debug)]
pub(crate) struct Driven(Arc<Stream>);

/// What the driver has said and may say of one stream.
#[derive(Debug)]
pub(crate) struct Speech {
    /// What the peer may still be sent.
    pub(crate) window: u32,
    /// What the peer may still send.
    pub(crate) granted: u32,
    /// The peer knows of the stream.
    pub(crate) begun: bool,
    pub(crate) done: bool,
}

/// Where a stream is, as far as this end knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It goes on.
    Open,
    /// This end has nothing more to say.
    Done,
    /// It was let go of before the peer heard of it.
    Unheard,
}

impl Stream {
    /// A stream's two halves, and the driver's hold on it.
    pub(crate) fn halves(bounds: StreamBounds) -> (Driven, Duplex) {
        let state = State {
            sending: Sending::default(),
            receiving: Receiving::new(bounds.window),
            driver: None,
            sender: None,
            receiver: None,
        };
        let stream = Arc::new(Self {
            bounds,
            state: Mutex::new(state),
        });
        let duplex = Duplex {
            send: Box::new(TcpSend::new(Arc::clone(&stream))),
            recv: Box::new(TcpRecv::new(Arc::clone(&stream))),
        };
        (Driven(stream), duplex)
    }

    /// Puts a frame into the queue once there is room.
    pub(crate) fn poll_send(
        &self,
        context: &mut Context<'_>,
        frame: &mut Option<Frame>,
    ) -> Poll<Result<(), StreamError>> {
        let mut state = self.lock();
        match state.sending.offer(frame, self.bounds.send_buffer) {
            Ok(true) => {
                let driver = state.driver.take();
                drop(state);
                wake(driver);
                Poll::Ready(Ok(()))
            }
            Ok(false) => {
                state.sender = Some(context.waker().clone());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Asks for the clean end, after what is in the queue.
    pub(crate) fn finish(&self) {
        self.ask(|state| state.sending.finish());
    }

    /// Waits until the peer's transport has taken everything.
    pub(crate) fn poll_finished(&self, context: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.poll_sender(context, Sending::finished)
    }

    /// Waits until the half has failed.
    pub(crate) fn poll_stopped(&self, context: &mut Context<'_>) -> Poll<StreamError> {
        self.poll_sender(context, Sending::failure)
    }

    fn poll_sender<T>(&self, context: &mut Context<'_>, ready: impl Fn(&Sending) -> Option<T>) -> Poll<T> {
        let mut state = self.lock();
        if let Some(done) = ready(&state.sending) {
            return Poll::Ready(done);
        }
        state.sender = Some(context.waker().clone());
        Poll::Pending
    }

    /// Cuts the sending direction short; the half stays.
    pub(crate) fn reset(&self, code: ResetCode) {
        self.ask(|state| state.sending.reset(code));
    }

    /// The sending half is gone; without a clean end before it, that is a reset.
    pub(crate) fn let_go_of_sender(&self, code: ResetCode) {
        self.ask(|state| {
            state.sending.reset(code);
            state.sending.let_go();
        });
    }

    /// The next frame, the end, or why there is none.
    pub(crate) fn poll_recv(&self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamError>> {
        let mut guard = self.lock();
        let state = &mut *guard;
        let taken = state.receiving.take();
        if taken.is_none() {
            state.receiver = Some(context.waker().clone());
        }
        let driver = state.driver.take_if(|_| state.receiving.has_words());
        drop(guard);
        wake(driver);
        taken.map_or(Poll::Pending, Poll::Ready)
    }

    /// A `recv` was given up, or has returned.
    pub(crate) fn unwanted(&self) {
        self.lock().receiving.unwanted();
    }

    /// The receiving half is gone.
    pub(crate) fn let_go_of_receiver(&self, code: ResetCode) {
        self.ask(|state| state.receiving.let_go(code));
    }

    fn ask(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let driver = state.driver.take();
        drop(state);
        wake(driver);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driven {
    /// Says what there is to say, or asks to be woken when there is something.
    pub(crate) fn say(&self, speech: &mut Speech, outbox: &mut Outbox, context: &Context<'_>) -> Standing {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        state.driver = Some(context.waker().clone());
        let let_go = state.sending.is_let_go() && state.receiving.is_let_go();
        if !speech.begun {
            if let_go {
                return Standing::Unheard;
            }
            // A stop alone begins nothing: the peer hears of the stream by what it is sent.
            if !state.sending.has_words() {
                return Standing::Open;
            }
        }
        let before = outbox.len();
        state.sending.say(&mut speech.window, outbox);
        speech.begun |= outbox.len() > before;
        if speech.begun {
            state.receiving.say(&mut speech.granted, outbox);
        }
        let over = state.sending.is_over() && state.receiving.is_over();
        if over && let_go && !speech.done {
            speech.done = true;
            outbox.say(Message::Done);
        }
        // There may be room now; who finds none waits on.
        let sender = state.sender.take_if(|_| outbox.len() > before);
        drop(guard);
        wake(sender);
        if speech.done {
            Standing::Done
        } else {
            Standing::Open
        }
    }

    /// Whether nothing more will be said in either direction.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.0.lock();
        state.sending.is_over() && state.receiving.is_over()
    }

    /// A frame was announced. `false`: what comes of it is of no use.
    pub(crate) fn announce(&self, len: u32) -> bool {
        let (max, len) = (self.0.bounds.frame_max, len as usize);
        if len > max {
            self.tell_receiver(|receiving| receiving.refuse(StreamError::FrameTooLarge { len, max }));
        }
        // Who waits is not woken: there is nothing to read yet.
        self.hold(FRAME_COST)
    }

    /// So many bytes of a frame have come. `false`: they are of no use.
    pub(crate) fn hold(&self, bytes: u32) -> bool {
        let mut state = self.0.lock();
        state.receiving.hold(bytes);
        !state.receiving.discards()
    }

    /// A frame has come. `true` when somebody waited for it, and was woken.
    pub(crate) fn push(&self, frame: Bytes) -> bool {
        let mut state = self.0.lock();
        state.receiving.push(frame);
        let receiver = state.receiver.take();
        drop(state);
        let waited = receiver.is_some();
        wake(receiver);
        waited
    }

    /// The peer has ended its direction.
    pub(crate) fn finish(&self) {
        self.tell_receiver(Receiving::finish);
    }

    /// The peer has cut its direction short.
    pub(crate) fn reset(&self, code: u32) {
        self.tell_receiver(|receiving| receiving.reset(ResetCode::from_u32(code)));
    }

    /// The peer reads no more.
    pub(crate) fn stop(&self, code: u32) {
        self.tell_sender(|sending| sending.fail(StreamError::Reset(ResetCode::from_u32(code))));
    }

    /// The peer has taken everything. `false` when it cannot have.
    pub(crate) fn taken(&self) -> bool {
        self.tell_sender(Sending::taken)
    }

    fn tell_sender<T>(&self, change: impl FnOnce(&mut Sending) -> T) -> T {
        let mut state = self.0.lock();
        let told = change(&mut state.sending);
        let sender = state.sender.take();
        drop(state);
        wake(sender);
        told
    }

    fn tell_receiver<T>(&self, change: impl FnOnce(&mut Receiving) -> T) -> T {
        let mut state = self.0.lock();
        let told = change(&mut state.receiving);
        let receiver = state.receiver.take();
        drop(state);
        wake(receiver);
        told
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.tell_sender(|sending| sending.fail(StreamError::Disconnected));
        self.tell_receiver(|receiving| receiving.fail(StreamError::Disconnected));
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
