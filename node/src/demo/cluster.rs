//! Some nodes in this process, each with its own transport endpoint and engine.

mod fencing;
mod handled_engine;
mod metadata;
mod network;
mod node;
mod requests;
mod stage_hand;
mod unfenced;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use tidegate_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle, Operator};
use tidegate_kv::{RowStore, token_of};
use tidegate_replica::ReplicaClient;
use tidegate_streaming::ProgressEvents;
use tidegate_tablets::{Metadata, NodeId, TableId, TabletId};
use tidegate_transport::PeerId;
use tokio::time::timeout;
use tracing::{info, warn};

use self::fencing::Fencing;
use self::metadata::Log;
pub(crate) use self::node::Node;
use super::args::{MetadataKind, TransportKind};
use super::oracle::{Ledger, Verdict, View, verify};

/// How a cluster is started.
#[derive(Debug)]
pub(crate) struct ClusterConfig {
    pub(crate) nodes: u32,
    pub(crate) transport: TransportKind,
    pub(crate) metadata: MetadataKind,
    pub(crate) fenced: bool,
    pub(crate) data: PathBuf,
}

/// Some nodes in this process.
#[derive(Debug)]
pub(crate) struct Cluster {
    log: Log,
    nodes: BTreeMap<NodeId, Node>,
    coordinator: tokio::sync::Mutex<Option<CoordinatorHandle>>,
    /// Where the coordinator runs, for those who only want to cut it off.
    coordinator_at: Mutex<NodeId>,
}

impl Cluster {
    /// Starts the nodes, and a coordinator on the first.
    pub(crate) async fn start(config: ClusterConfig) -> Result<Self> {
        let log = Log::new(config.metadata);
        let fencing = Fencing::new(config.fenced);
        let ids: Vec<NodeId> = (1..=u64::from(config.nodes)).map(NodeId::new).collect();
        let mut nodes = BTreeMap::new();
        for (id, transport) in network::join_all(config.transport, &ids)? {
            let data = config.data.join(format!("node-{id}"));
            let node = Node::start(id, &log, transport, &data, &fencing).await;
            nodes.insert(id, node.with_context(|| format!("starting node {id}"))?);
        }
        let stores: Vec<_> = nodes.values().map(|node| &node.store).collect();
        metadata::found(&stores).await?;
        let first = *ids.first().context("a cluster has at least one node")?;
        let cluster = Self {
            log,
            nodes,
            coordinator: tokio::sync::Mutex::default(),
            coordinator_at: Mutex::new(first),
        };
        for id in ids {
            cluster
                .operator()?
                .add_node(id)
                .await
                .with_context(|| format!("adding node {id}"))?;
        }
        *cluster.coordinator.lock().await = Some(cluster.coordinate(first)?);
        Ok(cluster)
    }

    /// Makes a table whose replicas are spread over the nodes in turn.
    pub(crate) async fn create_table(&self, name: &str, tablets: u32, replicas: u32) -> Result<TableId> {
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        let sets: Vec<BTreeSet<NodeId>> = (0..tablets as usize)
            .map(|first| {
                (0..replicas as usize)
                    .map(|next| ids[(first + next) % ids.len()])
                    .collect()
            })
            .collect();
        let table = self
            .operator()?
            .create_table(name.to_owned(), sets)
            .await
            .context("creating the table")?;
        let version = self.map().version;
        for node in self.nodes.values() {
            node.replica
                .wait_version(version, Duration::from_secs(10))
                .await?;
        }
        Ok(table)
    }

    /// The nodes' ids, in order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.keys().copied()
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<&Node> {
        self.nodes
            .get(&id)
            .with_context(|| format!("there is no node {id}"))
    }

    /// The node of that turn.
    pub(crate) fn node_in_turn(&self, turn: usize) -> &Node {
        let at = turn % self.nodes.len();
        // A cluster has at least one node.
        self.nodes
            .values()
            .nth(at)
            .unwrap_or_else(|| unreachable!("{at} is less than the count"))
    }

    /// The newest metadata that a node has.
    pub(crate) fn map(&self) -> Arc<Metadata> {
        let copies = self.nodes.values().map(|node| node.metadata().snapshot());
        copies.max_by_key(|copy| copy.version).unwrap_or_default()
    }

    pub(crate) fn tablet_of(&self, table: TableId, key: &Bytes) -> Option<TabletId> {
        self.map()
            .tablet_of(table, token_of(key))
            .map(|(tablet, _)| tablet)
    }

    pub(crate) fn tablets(&self, table: TableId) -> Result<Vec<TabletId>> {
        Ok(self
            .map()
            .tables
            .get(&table)
            .context("the table is gone")?
            .tablets
            .clone())
    }

    /// What an operator may ask for, at the node where the coordinator runs.
    pub(crate) fn operator(&self) -> Result<Operator> {
        Ok(Operator::new(self.node(self.coordinator_at())?.metadata()))
    }

    /// Stops the coordinator with whatever it has under way, and starts one on the next node.
    pub(crate) async fn replace_coordinator(&self) -> Result<()> {
        let before = self.coordinator_at();
        let after = self
            .nodes()
            .find(|id| *id > before)
            .or_else(|| self.nodes().next())
            .unwrap_or(before);
        let mut coordinator = self.coordinator.lock().await;
        if let Some(stopped) = coordinator.take() {
            stopped.stop().await;
        }
        *coordinator = Some(self.coordinate(after)?);
        drop(coordinator);
        *self.coordinator_at.lock().unwrap_or_else(PoisonError::into_inner) = after;
        info!(%before, %after, "replaced the coordinator");
        Ok(())
    }

    /// Cuts every connection of a node with the others, at once.
    pub(crate) fn cut_off(&self, id: NodeId) -> Result<()> {
        let node = self.node(id)?;
        for peer in self.nodes().filter(|peer| *peer != id) {
            node.transport.disconnect(PeerId::new(peer.as_u64()));
        }
        info!(node = %id, "cut all of its connections");
        Ok(())
    }

    /// What the streams of all nodes tell from now on.
    pub(crate) fn progress(&self) -> Vec<ProgressEvents> {
        self.nodes
            .values()
            .map(|node| node.streaming.progress())
            .collect()
    }

    /// What holds a tablet up, for a person.
    pub(crate) fn why_stuck(&self, tablet: TabletId) -> String {
        let statuses = self
            .coordinator
            .try_lock()
            .ok()
            .and_then(|c| c.as_ref().map(CoordinatorHandle::status));
        match statuses
            .into_iter()
            .flatten()
            .find(|status| status.tablet == tablet)
        {
            Some(status) => format!("{status:?}"),
            None => "the coordinator does not know of it".to_owned(),
        }
    }

    /// Waits until no transition runs and nothing is staged or held any more.
    pub(crate) async fn quiet(&self, deadline: Duration) {
        let quiet = timeout(deadline, async {
            for node in self.nodes.values() {
                node.quiet().await;
            }
        });
        if quiet.await.is_err() {
            warn!("the cluster did not become quiet within {deadline:?}");
        }
    }

    /// Has the oracle look at every replica's engine, and at every key through the cluster.
    pub(crate) async fn verify(&self, ledger: &Ledger, table: TableId) -> Result<Verdict> {
        let engines: Vec<(NodeId, Arc<dyn RowStore>)> = self
            .nodes
            .iter()
            .map(|(id, node)| (*id, Arc::clone(&node.engine)))
            .collect();
        let reader = self.node_in_turn(0).reader(table);
        let view = View {
            map: self.map(),
            table,
            engines,
            reader: &reader,
        };
        verify(ledger, view).await
    }

    /// Stops everything.
    pub(crate) async fn stop(&self) {
        if let Some(coordinator) = self.coordinator.lock().await.take() {
            coordinator.stop().await;
        }
        for node in self.nodes.values() {
            node.stop().await;
        }
        self.log.stop();
    }

    fn coordinator_at(&self) -> NodeId {
        *self.coordinator_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn coordinate(&self, at: NodeId) -> Result<CoordinatorHandle> {
        let node = self.node(at)?;
        let client = Arc::new(ReplicaClient::new(Arc::clone(&node.transport)));
        Ok(Coordinator::start(
            node.metadata(),
            client,
            CoordinatorConfig::default(),
        ))
    }
}
