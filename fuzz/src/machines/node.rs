//! A whole node, all its services on its router, with a member of the cluster that plays a script.

use std::sync::Arc;

use bytes::Bytes;
use tidegate_guard::Unfenced;
use tidegate_kv::{
    HybridClock, KvClient, KvConfig, KvService, KvStorage, MemoryEngine, Row, RowStore, Timestamp,
};
use tidegate_replica::{Replica, ReplicaConfig, ReplicaParts};
use tidegate_session::{SessionConfig, SessionRegistry};
use tidegate_streaming::StreamingContext;
use tidegate_tablets::{LocalConfig, LocalLog};
use tidegate_transport::Transport;
use tidegate_transport::service::{Router, RouterConfig};

use super::cluster::{lines, network, open_all};
use super::metadata::{self, Shown};
use super::script::Script;
use super::{HOSTILE, NODE, ended, in_virtual_time, small_streams};

pub(crate) fn run(input: &[u8]) {
    in_virtual_time(async move {
        let network = network();
        let (near, far) = (lines(&network, NODE), lines(&network, HOSTILE));
        let shown = metadata::with_transitions();
        let node = Node::start(near, &shown).await;
        let peer = tokio::spawn(open_all(far, NODE, shown.streamed(), Script::new(input)));
        // Long enough for every wait that a service grants its callers.
        tokio::time::sleep(super::BOUND / 4).await;
        let got = ended("a read", node.client.get(shown.table, shown.key())).await;
        assert!(got.is_ok(), "the node does not serve any more: {got:?}");
        ended("a stop", node.replica.stop()).await;
        peer.abort();
    });
}

struct Node {
    replica: Arc<Replica>,
    client: KvClient,
}

impl Node {
    async fn start(transport: Arc<dyn Transport>, shown: &Shown) -> Self {
        let log = LocalLog::starting_from(LocalConfig::default(), shown.metadata.clone());
        let clock = Arc::new(HybridClock::new(metadata::NEAR, 1, || 0));
        let engine = MemoryEngine::with_quota(1 << 20);
        for tablet in &shown.tablets {
            let written = engine.write(*tablet, Arc::new(Unfenced), rows());
            assert!(written.await.is_ok(), "a memory that cannot be written");
        }
        let config = KvConfig {
            batch_bytes_max: 16 << 10,
            ..KvConfig::default()
        };
        let engine: Arc<dyn RowStore> = Arc::new(engine);
        let storage = KvStorage::open(
            Arc::clone(&engine),
            Arc::clone(&clock),
            Arc::clone(&transport),
            &config,
        );
        let Ok(storage) = storage.await else {
            panic!("a memory that cannot be read")
        };
        let replica = Replica::start(ReplicaParts {
            node: metadata::NEAR,
            store: log.store(metadata::NEAR),
            sessions: SessionRegistry::new(SessionConfig::default()),
            storage: Arc::new(storage),
            transport: Arc::clone(&transport),
            streaming: StreamingContext::new(small_streams()),
            config: ReplicaConfig::default(),
        });
        let (id, requests) = KvService::new(
            Arc::clone(&replica) as _,
            engine,
            Arc::clone(&clock),
            config.clone(),
        )
        .into_service();
        let mut router = Router::new(Arc::clone(&transport), RouterConfig::default()).with(id, requests);
        for (id, service) in replica.services() {
            router = router.with(id, service);
        }
        tokio::spawn(async move { router.run().await });
        let version = shown.metadata.version;
        let there = replica.wait_version(version, super::BOUND).await;
        assert!(there.is_ok(), "the node does not start: {there:?}");
        let client = KvClient::new(Arc::clone(&replica) as _, transport, clock, config);
        Self { replica, client }
    }
}

/// A row that every tablet has, and a tombstone.
fn rows() -> Vec<Row> {
    let row = |key: &'static [u8], value: Option<Bytes>| Row {
        key: Bytes::from_static(key),
        timestamp: Timestamp {
            time: 1,
            node: 1,
            start: 1,
        },
        value,
    };
    vec![row(b"gone", None), row(b"k", Some(Bytes::from(vec![b'v'; 2000])))]
}
