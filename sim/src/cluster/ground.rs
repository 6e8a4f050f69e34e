//! What all that happens in a run stands on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use tidegate_tablets::{NodeId, Stage, Tablet, TabletId};

use crate::dice::Dice;
use crate::event::{Event, FaultKind, Role};
use crate::metadata::Log;
use crate::recorder::Recorder;

/// What all that happens in a run stands on.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) recorder: Recorder,
    /// For the coordinator's calls.
    pub(crate) dice: Dice,
    log: Log,
    coordinator: Mutex<Option<NodeId>>,
    /// Whether it runs: after a crash there is none until another one starts.
    coordinates: AtomicBool,
    healed: AtomicBool,
}

impl Ground {
    pub(crate) fn new(recorder: Recorder, dice: Dice, log: Log) -> Self {
        Self {
            recorder,
            dice,
            log,
            coordinator: Mutex::default(),
            coordinates: AtomicBool::new(false),
            healed: AtomicBool::new(false),
        }
    }

    /// Whether nothing may go wrong any more.
    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        self.recorder.record(Event::Healed);
    }

    /// Where the newest coordinator runs, or ran.
    pub(crate) fn coordinator(&self) -> Option<NodeId> {
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_coordinator(&self, at: NodeId) {
        *self.coordinator.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        self.coordinates.store(true, Ordering::Relaxed);
    }

    /// The newest coordinator is gone with its node.
    pub(crate) fn lose_coordinator(&self) {
        self.coordinates.store(false, Ordering::Relaxed);
    }

    /// Tells of a fault that is done now, and where it lands.
    pub(crate) fn strike(&self, kind: FaultKind, nodes: &[NodeId]) {
        let map = self.log.newest();
        let mut hits = Vec::new();
        for (id, tablet) in map.tablets.iter() {
            self.hit(*id, tablet, nodes, &mut hits);
        }
        self.tell(kind, nodes, hits);
    }

    /// The same for a fault that concerns some tablets alone.
    pub(crate) fn strike_tablets(&self, kind: FaultKind, nodes: &[NodeId], tablets: &[TabletId]) {
        let map = self.log.newest();
        let mut hits = Vec::new();
        for id in tablets {
            if let Some(tablet) = map.tablets.get(id) {
                self.hit(*id, tablet, nodes, &mut hits);
            }
        }
        self.tell(kind, nodes, hits);
    }

    fn tell(&self, kind: FaultKind, nodes: &[NodeId], hits: Vec<(TabletId, Stage, Role)>) {
        self.recorder.record(Event::Fault {
            kind,
            nodes: nodes.to_vec(),
            hits,
        });
    }

    fn hit(&self, id: TabletId, tablet: &Tablet, nodes: &[NodeId], hits: &mut Vec<(TabletId, Stage, Role)>) {
        let Some(transition) = &tablet.transition else {
            return;
        };
        if nodes.is_empty() {
            hits.push((id, transition.stage, Role::Bystander));
        }
        for node in nodes {
            for role in self.roles_of(tablet, *node) {
                hits.push((id, transition.stage, role));
            }
        }
    }

    /// Every role that a node has in a tablet's transition.
    pub(crate) fn roles_of(&self, tablet: &Tablet, node: NodeId) -> Vec<Role> {
        let mut roles: Vec<Role> = [Role::Source, Role::Pending]
            .into_iter()
            .filter(|role| nodes_in(*role, tablet).contains(&node))
            .collect();
        if self.coordinates.load(Ordering::Relaxed) && self.coordinator() == Some(node) {
            roles.push(Role::Coordinator);
        }
        if roles.is_empty() {
            roles.push(Role::Bystander);
        }
        roles
    }
}

/// The nodes that are source or pending replica in a tablet's transition.
pub(crate) fn nodes_in(role: Role, tablet: &Tablet) -> Vec<NodeId> {
    let Some(transition) = &tablet.transition else {
        return Vec::new();
    };
    match role {
        Role::Pending => transition.pending().into_iter().collect(),
        // Of a purge every replica is one: each gets its tombstones from the others.
        Role::Source if transition.old == transition.new => transition.old.iter().copied().collect(),
        Role::Source => match transition.kind {
            tidegate_tablets::TransitionKind::Migration => transition.leaving().into_iter().collect(),
            _ => transition.old.intersection(&transition.new).copied().collect(),
        },
        Role::Coordinator | Role::Bystander => Vec::new(),
    }
}
