//! What one end of a stream says, as far as the other hears it.

use std::sync::Arc;

use tidegate_transport::pipe::{End, PipeConfig};
use tidegate_transport::{RecvHalf, SendHalf};

use crate::connection::Ticket;
use crate::dice::FaultCell;

/// One end's way to be heard. Both halves of the end hold a copy, and so count the stream.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) end: End,
    pub(crate) faults: FaultCell,
    /// The longest frame that this end sends.
    pub(crate) frame_max: usize,
    /// What fits on the way to the other end.
    pub(crate) window: PipeConfig,
}

impl Voice {
    /// Whether what is said now is not heard. Where something was not heard, nothing later is: a stream has no gaps.
    pub(crate) fn is_lost(&self) -> bool {
        if self.faults.is_silent() {
            self.ticket.set_mute(self.end);
        }
        self.ticket.is_mute(self.end)
    }

    /// Keeps a half whose end the other must not see, until both ends have let go of the stream.
    pub(crate) fn keep_send(&self, half: Box<dyn SendHalf>) {
        self.ticket.keep(Kept::Send(half));
    }

    /// As [`keep_send`](Self::keep_send).
    pub(crate) fn keep_recv(&self, half: Box<dyn RecvHalf>) {
        self.ticket.keep(Kept::Recv(half));
    }
}

/// A half that was dropped, and must not look so.
#[derive(Debug)]
#[expect(dead_code, reason = "held only to be dropped late")]
pub(crate) enum Kept {
    Send(Box<dyn SendHalf>),
    Recv(Box<dyn RecvHalf>),
}
