//! The way from an id to its session, without a lock that others wait for.

#[cfg(tidegate_loom)]
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(not(tidegate_loom))]
use dashmap::DashMap;
use tidegate_guard::SessionId;

use super::session::Session;
#[cfg(tidegate_loom)]
use crate::primitive::Locked;

/// The sessions that are open or closing, by id. Each call is one step; no reference into it is handed out.
///
/// For the model checker the map is behind a lock of its own. It tries other orders only of steps that it sees touch
/// the same thing: with a map that it does not see, a look-up that comes too late touches nothing, and the model ends
/// without having tried the look-up that comes in time.
pub(super) struct Index {
    #[cfg(not(tidegate_loom))]
    sessions: DashMap<SessionId, Arc<Session>>,
    #[cfg(tidegate_loom)]
    sessions: Locked<BTreeMap<SessionId, Arc<Session>>>,
}

#[cfg(not(tidegate_loom))]
impl Index {
    pub(super) fn new() -> Self {
        Self {
            sessions: DashMap::new(),
        }
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.get(&id).map(|session| Arc::clone(session.value()))
    }

    pub(super) fn insert(&self, id: SessionId, session: Arc<Session>) {
        self.sessions.insert(id, session);
    }

    pub(super) fn remove(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.remove(&id).map(|(_id, session)| session)
    }
}

#[cfg(tidegate_loom)]
impl Index {
    pub(super) fn new() -> Self {
        Self {
            sessions: Locked::new(BTreeMap::new()),
        }
    }

    pub(super) fn find(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.with(|sessions| sessions.get(&id).cloned())
    }

    pub(super) fn insert(&self, id: SessionId, session: Arc<Session>) {
        self.sessions.with(|sessions| sessions.insert(id, session));
    }

    pub(super) fn remove(&self, id: SessionId) -> Option<Arc<Session>> {
        self.sessions.with(|sessions| sessions.remove(&id))
    }
}
