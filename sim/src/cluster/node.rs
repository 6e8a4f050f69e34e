//! One node, put together from the crates.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use tidegate_kv::{HybridClock, KvClient, KvConfig, KvService, KvStorage, RowStore};
use tidegate_raft::RAFT_SERVICE;
use tidegate_replica::{Replica, ReplicaParts};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions};
use tidegate_streaming::StreamingContext;
use tidegate_tablets::NodeId;
use tidegate_transport::service::Router;
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::MemTransport;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant, sleep};

use super::sessions::WatchedSessions;
use super::witness::Witness;
use super::{Cluster, configs};
use crate::engine::SimDisk;
use crate::event::Event;
use crate::metadata::Store;
use crate::store::SimStore;

/// What the clock of the day shows when a run begins.
const DAY_BEGINS_MS: i64 = 1_000_000;

/// How long after a disk error a node tries again to start.
const START_RETRY: Duration = Duration::from_millis(20);

/// What a node is made of; the caller brings what outlives it.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) id: NodeId,
    pub(super) incarnation: u64,
    pub(super) disk: SimDisk,
    pub(super) skew_ms: Arc<AtomicI64>,
    /// Its copy of the simulated log; on Raft it is on the disk.
    pub(super) store: Option<Arc<SimStore>>,
}

/// One node, from its start to its crash.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) transport: Arc<MemTransport>,
    pub(crate) store: Store,
    pub(crate) sessions: Arc<WatchedSessions>,
    pub(crate) client: Arc<KvClient>,
    pub(crate) clock: Arc<HybridClock>,
    pub(crate) witness: Witness,
    pub(crate) replica: Arc<Replica>,
    router: Mutex<Option<JoinHandle<()>>>,
    lives: AtomicBool,
    // Not a watch: that wakes its waiters in an order that no seed decides.
    crashes: Notify,
}

impl Node {
    /// None where somebody else has its place in the network.
    pub(super) async fn start(parts: Parts, cluster: &Cluster) -> Option<Self> {
        let Parts {
            id,
            incarnation,
            disk,
            skew_ms,
            store,
        } = parts;
        let transport = cluster.network.join(PeerId::new(id.as_u64())).ok()?;
        let witness = Witness::new(cluster.recorder().clone(), id, incarnation);
        let store = match store {
            Some(store) => Store::Simulated(store),
            None => cluster.start_store(id, &transport, &witness).await?,
        };
        let registry = SessionRegistry::new(SessionConfig::default());
        let sessions = WatchedSessions::new(registry, witness.clone());
        let clock = Arc::new(HybridClock::new(id, incarnation, day(cluster.begun, skew_ms)));
        let engine: Arc<dyn RowStore> = disk.open();
        let config = configs::kv();
        let network = Arc::clone(&transport) as Arc<dyn Transport>;
        let storage = opened(&engine, &clock, &network, &config).await;
        let replica = Replica::start(ReplicaParts {
            node: id,
            store: store.metadata(),
            sessions: Arc::clone(&sessions) as Arc<dyn Sessions>,
            storage: Arc::new(storage),
            transport: Arc::clone(&network),
            streaming: StreamingContext::new(configs::streaming()),
            config: configs::replica(),
        });
        let requests = KvService::new(
            Arc::clone(&replica) as _,
            engine,
            Arc::clone(&clock),
            config.clone(),
        );
        let (service, requests) = requests.into_service();
        let mut router = Router::new(Arc::clone(&network), configs::router()).with(service, requests);
        for (service, serves) in replica.services() {
            router = router.with(service, serves);
        }
        if let Some(handle) = store.raft() {
            router = router.with(RAFT_SERVICE, handle.raft().service());
        }
        let router = tokio::spawn(async move { router.run().await });
        let client = KvClient::new(Arc::clone(&replica) as _, network, Arc::clone(&clock), config);
        Some(Self {
            id,
            transport,
            store,
            sessions,
            client: Arc::new(client),
            clock,
            witness,
            replica,
            router: Mutex::new(Some(router)),
            lives: AtomicBool::new(true),
            crashes: Notify::new(),
        })
    }

    /// Completes when the node has crashed.
    pub(crate) async fn crashed(&self) {
        let crashes = self.crashes.notified();
        // From its making on it hears of the crash, so none falls between.
        if self.lives.load(Ordering::SeqCst) {
            crashes.await;
        }
    }

    /// Loses the network, the metadata and the engine at one instant. What is left of its tasks ends by and by, and
    /// reaches nobody.
    pub(super) fn crash(self: &Arc<Self>) {
        self.witness.ends();
        self.leave();
        self.store.stop();
        self.lives.store(false, Ordering::SeqCst);
        self.crashes.notify_waiters();
        let ghost = Arc::clone(self);
        tokio::spawn(async move { ghost.end().await });
    }

    /// Stops as a node does that is told to.
    pub(crate) async fn stop(&self) {
        self.witness.tell(|node| Event::Stopping { node });
        self.end().await;
        self.store.stop();
    }

    async fn end(&self) {
        self.replica.stop().await;
        self.store.ended().await;
        self.leave();
        let router = self.router.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(router) = router {
            // Its services have a deadline.
            drop(router.await);
        }
    }

    /// Leaves the network, at once: in memory a shutdown waits for nothing.
    fn leave(&self) {
        let mut left = Box::pin(self.transport.shutdown());
        let _ = left.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Opened, however often the disk fails before.
async fn opened(
    engine: &Arc<dyn RowStore>,
    clock: &Arc<HybridClock>,
    network: &Arc<dyn Transport>,
    config: &KvConfig,
) -> KvStorage {
    loop {
        let opened = KvStorage::open(Arc::clone(engine), Arc::clone(clock), Arc::clone(network), config);
        match opened.await {
            Ok(storage) => return storage,
            Err(_) => sleep(START_RETRY).await,
        }
    }
}

/// A clock of the day that follows virtual time, and is off by so much.
fn day(begun: Instant, skew_ms: Arc<AtomicI64>) -> impl Fn() -> u64 + Send + Sync + 'static {
    move || {
        let since = i64::try_from((Instant::now() - begun).as_millis()).unwrap_or(i64::MAX);
        let shown = DAY_BEGINS_MS + since + skew_ms.load(Ordering::Relaxed);
        u64::try_from(shown).unwrap_or_default()
    }
}
