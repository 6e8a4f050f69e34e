//! Our way: whole pulls, under guards, with digests and receipts.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tidegate_guard::{FrozenGuard, Label, SessionId, SharedGuard, Thaw as _};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions as _};
use tidegate_streaming::{
    Admission, Opening, PullRequest, Puller, Refusal, STREAM_SERVICE, StreamService, StreamingConfig,
    StreamingContext, UnitId,
};
use tidegate_transport::PeerId;
use tidegate_transport::service::{Router, RouterConfig};

use super::ends::Ends;
use super::engines::Loaded;
use super::load::Load;
use super::networks::{Network, Nodes, SOURCE};
use crate::sinkhole::Sinkhole;

const EPOCH: u64 = 7;

/// Two nodes that have a session open, of which one pulls from the other.
#[derive(Debug)]
pub(super) struct Guarded {
    ends: Ends,
    nodes: Nodes,
    puller: Puller,
    sessions: Arc<SessionRegistry>,
    frozen: FrozenGuard,
    load: Load,
}

/// Admits whoever names a session that is open here.
#[derive(Debug)]
struct Holders(Arc<SessionRegistry>);

#[async_trait]
impl Admission for Holders {
    async fn admit(&self, peer: PeerId, opening: &Opening) -> Result<SharedGuard, Refusal> {
        let label = Label::new("stream.send").with("peer", peer);
        let thawed = self.0.thaw(&opening.frozen, EPOCH, label);
        thawed.map_err(Refusal::Rejected)
    }
}

impl Guarded {
    pub(super) fn new(network: &Network, load: &Load) -> Result<Self> {
        let ends = Ends::new()?;
        let nodes = network.nodes(&ends)?;
        let session = SessionId::from_u128(0x5e55)?;
        let sessions = [(); 2].map(|()| {
            let sessions = SessionRegistry::new(SessionConfig::default());
            sessions.reconcile(&BTreeSet::from([session]));
            sessions
        });
        let [theirs, sessions] = sessions;
        let config = || {
            let default = StreamingConfig::default();
            StreamingContext::new(StreamingConfig {
                batch_bytes: load.batch_bytes,
                batch_bytes_max: default.batch_bytes_max.max(load.batch_bytes),
                sends_max: load.streams,
                receives_max: load.streams,
                ..default
            })
        };
        let service = StreamService::new(
            Arc::new(Loaded(load.clone())),
            Arc::new(Holders(theirs)),
            config(),
        );
        let router = Router::new(Arc::clone(&nodes.source), RouterConfig::default())
            .with(STREAM_SERVICE, Arc::new(service));
        ends.source.spawn(async move { router.run().await });
        let puller = Puller::new(Arc::clone(&nodes.target), Arc::new(Sinkhole), config());
        Ok(Self {
            ends,
            nodes,
            puller,
            sessions,
            frozen: FrozenGuard {
                session,
                epoch: EPOCH,
            },
            load: load.clone(),
        })
    }

    /// Pulls the load once.
    pub(super) fn carry(&self) -> Result<()> {
        let pulls = (0..self.load.streams as u64).map(|unit| self.pull(UnitId::new(unit)));
        let pulls: Vec<_> = pulls.collect::<Result<_>>()?;
        self.ends.at_target(pulls)
    }

    fn pull(&self, unit: UnitId) -> Result<impl Future<Output = Result<()>> + Send + use<>> {
        let (puller, load, frozen) = (self.puller.clone(), self.load.clone(), self.frozen);
        let label = Label::new("stream.receive").with("peer", SOURCE);
        let request = PullRequest {
            unit,
            frozen,
            guard: self.sessions.thaw(&frozen, EPOCH, label)?,
            sources: vec![SOURCE],
        };
        Ok(async move {
            let report = puller.pull(request).await?;
            let stream = report.streams.first().context("a pull without a stream")?;
            load.check(stream.receipt.bytes, stream.receipt.digest)
        })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.ends.target.block_on(self.nodes.target.shutdown());
        self.ends.source.block_on(self.nodes.source.shutdown());
    }
}
