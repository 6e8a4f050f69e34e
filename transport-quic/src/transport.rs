//! The transport itself.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use quinn::{Endpoint, TokioRuntime};
use tidegate_transport::{Duplex, Incoming, PeerId, Transport, TransportError};
use tidegate_transport_tls::random_number;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::close::CloseCode;
use crate::link::LinkError;
use crate::node::Node;
use crate::peers::{Next, Peer};
use crate::socket::SocketBuffers;
use crate::{BindError, Identity, IdentityError, QuicLimits, dial, serve, socket, tls};

/// How often an open looks for another link when the one it was given turns out to be gone.
const ATTEMPTS: usize = 3;

/// What a transport is bound with.
#[derive(Debug, Clone)]
pub struct QuicConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who this node is, and whom it believes.
    pub identity: Identity,
    /// Its bounds.
    pub limits: QuicLimits,
}

/// The transport contract on QUIC. See the [crate's page](crate).
///
/// Dropped without a shutdown it closes everything at once and waits for nothing.
pub struct QuicTransport {
    node: Arc<Node>,
    buffers: SocketBuffers,
}

impl QuicTransport {
    /// Binds the socket and starts to take connections.
    ///
    /// # Errors
    ///
    /// [`BindError`] if limits or identity do not hold, the socket cannot be had, or there is no tokio runtime.
    pub fn bind(config: QuicConfig) -> Result<Arc<Self>, BindError> {
        let QuicConfig {
            listen,
            identity,
            limits,
        } = config;
        limits.check()?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(BindError::NoRuntime);
        }
        let client_config = tls::client_config(&identity, &limits)?;
        let server_config = tls::server_config(&identity, &limits)?;
        let (socket, buffers) = socket::bind(listen, limits.socket_buffer).map_err(BindError::Socket)?;
        let endpoint = Endpoint::new_with_abstract_socket(
            limits.endpoint_config(),
            Some(server_config),
            socket,
            Arc::new(TokioRuntime),
        )
        .map_err(BindError::Socket)?;
        let node = Node::new(&identity, random_number()?, limits, endpoint, client_config);
        node.spawn(serve::run(Arc::clone(&node)));
        Ok(Arc::new(Self { node, buffers }))
    }

    /// Bytes that the system has granted for the buffers of the socket: fewer than
    /// [`socket_buffer`](QuicLimits::socket_buffer) cost throughput.
    #[must_use]
    pub const fn socket_buffers(&self) -> SocketBuffers {
        self.buffers
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.node.endpoint().local_addr()
    }

    /// Where a peer is to be found from now on. A connection that exists stays.
    ///
    /// # Errors
    ///
    /// [`TransportError::Unreachable`] if more peers are known than the limits allow.
    pub fn set_peer_address(&self, peer: PeerId, address: SocketAddr) -> Result<(), TransportError> {
        self.peer(peer)?.set_address(address);
        Ok(())
    }

    /// Shows another certificate, and believes other authorities, from the next connection on.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] if it is not one of this very node, or cannot be used; then nothing has changed.
    pub fn replace_identity(&self, identity: &Identity) -> Result<(), IdentityError> {
        self.node.replace_identity(identity)
    }

    fn peer(&self, id: PeerId) -> Result<Arc<Peer>, TransportError> {
        let unknown = || TransportError::Unreachable {
            peer: id,
            reason: "too many peers are known".to_owned(),
        };
        self.node.peers().of(id).ok_or_else(unknown)
    }

    async fn open_to_myself(&self) -> Result<Duplex, TransportError> {
        let (peer, waited) = (self.node.local(), self.node.limits().open_deadline);
        let no_room = TransportError::TooManyStreams { peer, waited };
        let deadline = Instant::now() + waited;
        let Some((near, stream)) = self.node.myself().open(waited).await else {
            return Err(no_room);
        };
        match timeout_at(deadline, self.node.backlog().push(Incoming { peer, stream })).await {
            Ok(Ok(())) => Ok(near),
            Ok(Err(_)) => Err(TransportError::ShutDown),
            Err(_) => Err(no_room),
        }
    }

    /// One try: a link that exists, or the one attempt at it that is under way.
    async fn try_open(&self, peer: &Arc<Peer>) -> Result<Option<Duplex>, TransportError> {
        let attempt = match peer.next() {
            Next::Use(link) => {
                return match link.open(self.node.limits().open_deadline).await {
                    Ok(stream) => Ok(Some(stream)),
                    Err(LinkError::Lost) => Ok(None),
                    Err(LinkError::NoRoom(waited)) => Err(TransportError::TooManyStreams {
                        peer: peer.id(),
                        waited,
                    }),
                };
            }
            Next::Wait(attempt) => attempt,
            Next::Dial(attempt) => {
                // A task of its own: an opener that gives up takes nobody else's connection along.
                self.node
                    .spawn(dial::run(Arc::clone(&self.node), Arc::clone(peer)));
                attempt
            }
        };
        peer.dialled(attempt).await.map(|()| None)
    }
}

#[async_trait]
impl Transport for QuicTransport {
    fn local(&self) -> PeerId {
        self.node.local()
    }

    async fn open(&self, peer: PeerId) -> Result<Duplex, TransportError> {
        if self.node.is_closing() {
            return Err(TransportError::ShutDown);
        }
        if peer == self.node.local() {
            return self.open_to_myself().await;
        }
        let known = self.peer(peer)?;
        // Each try is a look at the table: one connects, the next opens.
        for _ in 0..2 * ATTEMPTS {
            let opened = tokio::select! {
                biased;
                () = self.node.closing() => Err(TransportError::ShutDown),
                opened = self.try_open(&known) => opened,
            };
            if let Some(stream) = opened? {
                return Ok(stream);
            }
        }
        Err(TransportError::Unreachable {
            peer,
            reason: "its connections break as they are made".to_owned(),
        })
    }

    async fn accept(&self) -> Result<Incoming, TransportError> {
        self.node
            .backlog()
            .pop()
            .await
            .map_err(|_| TransportError::ShutDown)
    }

    fn disconnect(&self, peer: PeerId) {
        if peer == self.node.local() {
            self.node.myself().cut();
        } else if let Some(link) = self.peer(peer).ok().and_then(|peer| peer.take()) {
            link.close(CloseCode::Disconnect);
        }
    }

    async fn shutdown(&self) {
        self.node.close();
        if timeout(self.node.limits().shutdown_deadline, self.node.ended())
            .await
            .is_err()
        {
            debug!(local = %self.node.local(), "the shutdown waited no longer for its peers");
        }
    }
}

impl Drop for QuicTransport {
    fn drop(&mut self) {
        self.node.close();
    }
}

impl fmt::Debug for QuicTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicTransport")
            .field("local", &self.node.local())
            .finish_non_exhaustive()
    }
}
