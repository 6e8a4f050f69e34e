//! The concurrent map under the index.

#[cfg(tidegate_loom)]
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(not(tidegate_loom))]
use dashmap::DashMap;
#[cfg(not(tidegate_loom))]
use dashmap::mapref::entry::Entry;
#[cfg(not(tidegate_loom))]
use rustc_hash::FxBuildHasher;
use tidegate_guard::SessionId;

#[cfg(tidegate_loom)]
use crate::primitive::Locked;
#[cfg(not(tidegate_loom))]
use crate::registry::neighbour::Neighbour;
use crate::registry::session::Session;

/// What stands at an id: a session that somebody has entered, or no more than that the id is there.
pub(super) type Place = Option<Arc<Session>>;

/// A map of which each call but [`collect`](Self::collect) is one step. What is called runs under a lock of a part of
/// it: it must neither wait nor call back.
///
/// For the model checker the map is behind a lock of its own. It tries other orders only of steps that it sees touch
/// the same thing: with a map that it does not see, a look-up that comes too late touches nothing, and the model ends
/// without having tried the look-up that comes in time.
pub(super) struct Map {
    #[cfg(not(tidegate_loom))]
    places: DashMap<Neighbour, Place, FxBuildHasher>,
    #[cfg(tidegate_loom)]
    places: Locked<BTreeMap<SessionId, Place>>,
}

#[cfg(not(tidegate_loom))]
impl Map {
    pub(super) fn new() -> Self {
        Self {
            places: DashMap::default(),
        }
    }

    pub(super) fn look<T>(&self, id: SessionId, look: impl FnOnce(&Place) -> T) -> Option<T> {
        self.places.view(&Neighbour(id), |_id, place| look(place))
    }

    pub(super) fn change<T>(&self, id: SessionId, change: impl FnOnce(&mut Place) -> T) -> Option<T> {
        self.places
            .get_mut(&Neighbour(id))
            .map(|mut place| change(&mut place))
    }

    /// Puts an id there with no session; answers whether it was not there.
    pub(super) fn insert(&self, id: SessionId) -> bool {
        match self.places.entry(Neighbour(id)) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(None);
                true
            }
        }
    }

    pub(super) fn remove_if(&self, id: SessionId, remove: impl FnOnce(&mut Place) -> bool) -> Option<Place> {
        let removed = self
            .places
            .remove_if_mut(&Neighbour(id), |_id, place| remove(place));
        removed.map(|(_id, place)| place)
    }

    /// What `choose` makes of each, in no order.
    pub(super) fn collect<T>(&self, choose: impl Fn(SessionId, &Place) -> Option<T>) -> Vec<T> {
        self.places
            .iter()
            .filter_map(|place| choose(place.key().0, place.value()))
            .collect()
    }
}

#[cfg(tidegate_loom)]
impl Map {
    pub(super) fn new() -> Self {
        Self {
            places: Locked::new(BTreeMap::new()),
        }
    }

    pub(super) fn look<T>(&self, id: SessionId, look: impl FnOnce(&Place) -> T) -> Option<T> {
        self.places.with(|places| places.get(&id).map(look))
    }

    pub(super) fn change<T>(&self, id: SessionId, change: impl FnOnce(&mut Place) -> T) -> Option<T> {
        self.places.with(|places| places.get_mut(&id).map(change))
    }

    pub(super) fn insert(&self, id: SessionId) -> bool {
        self.places.with(|places| {
            let is_new = !places.contains_key(&id);
            if is_new {
                places.insert(id, None);
            }
            is_new
        })
    }

    pub(super) fn remove_if(&self, id: SessionId, remove: impl FnOnce(&mut Place) -> bool) -> Option<Place> {
        self.places.with(|places| {
            let place = places.get_mut(&id)?;
            if remove(place) { places.remove(&id) } else { None }
        })
    }

    pub(super) fn collect<T>(&self, choose: impl Fn(SessionId, &Place) -> Option<T>) -> Vec<T> {
        self.places.with(|places| {
            places
                .iter()
                .filter_map(|(id, place)| choose(*id, place))
                .collect()
        })
    }
}
