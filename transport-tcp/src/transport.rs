//! The transport itself.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate_transport::{Duplex, Incoming, PeerId, Transport, TransportError};
use tidegate_transport_tls::random_number;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::node::Node;
use crate::peers::Peer;
use crate::{BindError, Identity, IdentityError, TcpLimits, dial, serve, socket};

/// What a transport is bound with.
#[derive(Debug, Clone)]
pub struct TcpConfig {
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who this node is, and whom it believes.
    pub identity: Identity,
    /// Its bounds.
    pub limits: TcpLimits,
}

/// The transport contract on TCP. See the [crate's page](crate).
///
/// Dropped without a shutdown it closes everything at once and waits for nothing.
pub struct TcpTransport {
    node: Arc<Node>,
    local_addr: SocketAddr,
}

impl TcpTransport {
    /// Binds the socket and starts to take connections.
    ///
    /// # Errors
    ///
    /// [`BindError`] if limits or identity do not hold, the socket cannot be had, or there is no tokio runtime.
    pub fn bind(config: TcpConfig) -> Result<Arc<Self>, BindError> {
        let TcpConfig {
            listen,
            identity,
            limits,
        } = config;
        limits.check()?;
        let runtime = Handle::try_current().map_err(|_| BindError::NoRuntime)?;
        let listener = socket::listen(listen).map_err(BindError::Socket)?;
        let local_addr = listener.local_addr().map_err(BindError::Socket)?;
        let node = Node::new(&identity, random_number()?, local_addr.port(), limits, runtime)?;
        node.spawn(serve::run(Arc::clone(&node), listener));
        Ok(Arc::new(Self { node, local_addr }))
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// None; the shape is that of other transports, which ask the system.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.local_addr)
    }

    /// Where a peer is to be found from now on. Connections that exist stay.
    ///
    /// # Errors
    ///
    /// [`TransportError::Unreachable`] if more peers are known than the limits allow.
    pub fn set_peer_address(&self, peer: PeerId, address: SocketAddr) -> Result<(), TransportError> {
        self.peer(peer)?.set_address(address);
        Ok(())
    }

    /// Shows another certificate, and believes other authorities, from the next connection on. Connections that
    /// exist stay, also for streams to come; [`disconnect`](Transport::disconnect) ends them.
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
}

#[async_trait]
impl Transport for TcpTransport {
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
        tokio::select! {
            biased;
            () = self.node.closing() => Err(TransportError::ShutDown),
            opened = dial::open(&self.node, &known) => opened,
        }
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
        } else if let Ok(peer) = self.peer(peer) {
            peer.cut();
        }
    }

    async fn shutdown(&self) {
        self.node.close();
        if timeout(self.node.limits().shutdown_deadline, self.node.ended())
            .await
            .is_err()
        {
            debug!(local = %self.node.local(), "the shutdown waited no longer for its tasks");
        }
    }
}

impl Drop for TcpTransport {
    fn drop(&mut self) {
        self.node.close();
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport")
            .field("local", &self.node.local())
            .finish_non_exhaustive()
    }
}
