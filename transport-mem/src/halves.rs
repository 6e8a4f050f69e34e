//! The halves of a stream in the network: those of a pipe, counted, announced to the acceptor, and lost by the dice.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_transport::{Incoming, PeerId, RecvHalf, ResetCode, SendHalf, StreamError};

use crate::connection::Ticket;
use crate::dice::Dice;
use crate::network::Shared;
use crate::node::Node;

/// The acceptor's end of a stream that its opener has not yet sent on.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) node: Arc<Node>,
    pub(crate) incoming: Incoming,
}

#[derive(Debug)]
pub(crate) struct MemSend {
    pub(crate) inner: Box<dyn SendHalf>,
    pub(crate) announcement: Option<Announcement>,
    pub(crate) fate: Fate,
    pub(crate) ticket: Arc<Ticket>,
}

/// Whether the connection survives the next frame.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) dice: Dice,
    pub(crate) network: Weak<Shared>,
    pub(crate) ends: (PeerId, PeerId),
}

impl Fate {
    fn strike(&mut self) {
        if self.dice.loses_connection()
            && let Some(network) = self.network.upgrade()
        {
            network.cut(self.ends.0, self.ends.1);
        }
    }
}

fn announce(announcement: Option<Announcement>) {
    if let Some(Announcement { node, incoming }) = announcement {
        node.announce(incoming);
    }
}

#[async_trait]
impl SendHalf for MemSend {
    async fn send(&mut self, parts: &[Bytes]) -> Result<(), StreamError> {
        self.fate.strike();
        self.inner.send(parts).await?;
        announce(self.announcement.take());
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<(), StreamError> {
        let Self {
            inner,
            announcement,
            mut fate,
            ticket: _counted,
        } = *self;
        fate.strike();
        announce(announcement);
        inner.finish().await
    }

    fn reset(self: Box<Self>, code: ResetCode) {
        self.inner.reset(code);
    }

    async fn stopped(&mut self) -> StreamError {
        self.inner.stopped().await
    }
}

#[derive(Debug)]
pub(crate) struct MemRecv {
    pub(crate) inner: Box<dyn RecvHalf>,
    pub(crate) _ticket: Arc<Ticket>,
}

#[async_trait]
impl RecvHalf for MemRecv {
    async fn recv(&mut self) -> Result<Option<Bytes>, StreamError> {
        self.inner.recv().await
    }

    fn stop(self: Box<Self>, code: ResetCode) {
        self.inner.stop(code);
    }
}
