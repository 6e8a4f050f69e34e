//! The ids closed last.

use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};

use rustc_hash::FxBuildHasher;
use tidegate_guard::SessionId;

use crate::registry::neighbour::Neighbour;

/// The ids closed last; the oldest is forgotten when there are too many.
#[derive(Debug, Clone)]
pub(super) struct Tombstones {
    /// Asked, and never gone through: it has no order that could show.
    ids: HashSet<Neighbour, FxBuildHasher>,
    order: VecDeque<SessionId>,
    capacity: usize,
}

impl Tombstones {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ids: HashSet::default(),
            order: VecDeque::new(),
            capacity,
        }
    }

    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.ids.contains(&Neighbour(id))
    }

    pub(super) fn insert(&mut self, id: SessionId) {
        if self.capacity == 0 || !self.ids.insert(Neighbour(id)) {
            return;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&Neighbour(oldest));
        }
        self.order.push_back(id);
    }
}

// The ids are those of the order.
impl PartialEq for Tombstones {
    fn eq(&self, other: &Self) -> bool {
        self.capacity == other.capacity && self.order == other.order
    }
}

impl Eq for Tombstones {}

impl Hash for Tombstones {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.capacity.hash(state);
        self.order.hash(state);
    }
}
