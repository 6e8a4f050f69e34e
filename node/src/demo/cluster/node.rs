//! One node, put together from the crates.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use tidegate_engine_fjall::{FjallConfig, FjallEngine};
use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, RowStore, SystemClock};
use tidegate_raft::RAFT_SERVICE;
use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
use tidegate_session::Sessions;
use tidegate_streaming::{StreamingConfig, StreamingContext};
use tidegate_tablets::{MetadataStore, NodeId, TableId};
use tidegate_transport::Transport;
use tidegate_transport::service::{Router, RouterConfig};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tracing::warn;

use super::fencing::Fencing;
use super::metadata::{Log, Store};
use super::requests::TableReader;
use super::stage_hand::StageHand;

/// How often a node is asked whether it is quiet yet.
const QUIET_PACE: Duration = Duration::from_millis(20);

/// How long the services may take to end.
const STOP_DEADLINE: Duration = Duration::from_secs(8);

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) transport: Arc<dyn Transport>,
    /// The engine itself, for the oracle.
    pub(crate) engine: Arc<dyn RowStore>,
    /// The scenario's hand in the engine.
    pub(crate) hand: StageHand,
    pub(crate) client: Arc<KvClient>,
    pub(crate) streaming: StreamingContext,
    pub(crate) replica: Arc<Replica>,
    pub(super) store: Store,
    sessions: Arc<dyn Sessions>,
    /// The engine as the replica sees it.
    rows: Arc<dyn RowStore>,
    fjall: Arc<FjallEngine>,
    router: Mutex<Option<JoinHandle<()>>>,
}

impl Node {
    pub(super) async fn start(
        id: NodeId,
        log: &Log,
        transport: Arc<dyn Transport>,
        data: &Path,
        fencing: &Fencing,
    ) -> Result<Self> {
        let rows = data.join("rows");
        let fjall = FjallEngine::open(&rows, FjallConfig::default()).await;
        let fjall = fjall.with_context(|| format!("opening the engine in {}", rows.display()))?;
        let store = log.store(id, &transport, data).await?;
        let hand = StageHand::default();
        let (sessions, rows) = fencing.of_node(Arc::clone(&fjall) as _, hand.clone());
        // New at every start: the data directory of a demo is never used by two starts of one node.
        let clock = Arc::new(HybridClock::new(id, 1, SystemClock));
        let config = KvConfig::default();
        let storage = KvStorage::open(
            Arc::clone(&rows),
            Arc::clone(&clock),
            Arc::clone(&transport),
            &config,
        )
        .await?;
        let streaming = StreamingContext::new(StreamingConfig::default());
        let replica = Replica::start(ReplicaParts {
            node: id,
            store: store.metadata(),
            sessions: Arc::clone(&sessions),
            storage: Arc::new(storage),
            transport: Arc::clone(&transport),
            streaming: streaming.clone(),
            config: ReplicaConfig::default(),
        });
        let requests = KvService::new(
            Arc::clone(&replica) as _,
            Arc::clone(&rows),
            Arc::clone(&clock),
            config.clone(),
        );
        let (service, requests) = requests.into_service();
        let mut router = Router::new(Arc::clone(&transport), RouterConfig::default()).with(service, requests);
        for (service, serves) in replica.services() {
            router = router.with(service, serves);
        }
        if let Some(raft) = store.raft() {
            router = router.with(RAFT_SERVICE, raft.service());
        }
        let router = tokio::spawn(async move { router.run().await });
        let client = KvClient::new(Arc::clone(&replica) as _, Arc::clone(&transport), clock, config);
        Ok(Self {
            id,
            transport,
            engine: Arc::clone(&fjall) as _,
            hand,
            client: Arc::new(client),
            streaming,
            replica,
            store,
            sessions,
            rows,
            fjall,
            router: Mutex::new(Some(router)),
        })
    }

    /// Reads a table through this node.
    pub(super) fn reader(&self, table: TableId) -> TableReader {
        TableReader {
            client: Arc::clone(&self.client),
            table,
        }
    }

    /// Completes when the node's metadata shows no transition, and nothing is held or staged any more.
    pub(super) async fn quiet(&self) {
        let mut pace = interval(QUIET_PACE);
        loop {
            pace.tick().await;
            let map = self.replica.map();
            let resting = map.is_some_and(|map| map.tablets.values().all(|t| t.transition.is_none()));
            let free =
                self.sessions.open_sessions().is_empty() && self.sessions.closing_sessions().is_empty();
            if resting && free && self.rows.staged().await.is_ok_and(|staged| staged.is_empty()) {
                return;
            }
        }
    }

    /// What the node has of the metadata, and asks of it.
    pub(super) fn metadata(&self) -> Arc<dyn MetadataStore> {
        self.store.metadata()
    }

    pub(super) async fn stop(&self) {
        self.replica.stop().await;
        if let Some(raft) = self.store.raft() {
            raft.stop().await;
        }
        self.transport.shutdown().await;
        let router = self.router.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(router) = router
            && timeout(STOP_DEADLINE, router).await.is_err()
        {
            warn!(node = %self.id, "its services did not end in time");
        }
        if let Err(error) = self.fjall.close().await {
            warn!(node = %self.id, ?error, "its engine did not close");
        }
    }
}
