//! What moves the bytes of one connection, for one stream after the other.
//!
//! The driver alone touches the connection, and it reads always: what a peer may send ahead of its reader is bounded
//! by the stream's window, so there is room for it. Hence a reset, a stop or the answer to a ping never waits behind
//! frames that nobody reads, and silence means that the peer is gone.

mod inbox;
mod outbox;
mod pulse;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tidegate_transport::Duplex;
use tidegate_transport::buffers::Buffers;
use tokio::io::{AsyncRead, AsyncWrite};

use self::inbox::{Came, Inbox};
pub(crate) use self::outbox::Outbox;
use self::pulse::{Beat, Pulse};
use crate::stream::{Driven, Speech, Standing, Stream, StreamBounds};
use crate::wire::{FRAME_COST, Message};

/// Bytes that are handed to a reader who has been woken, before it has its turn: the cache still holds them then.
const TURN: usize = 64 << 10;

/// What a driver is told of its connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Of the streams, at this end.
    pub(crate) bounds: StreamBounds,
    /// What this end may send ahead of the peer's reader.
    pub(crate) peer_window: u32,
    pub(crate) idle_timeout: Duration,
    /// Whether the peer begins the streams.
    pub(crate) accepts: bool,
}

/// What happened on a connection.
#[derive(Debug)]
pub(crate) enum Event {
    /// The peer has begun a stream; without a word in it when it is cut short already.
    Begun { stream: Duplex, is_empty: bool },
    /// The stream is over, and both ends know it, however it ended: the connection may carry another one.
    Over,
}

/// A connection is of no more use.
#[derive(Debug, Error)]
pub(crate) enum Gone {
    #[error("the peer has been silent for too long")]
    Silent,
    #[error("the peer broke the protocol: {0:?}")]
    Protocol(Message),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The stream that a connection carries.
#[derive(Debug)]
struct Turn {
    stream: Driven,
    speech: Speech,
    standing: Standing,
    /// The peer has ended its direction.
    ended: bool,
    /// The peer has nothing more to say.
    done: bool,
}

/// One connection after its hello.
#[derive(Debug)]
pub(crate) struct Driver<S> {
    io: S,
    terms: Terms,
    inbox: Inbox,
    outbox: Outbox,
    unflushed: bool,
    pulse: Pulse,
    ping_due: bool,
    pong_due: bool,
    turn: Option<Turn>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// The frames that come are put into these buffers.
    pub(crate) fn new(io: S, terms: Terms, buffers: Buffers) -> Self {
        Self {
            io,
            terms,
            inbox: Inbox::new(buffers),
            outbox: Outbox::default(),
            unflushed: false,
            pulse: Pulse::new(terms.idle_timeout),
            ping_due: false,
            pong_due: false,
            turn: None,
        }
    }

    /// Carries a stream; the one before is over.
    pub(crate) fn begin(&mut self, stream: Driven) {
        let speech = Speech {
            window: self.terms.peer_window,
            granted: self.terms.bounds.window,
            begun: self.terms.accepts,
            done: false,
        };
        self.turn = Some(Turn {
            stream,
            speech,
            standing: Standing::Open,
            ended: false,
            done: false,
        });
    }

    /// Moves bytes until something happens.
    ///
    /// # Cancel safety
    ///
    /// Safe: all that is under way stays in the driver.
    pub(crate) async fn next(&mut self) -> Result<Event, Gone> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Event, Gone>> {
        let written = self.write(context);
        // Also of a connection that takes nothing any more: what the peer said last is the cause to report.
        if let Some(begun) = self.read(context)? {
            return Poll::Ready(Ok(begun));
        }
        written?;
        match self.pulse.poll(context) {
            Beat::Wait => {}
            Beat::Ask => {
                self.ping_due = true;
                // The pulse has not asked for its next turn yet.
                context.waker().wake_by_ref();
            }
            Beat::Dead => return Poll::Ready(Err(Gone::Silent)),
        }
        // What has come may want an answer.
        self.write(context)?;
        if self.is_over() {
            self.turn = None;
            return Poll::Ready(Ok(Event::Over));
        }
        Poll::Pending
    }

    /// Whether the stream is over at both ends.
    fn is_over(&self) -> bool {
        // Race: a word about a stream that was cut short comes when the connection carries the next one, which is cut
        // short by it. Defence: neither end says a word of a stream after its `Done`, and none is over before both
        // were said and heard: what comes then is about the next one.
        self.turn.as_ref().is_some_and(|turn| match turn.standing {
            Standing::Unheard => true,
            Standing::Done => turn.done && self.outbox.is_empty() && !self.unflushed,
            Standing::Open => false,
        })
    }

    /// Writes until there is nothing more to say, or the connection takes no more.
    fn write(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            self.fill(context);
            if self.outbox.is_empty() {
                break;
            }
            self.unflushed = true;
            match self.outbox.poll_write(&mut self.io, context) {
                Poll::Ready(written) => written?,
                Poll::Pending => return Ok(()),
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(context)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(())
    }

    /// Puts what there is to say into the outbox, as much as is written at once.
    fn fill(&mut self, context: &Context<'_>) {
        // A peer that asks and does not listen gets no more answers than there is room for.
        if !self.outbox.has_room() {
            return;
        }
        if std::mem::take(&mut self.pong_due) {
            self.outbox.say(Message::Pong);
        }
        if std::mem::take(&mut self.ping_due) {
            self.outbox.say(Message::Ping);
        }
        let Some(turn) = &mut self.turn else { return };
        while self.outbox.has_room() {
            let before = self.outbox.len();
            turn.standing = turn.stream.say(&mut turn.speech, &mut self.outbox, context);
            if self.outbox.len() == before {
                break;
            }
        }
    }

    /// Reads until nothing more has come, the stream is over or begins, or a reader should have its turn.
    fn read(&mut self, context: &mut Context<'_>) -> Result<Option<Event>, Gone> {
        let mut begun = None;
        let (mut woken, mut handed) = (false, 0);
        while begun.is_none() && !self.is_done() {
            if woken && handed >= TURN {
                // There may be more, of which nobody will tell.
                context.waker().wake_by_ref();
                break;
            }
            let Poll::Ready(came) = self.inbox.poll_next(&mut self.io, context) else {
                break;
            };
            match came? {
                Came::Message(message) => begun = self.hear(message)?,
                Came::Frame(frame) => {
                    handed += frame.len();
                    woken |= self.turn.as_ref().is_some_and(|turn| turn.stream.push(frame));
                }
            }
        }
        if self.inbox.heard() {
            self.pulse.heard();
        }
        Ok(begun)
    }

    /// Whether what comes next belongs to the next stream.
    fn is_done(&self) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|turn| turn.done && turn.standing == Standing::Done)
    }

    fn hear(&mut self, message: Message) -> Result<Option<Event>, Gone> {
        let mut begun = None;
        match message {
            Message::Ping => self.pong_due = true,
            Message::Pong => {}
            _ => {
                if self.turn.is_none() {
                    begun = Some(self.begun(message).ok_or(Gone::Protocol(message))?);
                }
                let turn = self.turn.as_mut();
                turn.and_then(|turn| turn.hear(message, &mut self.inbox))
                    .ok_or(Gone::Protocol(message))?;
            }
        }
        Ok(begun)
    }

    /// A message to no stream begins one, if it is the peer's to do so.
    fn begun(&mut self, message: Message) -> Option<Event> {
        let is_empty = match message {
            _ if !self.terms.accepts => return None,
            Message::Frame(_) | Message::Fin => false,
            Message::Reset(_) => true,
            _ => return None,
        };
        let (driven, stream) = Stream::halves(self.terms.bounds);
        self.begin(driven);
        Some(Event::Begun { stream, is_empty })
    }
}

impl Turn {
    /// Takes in one message of the peer's. `None` when it cannot be.
    fn hear(&mut self, message: Message, inbox: &mut Inbox) -> Option<()> {
        if self.done {
            return None;
        }
        match message {
            Message::Frame(len) if !self.ended && !inbox.is_coming() => {
                self.speech.granted = self.speech.granted.checked_sub(FRAME_COST)?;
                let wanted = self.stream.announce(len);
                match len {
                    0 => _ = self.stream.push(Bytes::new()),
                    len => inbox.begin(len as usize, wanted),
                }
            }
            Message::Piece(len) if !self.ended => {
                self.speech.granted = self.speech.granted.checked_sub(len)?;
                inbox.piece(len as usize, self.stream.hold(len)).then_some(())?;
            }
            Message::Fin if !self.ended && !inbox.is_coming() => {
                self.ended = true;
                self.stream.finish();
            }
            Message::Reset(code) if !self.ended => {
                self.ended = true;
                inbox.forget_frame();
                self.stream.reset(code);
            }
            Message::Stop(code) => self.stream.stop(code),
            Message::Window(bytes) => self.speech.window = self.speech.window.checked_add(bytes)?,
            Message::Taken => self.stream.taken().then_some(())?,
            Message::Done => {
                // Who says it has said and heard the ends of both directions, and so has this end.
                self.stream.is_over().then_some(())?;
                self.done = true;
                // What was stopped may have broken off between two pieces.
                inbox.forget_frame();
            }
            _ => return None,
        }
        Some(())
    }
}
