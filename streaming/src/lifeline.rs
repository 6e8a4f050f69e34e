//! What is left of a stream whose receipt was accepted: whether its connection still lives.

use std::future::pending;

use tidegate_transport::{PeerId, RecvHalf, StreamError};

/// What is left of a stream whose receipt was accepted, until the unit is attached.
///
/// An attach may take long, or hang, with no stream open any more. Without this a receiver whose connections are
/// gone would look alive, and whoever asks for the unit again would join it for ever instead of replacing it.
#[derive(Debug)]
pub(crate) struct Lifeline {
    pub(crate) peer: PeerId,
    recv: Box<dyn RecvHalf>,
}

impl Lifeline {
    pub(crate) fn new(peer: PeerId, recv: Box<dyn RecvHalf>) -> Self {
        Self { peer, recv }
    }

    /// Completes when the connection is lost, or the peer gives up; never when the peer has ended cleanly.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn lost(&mut self) -> StreamError {
        match self.recv.recv().await {
            Err(error) => error,
            Ok(_) => pending().await,
        }
    }
}
