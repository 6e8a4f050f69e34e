//! Two nodes and a network, on which units are moved.

use std::sync::Arc;
use std::time::Duration;

use tidegate_streaming::{
    EndCause, ProgressEvents, ProgressStep, PullError, PullReport, PullRequest, Puller, Receipt,
    STREAM_SERVICE, StreamService, StreamingConfig, StreamingContext, UnitId,
};
use tidegate_transport::service::{Router, RouterConfig, Service};
use tidegate_transport::{PeerId, Transport};
use tokio::task::JoinSet;

use crate::memory::Engine;
use crate::networks::{Kind, Network};
use crate::rows::Row;
use crate::session::{Admit, Session};

pub(crate) const UNIT: UnitId = UnitId::new(9);
pub(crate) const SOURCE: PeerId = PeerId::new(1);
pub(crate) const TARGET: PeerId = PeerId::new(2);
pub(crate) const OTHER: PeerId = PeerId::new(3);

/// One node: an engine, what its streams share, and a session.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) engine: Engine,
    pub(crate) context: StreamingContext,
    pub(crate) session: Session,
}

/// Nodes on a network; what they serve ends with the rig.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) network: Network,
    routers: JoinSet<()>,
}

/// Small batches and few in flight, so that little data makes many batches.
pub(crate) fn small() -> StreamingConfig {
    StreamingConfig {
        batch_bytes: 1000,
        batches_in_flight: 2,
        permit_wait: Duration::from_millis(500),
        ..StreamingConfig::default()
    }
}

impl Rig {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self {
            network: Network::new(kind, &[SOURCE, TARGET, OTHER]).await,
            routers: JoinSet::new(),
        }
    }

    pub(crate) fn node(&self, peer: PeerId, session: &Session, config: StreamingConfig) -> Node {
        Node {
            transport: self.network.transport(peer),
            engine: Engine::new(),
            context: StreamingContext::new(config),
            session: session.clone(),
        }
    }

    /// Serves streams from a node's engine.
    pub(crate) fn serve(&mut self, node: &Node) {
        let service = node.service();
        self.serve_with(node, Arc::new(service));
    }

    pub(crate) fn serve_with(&mut self, node: &Node, service: Arc<dyn Service>) {
        let router = Router::new(Arc::clone(&node.transport), RouterConfig::default());
        let router = router.with(STREAM_SERVICE, service);
        self.routers.spawn(async move { router.run().await });
    }

    /// A source that serves these rows, and an empty target, in one session each of the same name.
    pub(crate) async fn pair(kind: Kind, rows: &[Row], config: StreamingConfig) -> (Self, Node, Node) {
        let mut rig = Self::new(kind).await;
        let source = rig.node(SOURCE, &Session::new(5), config.clone());
        let target = rig.node(TARGET, &Session::new(5), config);
        source.engine.write(UNIT, rows);
        rig.serve(&source);
        (rig, source, target)
    }
}

impl Node {
    pub(crate) fn service(&self) -> StreamService {
        let admit = Admit {
            session: self.session.clone(),
            refusal: None,
        };
        StreamService::new(
            Arc::new(self.engine.clone()),
            Arc::new(admit),
            self.context.clone(),
        )
    }

    pub(crate) fn puller(&self) -> Puller {
        Puller::new(
            Arc::clone(&self.transport),
            Arc::new(self.engine.clone()),
            self.context.clone(),
        )
    }

    /// Of another session than the node's own.
    pub(crate) fn request_of(&self, session: &Session) -> PullRequest {
        PullRequest {
            unit: UNIT,
            frozen: session.frozen(),
            guard: session.guard(),
            sources: Vec::new(),
        }
    }

    pub(crate) fn request(&self, sources: &[PeerId]) -> PullRequest {
        PullRequest {
            unit: UNIT,
            frozen: self.session.frozen(),
            guard: self.session.guard(),
            sources: sources.to_vec(),
        }
    }

    pub(crate) async fn pull(&self) -> Result<PullReport, PullError> {
        self.puller().pull(self.request(&[SOURCE])).await
    }
}

/// How the next stream ends, and what it had carried.
pub(crate) async fn ended(events: &mut ProgressEvents) -> (EndCause, Receipt) {
    loop {
        let event = events.next().await.expect("streams can still come");
        if let ProgressStep::Ended(cause) = event.step {
            return (cause, event.carried);
        }
    }
}
