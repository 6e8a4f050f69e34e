//! A cluster of stores on one network, each with a disk that outlives it.
//!
//! Its tests run on paused time (`start_paused`): a wait of a second takes none.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select_all;
use tidegate_raft::{Disk, MemoryDisk, RAFT_SERVICE, RaftConfig, RaftStore};
use tidegate_tablets::{Change, MetadataStore as _, NodeId, Outcome, Proposal, ProposeError, RequestId};
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork, MemTransport};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Intervals for tests: quick to elect, and slow enough for a busy machine.
pub(crate) fn config() -> RaftConfig {
    RaftConfig {
        heartbeat_interval: Duration::from_millis(60),
        election_min: Duration::from_millis(300),
        election_max: Duration::from_millis(600),
        call_deadline: Duration::from_secs(2),
        propose_deadline: Duration::from_secs(5),
        membership_deadline: Duration::from_secs(10),
        proposal_changes_max: 16,
        ..RaftConfig::default()
    }
}

/// One running node.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) store: Arc<RaftStore>,
    pub(crate) transport: Arc<MemTransport>,
    serving: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(
        network: &MemNetwork,
        node: u64,
        config: RaftConfig,
        disk: Arc<dyn Disk>,
    ) -> Self {
        let transport = network.join(PeerId::new(node)).unwrap();
        let shared: Arc<dyn Transport> = transport.clone();
        let store = RaftStore::start(config, Arc::clone(&shared), disk).await.unwrap();
        let router = Router::new(shared, RouterConfig::default()).with(RAFT_SERVICE, store.service());
        let serving = tokio::spawn(async move { router.run().await });
        Self {
            store,
            transport,
            serving,
        }
    }

    /// Stops in the right order.
    pub(crate) async fn stop(self) {
        self.store.stop().await;
        self.transport.shutdown().await;
        self.serving.await.unwrap();
    }
}

/// Nodes 1 to n, on disks in memory.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) network: MemNetwork,
    pub(crate) config: RaftConfig,
    pub(crate) disks: BTreeMap<u64, MemoryDisk>,
    pub(crate) running: BTreeMap<u64, Running>,
    requests: u128,
}

impl Nodes {
    /// A founded cluster of `voters` nodes, and some that belong to none.
    pub(crate) async fn start(config: RaftConfig, voters: u64, others: u64) -> Self {
        let mut nodes = Self {
            network: MemNetwork::new(MemConfig::default()),
            config,
            disks: BTreeMap::new(),
            running: BTreeMap::new(),
            requests: 0,
        };
        for node in 1..=voters + others {
            nodes.disks.insert(node, MemoryDisk::new());
            nodes.start_node(node).await;
        }
        let voters: BTreeSet<NodeId> = (1..=voters).map(NodeId::new).collect();
        nodes.store(1).found(voters).await.unwrap();
        nodes
    }

    pub(crate) async fn start_node(&mut self, node: u64) {
        let disk = Arc::new(self.disks[&node].clone());
        let running = Running::start(&self.network, node, self.config.clone(), disk).await;
        self.running.insert(node, running);
    }

    pub(crate) async fn stop_node(&mut self, node: u64) {
        self.running.remove(&node).unwrap().stop().await;
    }

    /// As a machine that loses its power: nothing is said to anyone, and what follows reaches no disk.
    pub(crate) async fn crash_node(&mut self, node: u64) {
        let running = self.running.remove(&node).unwrap();
        let disk = self.disks[&node].crash();
        self.disks.insert(node, disk);
        running.serving.abort();
        running.transport.shutdown().await;
        running.store.stop().await;
    }

    /// As one that has lost its disk, and is given another.
    pub(crate) async fn empty_node(&mut self, node: u64) {
        self.crash_node(node).await;
        self.disks.insert(node, MemoryDisk::new());
        self.start_node(node).await;
    }

    pub(crate) fn store(&self, node: u64) -> Arc<RaftStore> {
        Arc::clone(&self.running[&node].store)
    }

    /// The leader that all running nodes agree on.
    pub(crate) async fn leader(&self) -> u64 {
        self.leader_of(self.running.len()).await
    }

    /// The leader that the first of the running nodes agree on.
    pub(crate) async fn leader_of(&self, first: usize) -> u64 {
        let up: BTreeSet<NodeId> = self.running.keys().copied().map(NodeId::new).collect();
        let followed = self.running.values().take(first);
        let mut followed: Vec<_> = followed.map(|node| node.store.leaders()).collect();
        let mut known = vec![None; followed.len()];
        within("all agree on a leader", async {
            loop {
                let next = followed.iter_mut().map(|leaders| Box::pin(leaders.next()));
                let (leadership, at, _) = select_all(next).await;
                known[at] = leadership.unwrap().leader;
                if let Some(leader) = known[0]
                    && up.contains(&leader)
                    && known.iter().all(|other| *other == Some(leader))
                {
                    return leader.as_u64();
                }
            }
        })
        .await
    }

    pub(crate) fn proposal(&mut self, changes: Vec<Change>) -> Proposal {
        self.requests += 1;
        Proposal {
            request: RequestId(self.requests),
            changes,
        }
    }

    /// Has a node become a member of the metadata, from one node.
    pub(crate) async fn add(&mut self, from: u64, node: u64) -> Vec<Outcome> {
        let proposal = self.proposal(vec![adding(node)]);
        decide(&self.store(from), proposal).await
    }

    pub(crate) fn has(&self, at: u64, node: u64) -> bool {
        self.store(at).snapshot().nodes.contains_key(&NodeId::new(node))
    }
}

pub(crate) fn adding(node: u64) -> Change {
    Change::AddNode {
        node: NodeId::new(node),
    }
}

/// Proposes until there is an answer, as the errors ask for.
pub(crate) async fn decide(store: &Arc<RaftStore>, proposal: Proposal) -> Vec<Outcome> {
    within("a proposal is decided", async {
        loop {
            match store.propose(proposal.clone()).await {
                Err(ProposeError::Unknown(_) | ProposeError::NotTaken(_)) => tokio::task::yield_now().await,
                other => return other.unwrap(),
            }
        }
    })
    .await
}

/// Waits until something is so that tells nobody.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    within(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(DEADLINE, future).await {
        Ok(done) => done,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}
