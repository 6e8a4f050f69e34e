//! A cluster without coordinator and replica: the test itself applies metadata, node by node, and runs the barriers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SharedGuard, Unfenced};
use tidegate_kv::{Admit, HybridClock, KvClient, KvConfig, KvService, KvStorage, Row, RowStore, Timestamp};
use tidegate_replica::{AdmissionError, WaitError};
use tidegate_tablets::{
    Accepted, AdmitError, Change, Epoch, Metadata, NodeId, Reason, RequestFence, Stage, TableId, TabletId,
    TransitionKind, Version,
};
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::doubles::HeldEngine;

/// A node's map and fence, moved by hand.
#[derive(Debug)]
pub(crate) struct HandAdmit {
    map: watch::Sender<Option<Arc<Metadata>>>,
    pub(crate) fence: RequestFence,
}

#[async_trait]
impl Admit for HandAdmit {
    fn map(&self) -> Option<Arc<Metadata>> {
        self.map.borrow().clone()
    }

    async fn wait_epoch(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<Arc<Metadata>, WaitError> {
        let mut map = self.map.subscribe();
        let there = |map: &Option<Arc<Metadata>>| {
            map.as_ref()
                .and_then(|map| map.tablets.get(&tablet))
                .is_some_and(|t| t.epoch >= epoch)
        };
        match timeout(deadline, map.wait_for(there)).await {
            Ok(Ok(map)) => Ok(map.clone().unwrap()),
            Ok(Err(_)) => Err(WaitError::Stopped),
            Err(_) => Err(WaitError::Behind {
                applied: Version::default(),
            }),
        }
    }

    async fn admit(
        &self,
        tablet: TabletId,
        epoch: Epoch,
        deadline: Duration,
    ) -> Result<SharedGuard, AdmissionError> {
        let until = Instant::now() + deadline;
        loop {
            match self.fence.admit(tablet, epoch) {
                Ok(guard) => return Ok(Arc::new(guard)),
                Err(AdmitError::Stale { wanted }) => return Err(AdmissionError::Stale { wanted }),
                Err(AdmitError::NotReplica) => return Err(AdmissionError::NotReplica),
                Err(AdmitError::Ahead { .. }) => {
                    let left = until.saturating_duration_since(Instant::now());
                    let wait = self.wait_epoch(tablet, epoch, left).await;
                    wait.map_err(|_| AdmissionError::Behind)?;
                }
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) admit: Arc<HandAdmit>,
    pub(crate) engine: HeldEngine,
    pub(crate) clock: Arc<HybridClock>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) storage: KvStorage,
    pub(crate) client: Arc<KvClient>,
}

#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) network: MemNetwork,
    pub(crate) metadata: Mutex<Metadata>,
    pub(crate) nodes: BTreeMap<u64, Node>,
    pub(crate) table: TableId,
    pub(crate) tablet: TabletId,
}

pub(crate) fn node(id: u64) -> NodeId {
    NodeId::new(id)
}

pub(crate) fn peer(id: u64) -> PeerId {
    PeerId::new(id)
}

pub(crate) fn unfenced() -> SharedGuard {
    Arc::new(Unfenced)
}

pub(crate) fn at(time: u64) -> Timestamp {
    Timestamp {
        time,
        node: 9,
        start: 9,
    }
}

pub(crate) fn row(key: &'static str, time: u64, value: Option<&'static str>) -> Row {
    Row {
        key: key.into(),
        timestamp: at(time),
        value: value.map(Bytes::from),
    }
}

impl Cluster {
    /// Nodes 1 to `nodes`; one table of one tablet on the first three.
    pub(crate) async fn start(nodes: u64) -> Self {
        Self::start_with(nodes, 1, KvConfig::default()).await
    }

    pub(crate) async fn start_with(nodes: u64, tablets: usize, config: KvConfig) -> Self {
        let network = MemNetwork::new(MemConfig::default());
        let mut running = BTreeMap::new();
        for id in 1..=nodes {
            running.insert(id, start_node(&network, id, &config).await);
        }
        let mut cluster = Self {
            network,
            metadata: Mutex::default(),
            nodes: running,
            table: TableId::default(),
            tablet: TabletId::default(),
        };
        for id in 1..=nodes {
            cluster.change(Change::AddNode { node: node(id) });
        }
        let replicas = vec![(1..=nodes.min(3)).map(node).collect(); tablets];
        let Accepted::Table(table) = cluster.change(Change::CreateTable {
            name: "t".into(),
            replicas,
        }) else {
            panic!("a table is made")
        };
        cluster.table = table;
        cluster.tablet = cluster
            .metadata
            .lock()
            .unwrap()
            .tables
            .get(&table)
            .unwrap()
            .tablets[0];
        cluster.publish_all();
        cluster
    }

    pub(crate) fn node(&self, id: u64) -> &Node {
        &self.nodes[&id]
    }

    pub(crate) fn client(&self, id: u64) -> &Arc<KvClient> {
        &self.nodes[&id].client
    }

    /// Changes the metadata; no node knows of it yet.
    pub(crate) fn change(&self, change: Change) -> Accepted {
        let mut metadata = self.metadata.lock().unwrap();
        let version = Version::new(metadata.version.as_u64() + 1);
        metadata.apply(version, &change).outcome.unwrap()
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.metadata
            .lock()
            .unwrap()
            .tablets
            .get(&self.tablet)
            .unwrap()
            .epoch
    }

    /// Lets a node apply the metadata.
    pub(crate) fn publish(&self, id: u64) {
        let map = Arc::new(self.metadata.lock().unwrap().clone());
        let there = &self.nodes[&id];
        for (tablet, shown) in map.tablets.iter() {
            there.clock.raise_above(shown.purge_floor);
            if shown.concerns(node(id)) {
                there.admit.fence.publish(*tablet, shown.epoch);
            } else {
                there.admit.fence.forget(*tablet);
            }
        }
        there.admit.map.send_replace(Some(map));
    }

    pub(crate) fn publish_all(&self) {
        self.nodes.keys().for_each(|id| self.publish(*id));
    }

    /// The part of a barrier that concerns requests, on one node.
    pub(crate) async fn barrier(&self, id: u64) {
        let fence = &self.nodes[&id].admit.fence;
        fence.raise(self.tablet, self.epoch());
        fence.older_ended(self.tablet, self.epoch()).await;
    }

    pub(crate) async fn barrier_all(&self) {
        for id in self.nodes.keys() {
            self.barrier(*id).await;
        }
    }

    pub(crate) fn begin(
        &self,
        kind: TransitionKind,
        leaving: Option<u64>,
        pending: Option<u64>,
        purge_floor: u64,
    ) {
        self.change(Change::Begin {
            tablet: self.tablet,
            expected: self.epoch(),
            kind,
            leaving: leaving.map(node),
            pending: pending.map(node),
            purge_floor,
            reason: Reason::Operator,
        });
    }

    pub(crate) fn advance(&self, to: Option<Stage>) {
        self.change(Change::Advance {
            tablet: self.tablet,
            expected: self.epoch(),
            to,
        });
    }

    /// The next stage, known everywhere, with its barrier behind it.
    pub(crate) async fn enter(&self, to: Option<Stage>) {
        self.advance(to);
        self.publish_all();
        self.barrier_all().await;
    }

    /// Begins to move the tablet from node 1 to node 4.
    pub(crate) fn begin_move(&self) {
        self.begin(TransitionKind::Migration, Some(1), Some(4), 0);
        self.publish_all();
    }

    /// Gives node 4 what node 1 holds, as a stream would.
    pub(crate) async fn stream(&self) {
        let rows = self.nodes[&1]
            .engine
            .inner
            .scan(self.tablet, None, usize::MAX, usize::MAX)
            .await
            .unwrap();
        self.nodes[&4]
            .engine
            .inner
            .write(self.tablet, unfenced(), rows)
            .await
            .unwrap();
    }

    /// Puts rows into one replica, past all requests.
    pub(crate) async fn plant(&self, id: u64, rows: Vec<Row>) {
        self.nodes[&id]
            .engine
            .inner
            .write(self.tablet, unfenced(), rows)
            .await
            .unwrap();
    }

    /// What one replica holds of a key.
    pub(crate) async fn held(&self, id: u64, key: &'static str) -> Option<Row> {
        self.nodes[&id]
            .engine
            .inner
            .read(self.tablet, vec![key.into()])
            .await
            .unwrap()
            .remove(0)
    }

    pub(crate) async fn value(&self, id: u64, key: &'static str) -> Option<Bytes> {
        self.held(id, key).await.and_then(|row| row.value)
    }

    /// No node reaches this one, nor it any other.
    pub(crate) fn isolate(&self, id: u64) {
        self.nodes
            .keys()
            .filter(|other| **other != id)
            .for_each(|other| self.network.partition(peer(id), peer(*other)));
    }

    pub(crate) fn heal(&self, id: u64) {
        self.nodes
            .keys()
            .filter(|other| **other != id)
            .for_each(|other| self.network.heal(peer(id), peer(*other)));
    }
}

async fn start_node(network: &MemNetwork, id: u64, config: &KvConfig) -> Node {
    let transport: Arc<dyn Transport> = network.join(peer(id)).unwrap();
    let begun = Instant::now();
    let millis = move || 1_000 + u64::try_from(begun.elapsed().as_millis()).unwrap();
    let clock = Arc::new(HybridClock::new(node(id), 1, millis));
    let engine = HeldEngine::default();
    let store: Arc<dyn RowStore> = Arc::new(engine.clone());
    let admit = Arc::new(HandAdmit {
        map: watch::Sender::new(None),
        fence: RequestFence::new(),
    });
    let port: Arc<dyn Admit> = Arc::clone(&admit) as _;
    let service = KvService::new(
        Arc::clone(&port),
        Arc::clone(&store),
        Arc::clone(&clock),
        config.clone(),
    );
    let (service_id, service) = service.into_service();
    let router = Router::new(Arc::clone(&transport), RouterConfig::default()).with(service_id, service);
    tokio::spawn(async move { router.run().await });
    let storage = KvStorage::open(store, Arc::clone(&clock), Arc::clone(&transport), config)
        .await
        .unwrap();
    let client = KvClient::new(port, Arc::clone(&transport), Arc::clone(&clock), config.clone());
    Node {
        admit,
        engine,
        clock,
        transport,
        storage,
        client: Arc::new(client),
    }
}
