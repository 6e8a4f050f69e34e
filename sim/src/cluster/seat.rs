//! Where coordinators run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tidegate_coordinator::{Coordinator, CoordinatorHandle};
use tidegate_replica::ReplicaClient;
use tidegate_tablets::NodeId;
use tokio::time::sleep;

use super::participants::WatchedParticipants;
use super::{Cluster, configs};
use crate::dice::Dice;
use crate::event::Event;
use crate::recorder::Recorder;

/// The coordinators that run: one, for a while two, for a while none.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    newest: Option<u64>,
    coordinators: BTreeMap<u64, (NodeId, CoordinatorHandle)>,
}

impl Seat {
    /// The coordinators of a node are gone with it.
    pub(crate) fn lost(&self, node: NodeId, recorder: &Recorder) {
        let mut running = self.lock();
        let gone: Vec<u64> = running
            .coordinators
            .iter()
            .filter(|(_, (at, _))| *at == node)
            .map(|(number, _)| *number)
            .collect();
        let handles: Vec<_> = gone
            .iter()
            .filter_map(|number| running.coordinators.remove(number))
            .collect();
        if running.newest.is_some_and(|newest| gone.contains(&newest)) {
            running.newest = None;
        }
        drop(running);
        for (node, handle) in handles {
            drop(handle);
            recorder.record(Event::CoordinatorStopped { node });
        }
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.lock().coordinators.len()
    }

    /// Whether the newest coordinator runs.
    pub(super) fn is_taken(&self) -> bool {
        self.lock().newest.is_some()
    }

    /// What the newest coordinator tells of its transitions.
    pub(crate) fn status(&self) -> Vec<tidegate_coordinator::TransitionStatus> {
        let running = self.lock();
        let newest = running
            .newest
            .and_then(|newest| running.coordinators.get(&newest));
        newest.map(|(_, handle)| handle.status()).unwrap_or_default()
    }

    fn vacate(&self) -> BTreeMap<u64, (NodeId, CoordinatorHandle)> {
        let mut running = self.lock();
        running.newest = None;
        std::mem::take(&mut running.coordinators)
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cluster {
    /// Has a coordinator run somewhere, for ever: where one is lost, another starts a while later.
    pub(crate) async fn elect(self: Arc<Self>, dice: Dice) {
        loop {
            if !self.seat.is_taken() {
                sleep(dice.time(&(Duration::ZERO..=Duration::from_millis(120)))).await;
                let up = self.up();
                if let Some(node) = dice.one_of(&up) {
                    self.coordinate(node.id);
                }
            }
            // Someone may have gone while this was under way.
            let changed = self.changed.notified();
            if self.seat.is_taken() {
                changed.await;
            } else {
                sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Starts a coordinator on a node that is up, beside those that run.
    pub(crate) fn coordinate(&self, at: NodeId) -> bool {
        let Some(node) = self.node(at) else { return false };
        let client = Arc::new(ReplicaClient::new(Arc::clone(&node.transport) as _));
        let participants = WatchedParticipants::new(
            client,
            node.witness.clone(),
            Arc::clone(&self.ground),
            self.plan.calls.clone(),
        );
        let store = node.store.metadata();
        let handle = Coordinator::start(store, Arc::new(participants), configs::coordinator());
        let mut running = self.seat.lock();
        let number = running.next;
        running.next += 1;
        running.newest = Some(number);
        running.coordinators.insert(number, (at, handle));
        drop(running);
        self.ground.set_coordinator(at);
        self.recorder().record(Event::CoordinatorStarted { node: at });
        true
    }

    /// Stops every coordinator but the newest; calls that they have made may still be under way.
    pub(crate) fn retire_old_coordinators(&self) {
        let mut running = self.seat.lock();
        let newest = running.newest;
        let all = std::mem::take(&mut running.coordinators);
        let (kept, old): (BTreeMap<_, _>, BTreeMap<_, _>) =
            all.into_iter().partition(|(number, _)| Some(*number) == newest);
        running.coordinators = kept;
        drop(running);
        for (node, handle) in old.into_values() {
            drop(handle);
            self.recorder().record(Event::CoordinatorStopped { node });
        }
    }

    /// Stops all coordinators, and waits until they are gone.
    pub(crate) async fn stop_coordinators(&self) {
        let all = self.seat.vacate();
        for (node, handle) in all.into_values() {
            handle.stop().await;
            self.recorder().record(Event::CoordinatorStopped { node });
        }
    }
}
