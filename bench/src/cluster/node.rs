//! One node, put together from the crates.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, RowStore, SystemClock};
use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts, Storage};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};
use tidegate_streaming::{StreamingConfig, StreamingContext};
use tidegate_tablets::{Changes, LocalLog, LocalStore, MetadataStore as _, NodeId};
use tidegate_transport::Transport;
use tidegate_transport::service::{Router, RouterConfig};
use tokio::task::JoinHandle;

/// What a node keeps its tablets in.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// An engine for rows: the node serves requests.
    Rows(Arc<dyn RowStore>),
    /// Anything: it serves none.
    Opaque(Arc<dyn Storage>),
}

/// One node.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) store: Arc<LocalStore>,
    pub(crate) sessions: Arc<SessionRegistry>,
    pub(crate) streaming: StreamingContext,
    pub(crate) replica: Arc<Replica>,
    /// Where it serves requests.
    pub(crate) client: Option<Arc<KvClient>>,
    router: JoinHandle<()>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Node {
    pub(super) async fn start(
        log: &Arc<LocalLog>,
        transport: Arc<dyn Transport>,
        data: Data,
    ) -> Result<Self> {
        let id = NodeId::new(transport.local().as_u64());
        let store = log.store(id);
        let sessions = SessionRegistry::new(SessionConfig::default());
        let clock = Arc::new(HybridClock::new(id, 1, SystemClock));
        let config = KvConfig::default();
        let storage: Arc<dyn Storage> = match &data {
            Data::Opaque(storage) => Arc::clone(storage),
            Data::Rows(rows) => {
                let (rows, clock) = (Arc::clone(rows), Arc::clone(&clock));
                Arc::new(KvStorage::open(rows, clock, Arc::clone(&transport), &config).await?)
            }
        };
        let streaming = StreamingContext::new(StreamingConfig::default());
        let replica = Replica::start(ReplicaParts {
            node: id,
            store: Arc::clone(&store) as _,
            sessions: Arc::clone(&sessions) as Arc<dyn Sessions>,
            storage,
            transport: Arc::clone(&transport),
            streaming: streaming.clone(),
            config: ReplicaConfig::default(),
        });
        let mut router = Router::new(Arc::clone(&transport), RouterConfig::default());
        for (service, serves) in replica.services() {
            router = router.with(service, serves);
        }
        let mut client = None;
        if let Data::Rows(rows) = data {
            let requests = KvService::new(
                Arc::clone(&replica) as _,
                rows,
                Arc::clone(&clock),
                config.clone(),
            );
            let (service, requests) = requests.into_service();
            router = router.with(service, requests);
            let admit = Arc::clone(&replica) as _;
            client = Some(Arc::new(KvClient::new(
                admit,
                Arc::clone(&transport),
                clock,
                config,
            )));
        }
        let router = tokio::spawn(async move { router.run().await });
        Ok(Self {
            id,
            transport,
            store,
            sessions,
            streaming,
            replica,
            client,
            router,
        })
    }

    /// Follows what this node applies.
    pub(crate) fn changes(&self) -> Box<dyn Changes> {
        self.store.changes()
    }

    pub(super) async fn stop(self) {
        self.replica.stop().await;
        self.transport.shutdown().await;
        // It ends with its transport.
        drop(self.router.await);
    }
}
