//! A cluster that a script drives: nothing goes wrong in it but what the script does.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tidegate_coordinator::{Coordinator, CoordinatorHandle, Operation, Operator, Participants};
use tidegate_kv::token_of;
use tidegate_replica::ReplicaClient;
use tidegate_tablets::{MetadataStore, NodeId, Stage, TableId, Tablet, TabletId, Transition, Version};
use tidegate_transport::PeerId;
use tokio::time::{Instant, sleep};

use super::calls::{Calls, HeldParticipants};
use crate::cluster::{Cluster, Node, WatchedParticipants, configs};
use crate::engine::{Held, SimDisk};
use crate::event::Event;
use crate::metadata::MetadataKind;
use crate::plan::Plan;
use crate::recorder::{Recorder, View};
use crate::store::SimStore;

/// What a script, or a step of it, came to; an error says what did not come true.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// How long a script waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks.
const PACE: Duration = Duration::from_millis(1);

/// How long a frame takes.
pub(super) const FRAME: Duration = Duration::from_millis(1);

/// A cluster that a script drives. The coordinator runs on the last node, which holds nothing.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) cluster: Arc<Cluster>,
    pub(super) calls: Arc<Calls>,
    pub(super) operator: Operator,
    pub(super) table: TableId,
    pub(super) keys: Mutex<BTreeSet<Bytes>>,
    pub(super) next_op: AtomicU64,
    coordinator: Mutex<Option<CoordinatorHandle>>,
    nodes: u64,
}

/// What a script begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Set {
    /// So many nodes, from 1; the last one is the coordinator's.
    pub(super) nodes: u64,
    /// The replicas of each tablet.
    pub(super) tablets: &'static [&'static [u64]],
}

pub(super) const fn n(id: u64) -> NodeId {
    NodeId::new(id)
}

const fn peer(id: u64) -> PeerId {
    PeerId::new(id)
}

impl Scene {
    /// Starts the nodes and makes a table; no coordinator runs yet.
    pub(super) async fn set(set: Set, recorder: Recorder) -> Outcome<Self> {
        let mut plan = Plan::of(0, MetadataKind::Simulated, &BTreeSet::new());
        plan.nodes = set.nodes;
        plan.frame_delay = FRAME..=FRAME;
        plan.apply_delay = Duration::ZERO..=Duration::ZERO;
        plan.disk_delay = Duration::ZERO..=Duration::ZERO;
        let cluster = Cluster::new(plan, recorder.clone());
        recorder.watch(Arc::clone(&cluster) as Arc<dyn View>);
        for id in 1..=set.nodes {
            cluster.add(n(id), 0);
        }
        within(&recorder, "every node is up", || {
            cluster.up().len() as u64 == set.nodes
        })
        .await?;
        let last = cluster.node(n(set.nodes)).ok_or("the last node is down")?;
        let operator = Operator::with_config(last.store.metadata(), configs::operator(0));
        for id in 1..=set.nodes {
            operator.add_node(n(id)).await.map_err(told)?;
        }
        let sets = set.tablets.iter().map(|ids| ids.iter().copied().map(n).collect());
        let table = operator.create_table("t", sets.collect()).await.map_err(told)?;
        let watched = Arc::clone(&cluster);
        let calls = Calls::new(Arc::new(move || watched.map()));
        let scene = Self {
            cluster,
            calls,
            operator,
            table,
            keys: Mutex::default(),
            next_op: AtomicU64::new(0),
            coordinator: Mutex::default(),
            nodes: set.nodes,
        };
        scene.all_applied().await?;
        Ok(scene)
    }

    /// Starts the coordinator.
    pub(super) fn coordinate(&self) -> Outcome {
        let node = self.node(self.nodes)?;
        let client: Arc<dyn Participants> = Arc::new(ReplicaClient::new(Arc::clone(&node.transport) as _));
        let inner = Arc::new(WatchedParticipants::new(
            client,
            node.witness.clone(),
            Arc::clone(&self.cluster.ground),
            self.cluster.plan.calls.clone(),
        ));
        let held = HeldParticipants {
            inner,
            calls: Arc::clone(&self.calls),
        };
        let store = node.store.metadata();
        let handle = Coordinator::start(store, Arc::new(held), configs::coordinator());
        self.cluster.ground.set_coordinator(node.id);
        self.recorder()
            .record(Event::CoordinatorStarted { node: node.id });
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    /// Stops the coordinator; what it has asked for may still be under way.
    pub(super) async fn stop_coordinator(&self) {
        let stopped = self
            .coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(handle) = stopped {
            handle.stop().await;
            self.recorder()
                .record(Event::CoordinatorStopped { node: n(self.nodes) });
        }
    }

    /// Another coordinator starts beside the one that runs, which then goes.
    pub(super) async fn replace_coordinator(&self) -> Outcome {
        let before = self
            .coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.coordinate()?;
        self.wait(20).await;
        drop(before);
        self.recorder()
            .record(Event::CoordinatorStopped { node: n(self.nodes) });
        Ok(())
    }

    /// Asks a node for an operation that was asked for before.
    pub(super) async fn ask_again(&self, (node, operation): (NodeId, Operation)) -> Outcome {
        let from = self.node(self.nodes)?;
        let client: Arc<dyn Participants> = Arc::new(ReplicaClient::new(Arc::clone(&from.transport) as _));
        let again = WatchedParticipants::new(
            client,
            from.witness.clone(),
            Arc::clone(&self.cluster.ground),
            self.cluster.plan.calls.clone(),
        );
        match again.operate(node, operation).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn recorder(&self) -> &Recorder {
        self.cluster.recorder()
    }

    pub(super) fn node(&self, id: u64) -> Outcome<Arc<Node>> {
        self.cluster
            .node(n(id))
            .ok_or_else(|| format!("node {id} is down"))
    }

    pub(super) fn disk(&self, id: u64) -> Outcome<SimDisk> {
        self.cluster
            .disk_of(n(id))
            .ok_or_else(|| format!("there is no node {id}"))
    }

    pub(super) fn store(&self, id: u64) -> Outcome<Arc<SimStore>> {
        let node = self.node(id)?;
        let store = node.store.simulated().cloned();
        store.ok_or_else(|| "scripts have the simulated log".to_owned())
    }

    /// The first tablet.
    pub(super) fn tablet(&self) -> TabletId {
        self.tablets()[0]
    }

    pub(super) fn tablets(&self) -> Vec<TabletId> {
        self.cluster.map().tablets.keys().copied().collect()
    }

    pub(super) fn shown(&self, tablet: TabletId) -> Outcome<Tablet> {
        let map = self.cluster.map();
        map.tablets
            .get(&tablet)
            .cloned()
            .ok_or_else(|| "the tablet is gone".to_owned())
    }

    pub(super) fn transition(&self, tablet: TabletId) -> Option<Transition> {
        self.cluster.map().tablets.get(&tablet)?.transition.clone()
    }

    /// Waits until something is so.
    pub(super) async fn until(&self, what: &str, is: impl Fn() -> bool) -> Outcome {
        within(self.recorder(), what, is).await
    }

    /// Waits until the first tablet is in a stage.
    pub(super) async fn reach(&self, stage: Stage) -> Outcome {
        let tablet = self.tablet();
        let there = || self.transition(tablet).is_some_and(|now| now.stage == stage);
        self.until(&format!("the tablet is in {stage}"), there).await
    }

    /// Waits until no transition runs.
    pub(super) async fn rests(&self) -> Outcome {
        let rests = || {
            self.cluster
                .map()
                .tablets
                .values()
                .all(|tablet| tablet.transition.is_none())
        };
        self.until("every transition has ended", rests).await
    }

    /// Waits until a call that is to be slow has begun.
    pub(super) async fn slow_begun(&self, disk: &SimDisk) -> Outcome {
        self.until("the engine call that is slow has begun", || !disk.awaits_slow())
            .await
    }

    /// Waits until every node that is up has applied all there is.
    pub(super) async fn all_applied(&self) -> Outcome {
        self.all_applied_but(0).await
    }

    /// Waits until all others have.
    pub(super) async fn all_applied_but(&self, id: u64) -> Outcome {
        let version = self.cluster.map().version;
        let applied = |node: &Arc<Node>| {
            node.id == n(id) || node.replica.map().is_some_and(|map| map.version >= version)
        };
        let all = || self.cluster.up().iter().all(applied);
        self.until("every node has applied all", all).await
    }

    /// Lets virtual time go on.
    pub(super) async fn wait(&self, millis: u64) {
        sleep(Duration::from_millis(millis)).await;
    }

    /// Starts a node that is down.
    pub(super) async fn restarted(&self, id: u64) -> Outcome {
        self.cluster.start(n(id));
        self.is_up(id).await
    }

    /// Starts a node that is down with the metadata of a while ago; it applies nothing until it is resumed.
    pub(super) async fn restarted_at(&self, id: u64, version: Version) -> Outcome {
        let log = self.cluster.log.simulated();
        let log = log.ok_or("scripts have the simulated log")?;
        let store = loop {
            let store = log.restart(n(id), 1);
            store.pause();
            if store.snapshot().version <= version {
                break store;
            }
        };
        self.cluster.start_with(n(id), Some(store));
        self.is_up(id).await
    }

    async fn is_up(&self, id: u64) -> Outcome {
        self.until("the node is up again", || self.cluster.node(n(id)).is_some())
            .await
    }

    /// Parts two nodes, both ways.
    pub(super) fn part(&self, a: u64, b: u64) {
        self.cluster.network.partition(peer(a), peer(b));
    }

    /// Has nothing that `from` sends to `to` arrive.
    pub(super) fn silence(&self, from: u64, to: u64) {
        self.cluster.network.silence(peer(from), peer(to));
    }

    pub(super) fn cut(&self, a: u64, b: u64) {
        self.cluster.network.cut(peer(a), peer(b));
    }

    pub(super) fn join(&self, a: u64, b: u64) {
        self.cluster.network.heal(peer(a), peer(b));
    }

    /// How long frames between two nodes take from now on.
    pub(super) fn delay(&self, a: u64, b: u64, millis: u64) {
        let delay = Duration::from_millis(millis);
        self.cluster.network.set_delay(peer(a), peer(b), delay..=delay);
    }

    /// Rows of the first tablet that a node's readers see.
    pub(super) fn rows(&self, id: u64) -> usize {
        let held = self.held(id);
        held.rows.get(&self.tablet()).map_or(0, |rows| rows.size())
    }

    /// Whether a node's readers see that value of that key.
    pub(super) fn has(&self, id: u64, key: &'static str, value: &'static str) -> bool {
        let held = self.held(id);
        let rows = held.rows.get(&self.tablet());
        let row = rows.and_then(|rows| rows.get(key.as_bytes()));
        row.and_then(|row| row.value.as_deref()) == Some(value.as_bytes())
    }

    fn held(&self, id: u64) -> Held {
        let disk = self.cluster.disk_of(n(id));
        disk.map(|disk| disk.held()).unwrap_or_default()
    }

    /// A key of that tablet.
    pub(super) fn key_of(&self, tablet: TabletId) -> Outcome<String> {
        let map = self.cluster.map();
        let keys = (0..1000).map(|number| format!("key {number}"));
        let is_there = |key: &String| {
            let found = map.tablet_of(self.table, token_of(key.as_bytes()));
            found.is_some_and(|(id, _)| id == tablet)
        };
        keys.into_iter()
            .find(is_there)
            .ok_or_else(|| "no key is in that tablet".to_owned())
    }

    /// Whether a node's readers see a value of that key.
    pub(super) fn shows(&self, id: u64, key: &'static str) -> bool {
        let held = self.held(id);
        let rows = held.rows.get(&self.tablet());
        let row = rows.and_then(|rows| rows.get(key.as_bytes()));
        row.is_some_and(|row| row.value.is_some())
    }

    /// Rows of the first tablet that are staged on a node, of all sessions.
    pub(super) fn staged(&self, id: u64) -> usize {
        let tablet = self.tablet();
        let held = self.held(id);
        let areas = held.staged.iter().filter(|((of, _), _)| *of == tablet);
        areas.map(|(_, area)| area.rows.size()).sum()
    }
}

/// Waits until something is so, or something is that must never be.
async fn within(recorder: &Recorder, what: &str, is: impl Fn() -> bool) -> Outcome {
    let begun = Instant::now();
    while !is() {
        if let Some(violation) = recorder.violation() {
            return Err(format!("{} before {what}", violation.invariant));
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("it did not come true in {PATIENCE:?} that {what}"));
        }
        sleep(PACE).await;
    }
    Ok(())
}

pub(super) fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
