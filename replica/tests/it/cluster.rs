//! Some nodes on one metadata log and one network, and the steps of a coordinator, one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_coordinator::{
    BarrierAnswer, BarrierError, BarrierRequest, CallError, Operation, OperationError, OperationKind,
    Participants,
};
use tidegate_guard::FrozenGuard;
use tidegate_inject::Injector;
use tidegate_replica::ReplicaClient;
use tidegate_tablets::{
    Accepted, Change, Epoch, LocalConfig, LocalLog, MetadataStore, NodeId, Outcome, Proposal, Reason,
    RequestId, Stage, Tablet, TabletId, TransitionKind,
};
use tidegate_transport::PeerId;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::data::{Engines, TestData};
use crate::node::{Network, Node, transports};

/// Nothing in these tests takes that long, unless it is stuck.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Cluster {
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) log: Arc<LocalLog>,
    requests: Mutex<u128>,
    client: ReplicaClient,
}

pub(crate) fn n(node: u64) -> NodeId {
    NodeId::new(node)
}

pub(crate) fn set(nodes: &[u64]) -> BTreeSet<NodeId> {
    nodes.iter().copied().map(NodeId::new).collect()
}

impl Cluster {
    /// Four nodes; one table of that many tablets, each with replicas on 1, 2 and 3.
    pub(crate) async fn start(network: Network, tablets: usize) -> (Self, Vec<TabletId>) {
        let log = LocalLog::new(LocalConfig::default());
        let engines = Engines::default();
        let transports = transports(network);
        let client = ReplicaClient::new(Arc::clone(&transports[&n(1)]));
        let nodes = transports
            .into_iter()
            .map(|(id, transport)| {
                let store = log.store(id);
                let data = TestData::new(id, &engines);
                (id, Node::start(id, transport, store, data, Injector::new()))
            })
            .collect();
        let cluster = Self {
            nodes,
            log,
            requests: Mutex::new(0),
            client,
        };
        for node in 1..=4 {
            cluster.change(Change::AddNode { node: n(node) }).await.unwrap();
        }
        let replicas = vec![set(&[1, 2, 3]); tablets];
        let created = cluster
            .change(Change::CreateTable {
                name: "t".to_owned(),
                replicas,
            })
            .await
            .unwrap();
        let Accepted::Table(table) = created else {
            panic!("{created:?}")
        };
        let tablets = cluster.log.newest().tables.get(&table).unwrap().tablets.clone();
        for node in cluster.nodes.values() {
            node.replica
                .wait_version(cluster.log.newest().version, SOON)
                .await
                .unwrap();
        }
        (cluster, tablets)
    }

    pub(crate) fn node(&self, node: u64) -> &Node {
        &self.nodes[&n(node)]
    }

    pub(crate) fn tablet(&self, tablet: TabletId) -> Tablet {
        self.log.newest().tablets.get(&tablet).unwrap().clone()
    }

    pub(crate) async fn change(&self, change: Change) -> Outcome {
        let request = {
            let mut requests = self.requests.lock().unwrap();
            *requests += 1;
            RequestId(*requests)
        };
        let proposal = Proposal {
            request,
            changes: vec![change],
        };
        let mut outcomes = timeout(SOON, self.node(1).store.propose(proposal))
            .await
            .unwrap()
            .unwrap();
        outcomes.pop().unwrap()
    }

    pub(crate) async fn begin(&self, tablet: TabletId, from: u64, to: u64) -> Epoch {
        let change = Change::Begin {
            tablet,
            expected: self.tablet(tablet).epoch,
            kind: TransitionKind::Migration,
            leaving: Some(n(from)),
            pending: Some(n(to)),
            purge_floor: 0,
            reason: Reason::Operator,
        };
        self.change(change).await.unwrap();
        self.tablet(tablet).epoch
    }

    pub(crate) async fn begin_purge(&self, tablet: TabletId, purge_floor: u64) {
        let change = Change::Begin {
            tablet,
            expected: self.tablet(tablet).epoch,
            kind: TransitionKind::Purge,
            leaving: None,
            pending: None,
            purge_floor,
            reason: Reason::Operator,
        };
        self.change(change).await.unwrap();
    }

    /// Goes to a stage, or ends the transition.
    pub(crate) async fn advance(&self, tablet: TabletId, to: Option<Stage>) {
        let expected = self.tablet(tablet).epoch;
        self.change(Change::Advance { tablet, expected, to })
            .await
            .unwrap();
    }

    /// The frozen guard of the stage that the tablet is at.
    pub(crate) fn frozen(&self, tablet: TabletId) -> FrozenGuard {
        self.tablet(tablet).transition.unwrap().frozen().unwrap()
    }

    /// One node's answer to a barrier of the tablet's epoch.
    pub(crate) async fn barrier(
        &self,
        node: u64,
        tablet: TabletId,
        deadline: Duration,
    ) -> Result<(), BarrierError> {
        let request = BarrierRequest {
            tablets: vec![(tablet, self.tablet(tablet).epoch)],
            min_version: self.log.newest().version,
            deadline,
        };
        let (sender, mut answers) = mpsc::channel(1);
        let call = self.client.barrier(n(node), request, sender);
        let (called, answer) = timeout(SOON, async { tokio::join!(call, answers.recv()) })
            .await
            .unwrap();
        called.unwrap();
        answer.unwrap().result
    }

    /// Asks a node for barriers of several tablets at once.
    pub(crate) async fn barriers(
        &self,
        node: u64,
        tablets: Vec<(TabletId, Epoch)>,
        deadline: Duration,
        answers: mpsc::Sender<BarrierAnswer>,
    ) -> Result<(), CallError> {
        let min_version = self.log.newest().version;
        self.client
            .barrier(
                n(node),
                BarrierRequest {
                    tablets,
                    min_version,
                    deadline,
                },
                answers,
            )
            .await
    }

    /// The barrier of the tablet's stage, on every participant.
    pub(crate) async fn barrier_all(&self, tablet: TabletId) {
        for node in self.tablet(tablet).participants() {
            self.barrier(node.as_u64(), tablet, SOON)
                .await
                .unwrap_or_else(|error| panic!("{node}: {error}"));
        }
    }

    pub(crate) async fn operate(
        &self,
        node: u64,
        kind: OperationKind,
        tablet: TabletId,
    ) -> Result<(), OperationError> {
        self.operate_with(node, kind, tablet, self.frozen(tablet)).await
    }

    pub(crate) async fn operate_with(
        &self,
        node: u64,
        kind: OperationKind,
        tablet: TabletId,
        frozen: FrozenGuard,
    ) -> Result<(), OperationError> {
        self.operate_within(node, kind, tablet, frozen, SOON).await
    }

    pub(crate) async fn operate_within(
        &self,
        node: u64,
        kind: OperationKind,
        tablet: TabletId,
        frozen: FrozenGuard,
        deadline: Duration,
    ) -> Result<(), OperationError> {
        let min_version = self.log.newest().version;
        self.call(
            node,
            Operation {
                kind,
                tablet,
                frozen,
                min_version,
                deadline,
            },
        )
        .await
        .unwrap()
    }

    /// The same, where the call itself may fail.
    pub(crate) async fn call(
        &self,
        node: u64,
        operation: Operation,
    ) -> Result<Result<(), OperationError>, CallError> {
        timeout(SOON, self.client.operate(n(node), operation))
            .await
            .unwrap()
    }

    /// From `begun` to the stage at which the pending replica is to pull.
    pub(crate) async fn up_to_streaming(&self, tablet: TabletId) {
        self.barrier_all(tablet).await;
        self.advance(tablet, Some(Stage::WriteBothReadOld)).await;
        self.barrier_all(tablet).await;
        self.advance(tablet, Some(Stage::Streaming)).await;
    }

    /// From the end of streaming to the end of the move.
    pub(crate) async fn after_streaming(&self, tablet: TabletId) {
        let leaving = self
            .tablet(tablet)
            .transition
            .unwrap()
            .leaving()
            .unwrap()
            .as_u64();
        self.advance(tablet, Some(Stage::WriteBothReadNew)).await;
        self.barrier_all(tablet).await;
        self.advance(tablet, Some(Stage::UseNew)).await;
        self.barrier_all(tablet).await;
        self.advance(tablet, Some(Stage::Cleanup)).await;
        self.operate(leaving, OperationKind::Cleanup, tablet)
            .await
            .unwrap();
        self.advance(tablet, Some(Stage::EndMigration)).await;
        self.barrier_all(tablet).await;
        self.advance(tablet, None).await;
    }

    /// A whole move.
    pub(crate) async fn move_tablet(&self, tablet: TabletId, from: u64, to: u64) {
        self.begin(tablet, from, to).await;
        self.up_to_streaming(tablet).await;
        self.operate(to, OperationKind::Stream, tablet).await.unwrap();
        self.after_streaming(tablet).await;
    }

    /// A whole purge.
    pub(crate) async fn purge(&self, tablet: TabletId, floor: u64) {
        self.begin_purge(tablet, floor).await;
        let replicas: Vec<u64> = self
            .tablet(tablet)
            .replicas
            .iter()
            .map(|node| node.as_u64())
            .collect();
        self.barrier_all(tablet).await;
        for node in &replicas {
            self.operate(*node, OperationKind::Fill, tablet).await.unwrap();
        }
        self.advance(tablet, Some(Stage::Purge)).await;
        self.barrier_all(tablet).await;
        for node in &replicas {
            self.operate(*node, OperationKind::Purge, tablet).await.unwrap();
        }
        self.advance(tablet, Some(Stage::EndPurge)).await;
        self.barrier_all(tablet).await;
        self.advance(tablet, None).await;
    }

    /// Cuts every connection of a node with the others.
    pub(crate) fn cut_off(&self, node: u64) {
        for peer in self.nodes.keys().filter(|peer| **peer != n(node)) {
            self.node(node).transport.disconnect(PeerId::new(peer.as_u64()));
        }
    }
}
