//! One end of a move, as a node has it: sessions, a transport, streams.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_guard::{FrozenGuard, Label, SessionId, SharedGuard, Thaw as _};
use tidegate_kv::{HybridClock, KvConfig, KvStorage, SystemClock};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};
use tidegate_streaming::{
    Admission, Opening, PullRequest, Puller, Receipt, Refusal, STREAM_SERVICE, SourceEngine, StreamService,
    StreamingContext, TargetEngine, UnitId,
};
use tidegate_tablets::NodeId;
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};

/// The tablet's epoch at both ends.
const EPOCH: u64 = 1;
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// One end of a move, cheap to clone. Made on the runtime that it is to use.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) id: PeerId,
    transport: Arc<QuicTransport>,
    sessions: Arc<SessionRegistry>,
    context: StreamingContext,
}

/// A stream may be sent to whoever names a session that is open.
#[derive(Debug)]
struct ByName(Arc<SessionRegistry>);

#[async_trait]
impl Admission for ByName {
    async fn admit(&self, peer: PeerId, opening: &Opening) -> Result<SharedGuard, Refusal> {
        let label = Label::new("stream.send").with("peer", peer);
        self.0
            .thaw(&opening.frozen, EPOCH, label)
            .map_err(Refusal::Rejected)
    }
}

impl Node {
    pub(crate) fn bind(id: PeerId, authority: &Authority) -> Result<Self> {
        let transport = QuicTransport::bind(QuicConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            identity: authority.issue(id)?,
            limits: QuicLimits::loopback(),
        })?;
        Ok(Self {
            id,
            transport,
            sessions: SessionRegistry::new(SessionConfig::default()),
            context: StreamingContext::default(),
        })
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.transport.local_addr()?)
    }

    pub(crate) fn knows(&self, peer: PeerId, address: SocketAddr) -> Result<()> {
        Ok(self.transport.set_peer_address(peer, address)?)
    }

    /// Opens an engine as a node does, with the clock in front of it.
    pub(crate) async fn storage(&self, directory: &Path) -> Result<(Arc<FjallEngine>, KvStorage)> {
        let engine = FjallEngine::open(directory, FjallConfig::default()).await?;
        let clock = HybridClock::new(NodeId::new(self.id.as_u64()), 1, SystemClock);
        let transport: Arc<dyn Transport> = Arc::clone(&self.transport) as _;
        let rows = Arc::clone(&engine) as _;
        let storage = KvStorage::open(rows, Arc::new(clock), transport, &KvConfig::default()).await?;
        Ok((engine, storage))
    }

    /// Sends what the engine has, until the transport is shut down.
    pub(crate) fn serve(&self, engine: Arc<dyn SourceEngine>) {
        let admission = Arc::new(ByName(Arc::clone(&self.sessions)));
        let service = StreamService::new(engine, admission, self.context.clone());
        let router = Router::new(Arc::clone(&self.transport) as _, RouterConfig::default());
        let router = router.with(STREAM_SERVICE, Arc::new(service));
        tokio::spawn(async move { router.run().await });
    }

    /// Opens these sessions, and closes all others.
    pub(crate) fn begin(&self, sessions: &[SessionId]) {
        self.sessions.reconcile(&sessions.iter().copied().collect());
    }

    /// Closes all sessions, and waits until nobody is left in that one.
    pub(crate) async fn end(&self, session: SessionId) -> Result<()> {
        self.sessions.reconcile(&BTreeSet::new());
        let drained = self.sessions.drain(&[session], DRAIN_DEADLINE).await;
        drained.context("a guard outlived its move")
    }

    pub(crate) fn guard(&self, session: SessionId, word: &'static str) -> Result<SharedGuard> {
        let frozen = FrozenGuard {
            session,
            epoch: EPOCH,
        };
        Ok(self.sessions.thaw(&frozen, EPOCH, Label::new(word))?)
    }

    /// Pulls a unit into an engine, to its attach.
    pub(crate) async fn pull(
        &self,
        engine: Arc<dyn TargetEngine>,
        unit: UnitId,
        session: SessionId,
        source: PeerId,
    ) -> Result<Receipt> {
        let transport: Arc<dyn Transport> = Arc::clone(&self.transport) as _;
        let puller = Puller::new(transport, engine, self.context.clone());
        let request = PullRequest {
            unit,
            frozen: FrozenGuard {
                session,
                epoch: EPOCH,
            },
            guard: self.guard(session, "stream.receive")?,
            sources: vec![source],
        };
        let report = puller.pull(request).await?;
        ensure!(!report.attached_before, "nothing was pulled");
        let stream = report.streams.first().context("a pull without a stream")?;
        Ok(stream.receipt)
    }

    pub(crate) async fn shut_down(&self) {
        self.transport.shutdown().await;
    }
}
