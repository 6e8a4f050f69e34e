//! Stores on a network in memory.

use tidegate_raft::{MemoryDisk, RAFT_SERVICE, RaftConfig};
use tidegate_tablets::{Change, Proposal, RequestId};
use tidegate_transport::service::{Router, RouterConfig};
use tidegate_transport::{PeerId, Transport};
use tidegate_transport_mem::{MemConfig, MemNetwork};
use tokio::time::interval;

use super::*;

const DEADLINE: Duration = Duration::from_secs(60);

fn n(number: u64) -> NodeId {
    NodeId::new(number)
}

struct Cluster {
    network: MemNetwork,
    stores: Vec<(Arc<RaftStore>, Arc<dyn Transport>)>,
}

impl Cluster {
    /// Nodes 1 to 3, and node 4, which belongs to none yet.
    async fn start() -> Self {
        let network = MemNetwork::new(MemConfig::default());
        let mut stores = Vec::new();
        for node in 1..=4 {
            let transport: Arc<dyn Transport> = network.join(PeerId::new(node)).expect("joins");
            let disk = Arc::new(MemoryDisk::new());
            let store = RaftStore::start(RaftConfig::default(), Arc::clone(&transport), disk).await;
            let store = store.expect("starts");
            let router = Router::new(Arc::clone(&transport), RouterConfig::default());
            let router = router.with(RAFT_SERVICE, store.service());
            tokio::spawn(async move { router.run().await });
            stores.push((store, transport));
        }
        stores[0]
            .0
            .found((1..=3).map(n).collect())
            .await
            .expect("is founded");
        Self { network, stores }
    }

    fn store(&self, node: NodeId) -> &Arc<RaftStore> {
        let store = self.stores.iter().find(|(store, _)| store.node() == node);
        &store.expect("it runs").0
    }

    /// The leader by the word of all three that vote, or of those that are left of them.
    async fn leader(&self) -> NodeId {
        let voters = || self.stores.iter().filter(|(store, _)| store.node() != n(4));
        let one = || {
            let leader = self.stores[0].0.leader()?;
            let runs = voters().any(|(store, _)| store.node() == leader);
            let all = voters().all(|(store, _)| store.leader() == Some(leader));
            (runs && all).then_some(leader)
        };
        until("one leads", || one().is_some()).await;
        one().expect("leads")
    }

    fn apart(&self, node: NodeId, others: &[NodeId]) {
        for other in others {
            self.network
                .partition(PeerId::new(node.as_u64()), PeerId::new(other.as_u64()));
        }
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waited = timeout(DEADLINE, async {
        let mut pace = interval(PACE);
        while !is_so() {
            pace.tick().await;
        }
    });
    assert!(waited.await.is_ok(), "not within {DEADLINE:?}: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_node_that_comes_to_the_log_late_goes_too() {
    let cluster = Cluster::start().await;
    let lead = Arc::clone(cluster.store(cluster.leader().await));
    let mut changes: Vec<Change> = (1..=4).map(|node| Change::AddNode { node: n(node) }).collect();
    changes.push(Change::Exclude {
        node: n(4),
        give_up_quorum: false,
    });
    let request = RequestId(1);
    let outcomes = lead
        .propose(Proposal { request, changes })
        .await
        .expect("is decided");
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let keeps = tokio::spawn(keep(Arc::clone(&lead)));
    // What was asked for before, and comes to pass only now.
    lead.change(MembershipChange::AddLearner(n(4)))
        .await
        .expect("is added");
    until("it is gone", || lead.status().learners.is_empty()).await;
    keeps.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_voters_that_a_leader_has_left_in_the_middle_is_ended_by_the_next() {
    let mut cluster = Cluster::start().await;
    let first = cluster.leader().await;
    let lead = Arc::clone(cluster.store(first));
    lead.change(MembershipChange::AddLearner(n(4)))
        .await
        .expect("is added");
    let others: Vec<NodeId> = (1..=3).map(n).filter(|node| *node != first).collect();
    // It reaches one of the others alone, which is no majority of four.
    cluster.apart(first, &[others[1], n(4)]);
    let asked = Arc::clone(&lead);
    let caller = tokio::spawn(async move { asked.change(MembershipChange::Promote(n(4))).await });
    until("it has begun, and is known", || {
        [first, others[0]]
            .iter()
            .all(|node| cluster.store(*node).status().between)
    })
    .await;
    let at = cluster.stores.iter().position(|(store, _)| store.node() == first);
    let (store, transport) = cluster.stores.remove(at.expect("it runs"));
    transport.shutdown().await;
    store.stop().await;
    assert!(caller.await.expect("ends").is_err());

    let next = Arc::clone(cluster.store(cluster.leader().await));
    next.read_barrier().await.expect("it leads");
    assert!(next.status().between);
    let keeps = tokio::spawn(keep(Arc::clone(&next)));
    until("it has ended", || !next.status().between).await;
    assert_eq!(next.status().voters.len(), 4);
    keeps.abort();
}
