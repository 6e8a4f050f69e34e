//! A small cluster in this process: nodes over any transport, one metadata log in memory, one coordinator.

mod counted;
mod moves;
mod node;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tidegate_coordinator::{Coordinator, CoordinatorConfig, CoordinatorHandle};
use tidegate_replica::ReplicaClient;
use tidegate_tablets::{
    Accepted, Change, LocalConfig, LocalLog, Metadata, MetadataStore, NodeId, Proposal, ReplicaSpec,
    RequestId, TableId, TabletId,
};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tidegate_transport_quic::authority::Authority;
use tidegate_transport_quic::{QuicConfig, QuicLimits, QuicTransport};
use tokio::runtime::{Builder, Runtime};

use self::counted::{CountedParticipants, CountedStore};

pub(crate) use self::counted::Counts;
pub(crate) use self::moves::Moved;
pub(crate) use self::node::{Data, Node};

/// How long any one wait of a case may take before it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Nodes 1 to n, a log that they all apply, and a coordinator beside the first.
pub(crate) struct Cluster {
    log: Arc<LocalLog>,
    nodes: Vec<Node>,
    coordinator: CoordinatorHandle,
    counts: Arc<Counts>,
    requests: AtomicU64,
}

/// Endpoints of nodes 1 to n on a network in memory, as it comes.
pub(crate) fn mem(nodes: u64) -> Result<Vec<Arc<dyn Transport>>> {
    let network = MemNetwork::new(MemConfig::default());
    let join = |id| anyhow::Ok(network.join(PeerId::new(id))? as Arc<dyn Transport>);
    (1..=nodes).map(join).collect()
}

/// Endpoints of nodes 1 to n over QUIC on the loopback, as it is for there.
pub(crate) fn quic(nodes: u64) -> Result<Vec<Arc<dyn Transport>>> {
    let authority = Authority::new("bench")?;
    let bind = |id| {
        Ok(QuicTransport::bind(QuicConfig {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            identity: authority.issue(PeerId::new(id))?,
            limits: QuicLimits::loopback(),
        })?)
    };
    let nodes = (1..=nodes)
        .map(bind)
        .collect::<Result<Vec<Arc<QuicTransport>>>>()?;
    for node in &nodes {
        for peer in &nodes {
            node.set_peer_address(peer.local(), peer.local_addr()?)?;
        }
    }
    Ok(nodes.into_iter().map(|node| node as Arc<dyn Transport>).collect())
}

impl Cluster {
    /// Starts a node per transport and its data, everything with its default limits.
    pub(crate) async fn start(ground: Vec<(Arc<dyn Transport>, Data)>) -> Result<Self> {
        let log = LocalLog::new(LocalConfig::default());
        let mut nodes = Vec::new();
        for (transport, data) in ground {
            nodes.push(Node::start(&log, transport, data).await?);
        }
        let first = nodes.first().context("a cluster has at least one node")?;
        let counts = Arc::new(Counts::default());
        let store = CountedStore::new(Arc::clone(&first.store) as _, Arc::clone(&counts));
        let client = ReplicaClient::new(Arc::clone(&first.transport));
        let client = CountedParticipants::new(Arc::new(client), Arc::clone(&counts));
        let coordinator = Coordinator::start(Arc::new(store), Arc::new(client), CoordinatorConfig::default());
        let cluster = Self {
            log,
            nodes,
            coordinator,
            counts,
            requests: AtomicU64::new(0),
        };
        let members = cluster.nodes.iter().map(|node| Change::AddNode { node: node.id });
        cluster.propose(members.collect()).await?;
        Ok(cluster)
    }

    /// Makes a table, and waits until every node knows it.
    pub(crate) async fn create_table(&self, replicas: Vec<ReplicaSpec>) -> Result<(TableId, Vec<TabletId>)> {
        let name = "t".to_owned();
        let accepted = self.propose(vec![Change::CreateTable { name, replicas }]).await?;
        let Some(Accepted::Table(table)) = accepted.into_iter().next() else {
            anyhow::bail!("the log made no table");
        };
        let map = self.map();
        for node in &self.nodes {
            let known = node.replica.wait_version(map.version, PATIENCE).await?;
            ensure!(
                known.tables.contains_key(&table),
                "node {} lacks the table",
                node.id
            );
        }
        let tablets = map
            .tables
            .get(&table)
            .context("the table is gone")?
            .tablets
            .clone();
        Ok((table, tablets))
    }

    /// Has the log decide changes, all of which it must accept.
    pub(crate) async fn propose(&self, changes: Vec<Change>) -> Result<Vec<Accepted>> {
        let request = RequestId(u128::from(self.requests.fetch_add(1, Ordering::Relaxed)));
        let outcomes = self.store().propose(Proposal { request, changes }).await?;
        Ok(outcomes.into_iter().collect::<Result<_, _>>()?)
    }

    /// The newest metadata.
    pub(crate) fn map(&self) -> Arc<Metadata> {
        self.log.newest()
    }

    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn node(&self, id: NodeId) -> Result<&Node> {
        let found = self.nodes.iter().find(|node| node.id == id);
        found.with_context(|| format!("there is no node {id}"))
    }

    /// What the coordinator has asked for so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Stops everything.
    pub(crate) async fn stop(self) {
        self.coordinator.stop().await;
        for node in self.nodes {
            node.stop().await;
        }
        self.log.stop();
    }

    fn store(&self) -> &dyn MetadataStore {
        &*self.nodes[0].store
    }
}

/// `tablets` replica sets of `replicas` nodes each, spread over nodes 1 to `nodes` in turn.
pub(crate) fn spread(tablets: usize, replicas: u64, nodes: u64) -> Vec<ReplicaSpec> {
    (0..tablets as u64)
        .map(|first| {
            (0..replicas)
                .map(|next| NodeId::new((first + next) % nodes + 1))
                .collect()
        })
        .collect()
}

/// A runtime of two workers, as the machine that the bounds are for has cores.
pub(crate) fn runtime() -> Result<Runtime> {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all();
    runtime.build().context("starting a runtime")
}
