//! One direction of a stream, at the end that sends. Pure: it wakes nobody and waits for nothing.

use std::collections::VecDeque;

use bytes::Bytes;
use tidegate_transport::{ResetCode, StreamError};

use crate::driver::Outbox;
use crate::wire::{FRAME_COST, Message, PIECE_MAX};

/// A frame that was accepted from its sender.
#[derive(Debug)]
pub(crate) struct Frame {
    parts: VecDeque<Bytes>,
    /// What is left of it.
    left: u32,
    announced: bool,
}

impl Frame {
    /// The frame of these parts, or its length when it is too long.
    pub(crate) fn new(parts: &[Bytes], max: usize) -> Result<Self, usize> {
        let len = parts
            .iter()
            .try_fold(0_usize, |sum, part| sum.checked_add(part.len()))
            .unwrap_or(usize::MAX);
        let left = u32::try_from(len).ok().filter(|_| len <= max).ok_or(len)?;
        Ok(Self {
            parts: parts.iter().filter(|part| !part.is_empty()).cloned().collect(),
            left,
            announced: false,
        })
    }

    fn cost(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX) + FRAME_COST as usize
    }

    /// Moves so many bytes of it into the outbox.
    fn send(&mut self, mut bytes: usize, outbox: &mut Outbox) {
        self.left -= u32::try_from(bytes).unwrap_or(self.left);
        while let Some(part) = self.parts.front_mut().filter(|_| bytes > 0) {
            let taken = if part.len() > bytes {
                part.split_to(bytes)
            } else {
                std::mem::take(part)
            };
            bytes -= taken.len();
            outbox.put(taken);
            if part.is_empty() {
                self.parts.pop_front();
            }
        }
    }
}

/// How the sender wants its direction to end.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wish {
    #[default]
    Open,
    Fin,
    Reset(ResetCode),
}

/// The state of the direction.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    queue: VecDeque<Frame>,
    /// What the frames of the queue cost.
    bytes: usize,
    wish: Wish,
    fin_said: bool,
    reset_said: bool,
    /// The peer's transport has everything.
    taken: bool,
    /// Why the half fails: the peer stopped it, or is gone.
    failure: Option<StreamError>,
    let_go: bool,
}

impl Sending {
    /// Puts the frame into the queue if there is room. All of it or nothing: a send that was dropped while it waited
    /// has left nothing behind.
    pub(super) fn offer(&mut self, frame: &mut Option<Frame>, buffer: usize) -> Result<bool, StreamError> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        let Some(cost) = frame.as_ref().map(Frame::cost) else {
            return Ok(true);
        };
        if !self.queue.is_empty() && self.bytes + cost > buffer {
            return Ok(false);
        }
        self.bytes += cost;
        self.queue.extend(frame.take());
        Ok(true)
    }

    pub(super) fn finish(&mut self) {
        self.wish = Wish::Fin;
    }

    /// Cuts the direction short, unless its clean end is on its way: then the peer has it, or loses the connection.
    pub(super) fn reset(&mut self, code: ResetCode) {
        if !self.fin_said && !matches!(self.wish, Wish::Reset(_)) {
            self.wish = Wish::Reset(code);
            self.clear();
        }
    }

    pub(super) fn let_go(&mut self) {
        self.let_go = true;
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.let_go
    }

    pub(super) fn failure(&self) -> Option<StreamError> {
        self.failure
    }

    /// What a finish has come to.
    pub(super) fn finished(&self) -> Option<Result<(), StreamError>> {
        match self.failure {
            Some(error) => Some(Err(error)),
            None => self.taken.then_some(Ok(())),
        }
    }

    /// The peer stopped it, or is gone; the first cause stays. What was taken whole is not lost any more.
    pub(super) fn fail(&mut self, error: StreamError) {
        if !self.taken {
            self.failure.get_or_insert(error);
        }
        self.clear();
    }

    /// The peer has taken everything. `false` when it cannot have.
    pub(super) fn taken(&mut self) -> bool {
        self.taken = self.fin_said;
        self.taken
    }

    /// Nothing more will be said in this direction.
    pub(super) fn is_over(&self) -> bool {
        self.reset_said || self.taken || self.failure.is_some()
    }

    /// Whether there is something to say, now or once the window allows.
    pub(super) fn has_words(&self) -> bool {
        !self.is_over() && (!self.queue.is_empty() || self.wish != Wish::Open)
    }

    /// Says what is next, as far as the window allows: a reset, one piece of a frame, or the end.
    pub(super) fn say(&mut self, window: &mut u32, outbox: &mut Outbox) {
        if self.is_over() || self.fin_said {
            return;
        }
        if let Wish::Reset(code) = self.wish {
            self.reset_said = true;
            outbox.say(Message::Reset(code.as_u32()));
            return;
        }
        let Some(frame) = self.queue.front_mut() else {
            if self.wish == Wish::Fin {
                self.fin_said = true;
                outbox.say(Message::Fin);
            }
            return;
        };
        if !frame.announced {
            let Some(left) = window.checked_sub(FRAME_COST) else {
                return;
            };
            *window = left;
            frame.announced = true;
            outbox.say(Message::Frame(frame.left));
        }
        let piece = frame.left.min(*window).min(PIECE_MAX as u32);
        if piece > 0 {
            *window -= piece;
            self.bytes -= piece as usize;
            outbox.say(Message::Piece(piece));
            frame.send(piece as usize, outbox);
        }
        if frame.left == 0 {
            self.bytes -= FRAME_COST as usize;
            self.queue.pop_front();
        }
    }

    fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }
}
