//! What the transport's tasks share.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use quinn::{ClientConfig, Endpoint};
use tidegate_transport::backlog::Backlog;
use tidegate_transport::buffers::Buffers;
use tidegate_transport::loopback::Loopback;
use tidegate_transport::pipe::PipeConfig;
use tidegate_transport::{Incoming, PeerId};
use tidegate_transport_tls::NodeName;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::close::CloseCode;
use crate::link::{Link, StreamBounds};
use crate::peers::{Peer, Peers};
use crate::{Identity, IdentityError, QuicLimits, tls};

/// One node's end of the network.
pub(crate) struct Node {
    name: NodeName,
    incarnation: u64,
    limits: QuicLimits,
    endpoint: Endpoint,
    client_config: Mutex<ClientConfig>,
    peers: Peers,
    myself: Loopback,
    buffers: Buffers,
    backlog: Backlog,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Node {
    pub(crate) fn new(
        identity: &Identity,
        incarnation: u64,
        limits: QuicLimits,
        endpoint: Endpoint,
        client_config: ClientConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: identity.name().clone(),
            incarnation,
            peers: Peers::new(limits.peers),
            myself: loopback(&limits),
            buffers: Buffers::default(),
            backlog: Backlog::new(limits.backlog),
            limits,
            endpoint,
            client_config: Mutex::new(client_config),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    pub(crate) fn local(&self) -> PeerId {
        self.name.node()
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn limits(&self) -> &QuicLimits {
        &self.limits
    }

    /// What the streams of a link need: their bounds, and what the frames that come are put into.
    pub(crate) fn for_streams(&self) -> (StreamBounds, Buffers) {
        let bounds = StreamBounds {
            frame_max: self.limits.frame_max,
            finish_deadline: self.limits.finish_deadline,
        };
        (bounds, self.buffers.clone())
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn client_config(&self) -> ClientConfig {
        self.client_config
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    pub(crate) fn myself(&self) -> &Loopback {
        &self.myself
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Shows another certificate from the next connection on.
    pub(crate) fn replace_identity(&self, identity: &Identity) -> Result<(), IdentityError> {
        identity.must_be_of(&self.name)?;
        let client = tls::client_config(identity, &self.limits)?;
        let server = tls::server_config(identity, &self.limits)?;
        *self.client_config.lock().unwrap_or_else(PoisonError::into_inner) = client;
        self.endpoint.set_server_config(Some(server));
        Ok(())
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Waits until the node closes.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Runs a task that a shutdown waits for; it has to end when the node closes.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Takes in the streams that the peer opens on a link that is in place, and ends the one it takes the place of.
    pub(crate) fn run_link(self: &Arc<Self>, peer: Arc<Peer>, link: Arc<Link>, old: Option<Arc<Link>>) {
        if let Some(old) = old {
            old.close(CloseCode::Replaced);
        }
        debug!(local = %self.local(), peer = %link.peer, "connected");
        let node = Arc::clone(self);
        self.spawn(async move {
            let taken = node.take_streams(&link).await;
            debug!(local = %node.local(), peer = %link.peer, reason = %taken, "connection ended");
            peer.forget(&link);
        });
    }

    async fn take_streams(&self, link: &Link) -> String {
        loop {
            let stream = tokio::select! {
                biased;
                () = self.closing() => return "shutdown".to_owned(),
                stream = link.accept() => stream,
            };
            match stream {
                Ok(stream) => {
                    if self
                        .backlog
                        .push(Incoming {
                            peer: link.peer,
                            stream,
                        })
                        .await
                        .is_err()
                    {
                        return "shutdown".to_owned();
                    }
                }
                Err(error) => return error.to_string(),
            }
        }
    }

    /// Ends everything at once; what is left to do is to wait.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        // Before the backlog drops its streams: what the other ends see is the shutdown, not the drop.
        self.myself.cut();
        for link in self.peers.take_all() {
            link.close(CloseCode::Shutdown);
        }
        CloseCode::Shutdown.close_all(&self.endpoint);
        self.backlog.close();
        self.tasks.close();
    }

    /// Waits until its tasks have ended and the peers have heard of it.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
        self.endpoint.wait_idle().await;
    }
}

/// What the node's streams to itself may do.
fn loopback(limits: &QuicLimits) -> Loopback {
    let config = PipeConfig {
        frame_max: limits.frame_max,
        bytes_in_flight: usize::try_from(limits.stream_window).unwrap_or(usize::MAX),
        ..PipeConfig::default()
    };
    Loopback::new(
        config,
        usize::try_from(limits.streams_per_peer).unwrap_or(usize::MAX),
    )
}
