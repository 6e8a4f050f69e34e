//! A cluster of whole nodes.

pub(crate) mod configs;
mod ground;
mod node;
mod participants;
mod raft;
mod seat;
mod sessions;
mod view;
mod witness;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_coordinator::Operator;
use tidegate_tablets::{Metadata, MetadataStore as _, NodeId, Version};
use tidegate_transport_mem::{LinkFaults, MemConfig, MemNetwork};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

pub(crate) use self::ground::{Ground, nodes_in};
pub(crate) use self::node::Node;
pub(crate) use self::participants::WatchedParticipants;
use self::seat::Seat;
pub(crate) use self::witness::Witness;
use crate::dice::Dice;
use crate::engine::{DiskConfig, SimDisk};
use crate::event::Event;
use crate::metadata::Log;
use crate::plan::Plan;
use crate::recorder::Recorder;
use crate::store::SimStore;

/// A cluster of whole nodes.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(crate) ground: Arc<Ground>,
    pub(crate) log: Log,
    pub(crate) network: MemNetwork,
    pub(crate) seat: Seat,
    slots: Mutex<BTreeMap<NodeId, Slot>>,
    /// Woken when a node is up, or down.
    pub(crate) changed: Notify,
    begun: Instant,
    runtime: Handle,
    /// Tasks that are none of the product's.
    own_tasks: Arc<AtomicUsize>,
}

/// A place for a node; what outlives its crashes.
#[derive(Debug)]
struct Slot {
    starts: u64,
    disk: SimDisk,
    skew_ms: Arc<AtomicI64>,
    state: State,
}

#[derive(Debug)]
enum State {
    Down,
    Starting,
    Up(Arc<Node>),
    /// For ever.
    Gone,
}

impl Cluster {
    /// A cluster without nodes. Needs a runtime.
    pub(crate) fn new(plan: Plan, recorder: Recorder) -> Arc<Self> {
        let log = Log::new(&plan, recorder.clone());
        let network = MemNetwork::new(MemConfig {
            seed: plan.seed,
            faults: LinkFaults {
                delay: plan.frame_delay.clone(),
                ..LinkFaults::default()
            },
            ..MemConfig::default()
        });
        let dice = Dice::new(plan.seed, "calls");
        let ground = Arc::new(Ground::new(recorder, dice, log.clone()));
        Arc::new(Self {
            plan,
            ground,
            log,
            network,
            seat: Seat::default(),
            slots: Mutex::default(),
            changed: Notify::new(),
            begun: Instant::now(),
            runtime: Handle::current(),
            own_tasks: Arc::default(),
        })
    }

    /// The newest metadata.
    pub(crate) fn map(&self) -> Arc<Metadata> {
        self.log.newest()
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.ground.recorder
    }

    /// Makes a place for a new node, and starts it.
    pub(crate) fn add(self: &Arc<Self>, id: NodeId, skew_ms: i64) {
        let slot = Slot {
            starts: 0,
            disk: self.disk(id),
            skew_ms: Arc::new(AtomicI64::new(skew_ms)),
            state: State::Down,
        };
        self.lock().insert(id, slot);
        self.start(id);
    }

    fn disk(&self, id: NodeId) -> SimDisk {
        let rng = Dice::rng(self.plan.seed, &format!("disk {id}"));
        let config = DiskConfig {
            call: self.plan.disk_delay.clone(),
        };
        SimDisk::new(id, rng, self.recorder().clone(), config)
    }

    /// A node's disk.
    pub(crate) fn disk_of(&self, id: NodeId) -> Option<SimDisk> {
        self.lock().get(&id).map(|slot| slot.disk.clone())
    }

    /// Starts a node that is down; it is up some time later.
    pub(crate) fn start(self: &Arc<Self>, id: NodeId) {
        self.start_from(id, 0);
    }

    /// The same; its copy of the metadata is `back` entries older than the one it had. On Raft it has what its disk
    /// has.
    pub(crate) fn start_from(self: &Arc<Self>, id: NodeId, back: usize) {
        if self.down().contains(&id) {
            let store = self.log.simulated().map(|log| log.restart(id, back));
            self.start_with(id, store);
        }
    }

    /// The same, with a copy of the metadata that is at hand.
    pub(crate) fn start_with(self: &Arc<Self>, id: NodeId, store: Option<Arc<SimStore>>) {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(&id) else { return };
        if !matches!(slot.state, State::Down) {
            return;
        }
        slot.state = State::Starting;
        slot.starts += 1;
        let parts = node::Parts {
            id,
            incarnation: slot.starts,
            disk: slot.disk.clone(),
            skew_ms: Arc::clone(&slot.skew_ms),
            store,
        };
        drop(slots);
        self.recorder().record(Event::Started {
            node: id,
            incarnation: parts.incarnation,
            version: parts
                .store
                .as_ref()
                .map_or_else(Version::default, |store| store.snapshot().version),
        });
        let cluster = Arc::clone(self);
        self.spawn(async move {
            let node = Node::start(parts, &cluster).await;
            let mut slots = cluster.lock();
            if let Some(slot) = slots.get_mut(&id) {
                slot.state = node.map_or(State::Down, |node| State::Up(Arc::new(node)));
            }
            drop(slots);
            cluster.changed.notify_waiters();
        });
    }

    /// Has a node lose all that is not durable; answers whether it was up. It stays down until it is
    /// [started](Self::start).
    pub(crate) fn crash(&self, id: NodeId) -> bool {
        let mut slots = self.lock();
        let Some(slot) = slots.get_mut(&id) else {
            return false;
        };
        let State::Up(node) = std::mem::replace(&mut slot.state, State::Down) else {
            return false;
        };
        let disk = slot.disk.clone();
        drop(slots);
        node.crash();
        disk.crash();
        if let Some(log) = self.log.raft() {
            log.crash(id);
        }
        self.recorder().record(Event::Crashed { node: id });
        self.seat.lost(id, self.recorder());
        if !self.seat.is_taken() {
            self.ground.lose_coordinator();
        }
        self.changed.notify_waiters();
        true
    }

    /// Puts a node that is down away for ever.
    pub(crate) fn put_away(&self, id: NodeId) {
        if let Some(slot) = self.lock().get_mut(&id)
            && matches!(slot.state, State::Down)
        {
            slot.state = State::Gone;
        }
    }

    /// The node, if it is up.
    pub(crate) fn node(&self, id: NodeId) -> Option<Arc<Node>> {
        match &self.lock().get(&id)?.state {
            State::Up(node) => Some(Arc::clone(node)),
            _ => None,
        }
    }

    /// The nodes that are up, in order.
    pub(crate) fn up(&self) -> Vec<Arc<Node>> {
        let slots = self.lock();
        let up = slots.values().filter_map(|slot| match &slot.state {
            State::Up(node) => Some(Arc::clone(node)),
            _ => None,
        });
        up.collect()
    }

    /// Every node that was ever there, in order.
    pub(crate) fn ids(&self) -> Vec<NodeId> {
        self.lock().keys().copied().collect()
    }

    /// Those that are down and may be started.
    pub(crate) fn down(&self) -> Vec<NodeId> {
        let slots = self.lock();
        let down = slots.iter().filter(|(_, slot)| matches!(slot.state, State::Down));
        down.map(|(id, _)| *id).collect()
    }

    /// What an operator may ask for, through a node that is up.
    pub(crate) fn operator(&self, dice: &Dice, origin: u32) -> Option<Operator> {
        let up = self.up();
        let node = dice.one_of(&up)?;
        Some(Operator::with_config(
            node.store.metadata(),
            configs::operator(origin),
        ))
    }

    /// Sets a node's clock of the day.
    pub(crate) fn set_skew(&self, id: NodeId, skew_ms: i64) {
        if let Some(slot) = self.lock().get(&id) {
            slot.skew_ms.store(skew_ms, Ordering::Relaxed);
        }
    }

    /// Stops all that runs.
    pub(crate) async fn stop(&self) {
        self.stop_coordinators().await;
        for node in self.up() {
            node.stop().await;
        }
        self.log.stop();
    }

    /// Starts a task that is none of the product's.
    pub(crate) fn spawn<F>(&self, work: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let counted = OwnTask::new(&self.own_tasks);
        self.runtime.spawn(async move {
            let _counted = counted;
            work.await;
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts while it lives.
#[derive(Debug)]
struct OwnTask(Arc<AtomicUsize>);

impl OwnTask {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for OwnTask {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
