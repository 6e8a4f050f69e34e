//! One live connection with a peer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, ConnectionError};
use tidegate_transport::buffers::Buffers;
use tidegate_transport::{Duplex, PeerId};
use tokio::time::timeout;

use crate::close::CloseCode;
use crate::recv::QuicRecv;
use crate::send::QuicSend;

/// What every stream of a link needs to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StreamBounds {
    pub(crate) frame_max: usize,
    pub(crate) finish_deadline: Duration,
}

/// A connection whose hello has been said: both ends know each other.
pub(crate) struct Link {
    pub(crate) peer: PeerId,
    /// The peer's start that it belongs to.
    pub(crate) incarnation: u64,
    connection: Connection,
    bounds: StreamBounds,
    buffers: Buffers,
}

/// Why a link gave no stream.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The link is gone.
    Lost,
    /// The peer had no room for so long.
    NoRoom(Duration),
}

impl Link {
    pub(crate) fn new(
        peer: PeerId,
        incarnation: u64,
        connection: Connection,
        (bounds, buffers): (StreamBounds, Buffers),
    ) -> Arc<Self> {
        Arc::new(Self {
            peer,
            incarnation,
            connection,
            bounds,
            buffers,
        })
    }

    /// Whether it can still carry streams, as far as this end knows.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    /// Opens a stream, waiting for room at the peer no longer than `wait`: quinn itself would wait without a word.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn open(&self, wait: Duration) -> Result<Duplex, LinkError> {
        match timeout(wait, self.connection.open_bi()).await {
            Ok(Ok((send, recv))) => Ok(self.duplex(send, recv)),
            Ok(Err(_)) => Err(LinkError::Lost),
            Err(_) => Err(LinkError::NoRoom(wait)),
        }
    }

    /// The next stream that the peer opened.
    ///
    /// # Cancel safety
    ///
    /// Safe: no stream is lost.
    pub(crate) async fn accept(&self) -> Result<Duplex, ConnectionError> {
        let (send, recv) = self.connection.accept_bi().await?;
        Ok(self.duplex(send, recv))
    }

    /// Ends it at once, and with it every stream on it.
    pub(crate) fn close(&self, code: CloseCode) {
        code.close(&self.connection, "");
    }

    /// Waits until it has ended.
    #[cfg(test)]
    pub(crate) async fn closed(&self) {
        self.connection.closed().await;
    }

    /// How the path is, as this end sees it.
    #[cfg(test)]
    pub(crate) fn path(&self) -> quinn::PathStats {
        self.connection.stats().path
    }

    fn duplex(&self, send: quinn::SendStream, recv: quinn::RecvStream) -> Duplex {
        Duplex {
            send: Box::new(QuicSend::new(send, self.bounds)),
            recv: Box::new(QuicRecv::new(recv, self.bounds.frame_max, self.buffers.clone())),
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("peer", &self.peer)
            .field("connection", &self.connection.stable_id())
            .field("alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
