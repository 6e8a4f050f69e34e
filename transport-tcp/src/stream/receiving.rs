//! One direction of a stream, at the end that receives. Pure: it wakes nobody and waits for nothing.

use std::collections::VecDeque;

use bytes::Bytes;
use tidegate_transport::{ResetCode, StreamError};

use crate::driver::Outbox;
use crate::wire::Message;

/// A frame that nobody has read, and what it takes of the window until somebody does.
#[derive(Debug)]
struct Unread {
    frame: Bytes,
    held: u32,
}

/// The state of the direction.
#[derive(Debug)]
pub(crate) struct Receiving {
    queue: VecDeque<Unread>,
    /// What the frame that is coming takes of the window.
    held: u32,
    /// Somebody waits for the frame that is coming: its bytes count as read.
    wanted: bool,
    /// What has been read, and the peer does not know yet.
    owed: u32,
    /// From when on it is worth telling.
    owed_min: u32,
    /// How the direction ends, after what is in the queue.
    end: Option<Result<(), StreamError>>,
    stop: Option<ResetCode>,
    taken_owed: bool,
    over: bool,
    let_go: bool,
}

impl Receiving {
    pub(super) fn new(window: u32) -> Self {
        Self {
            queue: VecDeque::new(),
            held: 0,
            wanted: false,
            owed: 0,
            owed_min: window / 4,
            end: None,
            stop: None,
            taken_owed: false,
            over: false,
            let_go: false,
        }
    }

    /// The next frame or the end, if it is there. If it is not, somebody waits for it from now on.
    pub(super) fn take(&mut self) -> Option<Result<Option<Bytes>, StreamError>> {
        if let Some(unread) = self.queue.pop_front() {
            self.owed += unread.held;
            return Some(Ok(Some(unread.frame)));
        }
        if let Some(end) = self.end {
            return Some(end.map(|()| None));
        }
        self.wanted = true;
        self.owed += std::mem::take(&mut self.held);
        None
    }

    /// Nobody waits any more.
    pub(super) fn unwanted(&mut self) {
        self.wanted = false;
    }

    /// Nobody will read any more; the peer is told to stop, unless it has ended anyway.
    pub(super) fn let_go(&mut self, code: ResetCode) {
        self.let_go = true;
        self.queue = VecDeque::new();
        if self.end.is_none() {
            self.stop.get_or_insert(code);
        }
    }

    pub(super) fn is_let_go(&self) -> bool {
        self.let_go
    }

    /// Whether what still comes is of no use.
    pub(super) fn discards(&self) -> bool {
        self.let_go || self.end.is_some()
    }

    /// So much of the window was used for the frame that is coming.
    pub(super) fn hold(&mut self, bytes: u32) {
        self.held += bytes;
        if self.wanted && self.queue.is_empty() {
            self.owed += std::mem::take(&mut self.held);
        }
    }

    /// The frame has come.
    pub(super) fn push(&mut self, frame: Bytes) {
        let held = std::mem::take(&mut self.held);
        if !self.discards() {
            self.queue.push_back(Unread { frame, held });
        }
    }

    /// A frame was announced that is too long: after what came before it, that is the end.
    pub(super) fn refuse(&mut self, error: StreamError) {
        if !self.discards() {
            self.end = Some(Err(error));
            self.stop = Some(ResetCode::Decode);
        }
    }

    /// The clean end has come. Who did not want it any more says so; else the peer hears that everything was taken.
    pub(super) fn finish(&mut self) {
        if self.stop.is_none() {
            self.end.get_or_insert(Ok(()));
            self.taken_owed = true;
        }
    }

    /// The peer has cut it short; what nobody has read is lost.
    pub(super) fn reset(&mut self, code: ResetCode) {
        self.over = true;
        self.fail(StreamError::Reset(code));
    }

    /// Nothing more comes; the first cause stays. A direction that has ended cleanly may still be read.
    pub(super) fn fail(&mut self, error: StreamError) {
        if self.end != Some(Ok(())) {
            self.queue = VecDeque::new();
            self.end.get_or_insert(Err(error));
        }
    }

    /// Nothing more will be said or heard of this direction.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Whether there is something to say.
    pub(super) fn has_words(&self) -> bool {
        !self.over && (self.taken_owed || self.stop.is_some() || self.owed >= self.owed_min)
    }

    /// Says what there is to say.
    pub(super) fn say(&mut self, granted: &mut u32, outbox: &mut Outbox) {
        if self.over {
            return;
        }
        if self.taken_owed {
            outbox.say(Message::Taken);
            self.over = true;
        } else if let Some(code) = self.stop {
            outbox.say(Message::Stop(code.as_u32()));
            self.over = true;
        } else if self.owed >= self.owed_min {
            let owed = std::mem::take(&mut self.owed);
            *granted += owed;
            outbox.say(Message::Window(owed));
        }
    }
}
