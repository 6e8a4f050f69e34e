//! What the transport's tasks share.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, ServerConfig};
use tidegate_transport::PeerId;
use tidegate_transport::backlog::Backlog;
use tidegate_transport::buffers::Buffers;
use tidegate_transport::loopback::Loopback;
use tidegate_transport::pipe::PipeConfig;
use tidegate_transport_tls::{NodeName, client_config, server_config};
use tokio::runtime::Handle;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::driver::Terms;
use crate::peers::Peers;
use crate::stream::StreamBounds;
use crate::{Identity, IdentityError, TcpLimits};

pub(crate) const ALPN: &[u8] = b"tidegate-tcp";

/// One node's end of the network.
pub(crate) struct Node {
    name: NodeName,
    incarnation: u64,
    port: u16,
    limits: TcpLimits,
    tls: Mutex<Tls>,
    peers: Peers,
    myself: Loopback,
    buffers: Buffers,
    backlog: Backlog,
    closing: CancellationToken,
    runtime: Handle,
    tasks: TaskTracker,
}

#[derive(Clone)]
struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl Tls {
    fn new(identity: &Identity) -> Result<Self, IdentityError> {
        Ok(Self {
            client: Arc::new(client_config(identity, ALPN)?),
            server: Arc::new(server_config(identity, ALPN)?),
        })
    }
}

impl Node {
    pub(crate) fn new(
        identity: &Identity,
        incarnation: u64,
        port: u16,
        limits: TcpLimits,
        runtime: Handle,
    ) -> Result<Arc<Self>, IdentityError> {
        Ok(Arc::new(Self {
            name: identity.name().clone(),
            incarnation,
            port,
            tls: Mutex::new(Tls::new(identity)?),
            peers: Peers::new(&limits),
            myself: loopback(&limits),
            buffers: Buffers::default(),
            backlog: Backlog::new(limits.backlog),
            limits,
            closing: CancellationToken::new(),
            runtime,
            tasks: TaskTracker::new(),
        }))
    }

    pub(crate) fn local(&self) -> PeerId {
        self.name.node()
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn limits(&self) -> &TcpLimits {
        &self.limits
    }

    pub(crate) fn bounds(&self) -> StreamBounds {
        StreamBounds {
            frame_max: self.limits.frame_max,
            send_buffer: self.limits.send_buffer,
            window: self.limits.stream_window,
            finish_deadline: self.limits.finish_deadline,
        }
    }

    /// What a driver has to know of a connection with a peer that gave this window.
    pub(crate) fn terms(&self, peer_window: u32, accepts: bool) -> Terms {
        Terms {
            bounds: self.bounds(),
            peer_window,
            idle_timeout: self.limits.idle_timeout,
            accepts,
        }
    }

    /// What the frames that come are put into.
    pub(crate) fn buffers(&self) -> Buffers {
        self.buffers.clone()
    }

    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(self.tls().client)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.tls().server)
    }

    fn tls(&self) -> Tls {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let tls = Tls::new(identity)?;
        *self.tls.lock().unwrap_or_else(PoisonError::into_inner) = tls;
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

    /// What cuts one connection; so does the end of the node.
    pub(crate) fn cut(&self) -> CancellationToken {
        self.closing.child_token()
    }

    /// Runs a task that a shutdown waits for; it has to end when the node closes. It runs where the transport was
    /// bound, whoever asks: a connection outlives the runtime of the one who opened it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Ends everything at once; what is left to do is to wait.
    pub(crate) fn close(&self) {
        self.closing.cancel();
        // Before the backlog drops its streams: what the other ends see is the shutdown, not the drop.
        self.myself.cut();
        self.peers.cut_all();
        self.backlog.close();
        self.tasks.close();
    }

    /// Waits until its tasks have ended.
    ///
    /// # Cancel safety
    ///
    /// Safe.
    pub(crate) async fn ended(&self) {
        self.tasks.wait().await;
    }
}

/// What the node's streams to itself may do.
fn loopback(limits: &TcpLimits) -> Loopback {
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
