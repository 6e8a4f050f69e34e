//! What goes wrong, and when.

mod aiming;
mod disks;
mod metadata;
mod network;
mod nodes;
mod operators;
mod random;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidegate_coordinator::Operator;
use tidegate_tablets::{NodeId, TableId, TabletId};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::cluster::{Cluster, nodes_in};
use crate::dice::Dice;
use crate::event::{FaultKind, Role};
use crate::plan::Plan;

/// What goes wrong in a run.
#[derive(Debug)]
pub(crate) struct Faults {
    hand: Arc<Hand>,
}

/// The hand that does the damage.
#[derive(Debug)]
struct Hand {
    cluster: Arc<Cluster>,
    dice: Dice,
    tables: Vec<TableId>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    operators: AtomicU32,
    excluding: Mutex<Excluding>,
}

/// The one exclusion of a run.
#[derive(Debug, Default)]
struct Excluding {
    who: Option<NodeId>,
    /// Waited for at the end: a node whose exclusion may still be decided must not start again.
    asking: Option<JoinHandle<()>>,
}

impl Faults {
    /// Starts to do damage.
    pub(crate) fn start(cluster: Arc<Cluster>, tables: Vec<TableId>) -> Self {
        let dice = Dice::new(cluster.plan.seed, "faults");
        let hand = Arc::new(Hand {
            cluster,
            dice,
            tables,
            tasks: Mutex::default(),
            operators: AtomicU32::new(0),
            excluding: Mutex::default(),
        });
        hand.spawn(Arc::clone(&hand).aim());
        hand.spawn(Arc::clone(&hand).at_random());
        Self { hand }
    }

    /// Does no more, and takes back what it did to the network, to disks and to clocks; nodes that are down stay so.
    pub(crate) async fn end(self) {
        let tasks = std::mem::take(&mut *self.hand.tasks());
        for task in &tasks {
            task.abort();
        }
        for task in tasks {
            drop(task.await);
        }
        self.hand.heal_network();
        self.hand.heal_disks();
        self.hand.heal_metadata();
        self.hand.heal_operators().await;
    }
}

impl Hand {
    fn plan(&self) -> &Plan {
        &self.cluster.plan
    }

    /// Starts something that ends, at the latest, when all is healed.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = self.cluster.spawn(work);
        let mut tasks = self.tasks();
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    /// Does something later.
    fn later(self: &Arc<Self>, after: Duration, act: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let hand = Arc::clone(self);
        self.spawn(async move {
            sleep(after).await;
            act(&hand);
        });
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strike(&self, kind: FaultKind, nodes: &[NodeId]) {
        self.cluster.ground.strike(kind, nodes);
    }

    /// An operator of its own, through a node that is up.
    fn operator(&self) -> Option<Operator> {
        let number = self.operators.fetch_add(1, Ordering::Relaxed);
        self.cluster.operator(&self.dice, 1_000_000 + number)
    }

    fn time(&self, from_ms: u64, to_ms: u64) -> Duration {
        self.dice
            .time(&(Duration::from_millis(from_ms)..=Duration::from_millis(to_ms)))
    }

    /// Someone of that role in a tablet's transition; only nodes that are up are victims.
    fn victim(&self, role: Role, tablet: TabletId) -> Option<NodeId> {
        let map = self.cluster.map();
        let tablet = map.tablets.get(&tablet)?;
        let candidates: Vec<NodeId> = match role {
            Role::Source | Role::Pending => nodes_in(role, tablet),
            Role::Coordinator => self.cluster.ground.coordinator().into_iter().collect(),
            Role::Bystander => self.cluster.ids(),
        };
        let up: Vec<NodeId> = candidates
            .into_iter()
            .filter(|id| self.cluster.node(*id).is_some())
            .collect();
        self.dice.one_of(&up).copied()
    }

    /// Anybody who is up.
    fn anybody(&self) -> Option<NodeId> {
        let up = self.cluster.up();
        self.dice.one_of(&up).map(|node| node.id)
    }

    /// Does a fault of that kind to a node now.
    fn hit(self: &Arc<Self>, kind: FaultKind, node: NodeId) {
        if self.cluster.ground.is_healed() {
            return;
        }
        match kind {
            FaultKind::Crash => self.crash(node, 0),
            FaultKind::StaleRestart => self.crash(node, 1 + self.dice.below(6)),
            FaultKind::Cut => self.cut(node),
            FaultKind::Delay => self.delay(node),
            FaultKind::PartitionOneWay => self.partition_one_way(node),
            FaultKind::HalfOpen => self.half_open(node),
            FaultKind::Reorder => self.reorder(node),
            FaultKind::CoordinatorReplaced => self.replace_coordinator(),
            FaultKind::SlowDisk => self.slow_disk(node),
            FaultKind::FullDisk => self.full_disk(node),
            FaultKind::DiskError => self.disk_error(node),
            FaultKind::MetadataDelay => self.delay_metadata(node),
            FaultKind::SnapshotInstall => self.install_snapshot(node),
            FaultKind::LeaderChange => self.change_leader(),
            FaultKind::ClockSkew => self.skew_clock(node),
            FaultKind::Exclude => self.exclude(node),
            FaultKind::Cancel => self.cancel_any(),
            FaultKind::DropTable => self.drop_table(),
            FaultKind::BalancingOff => self.balancing_off(),
            // Done where the calls are made.
            FaultKind::DuplicateCall | FaultKind::LateCall => {}
        }
    }
}
