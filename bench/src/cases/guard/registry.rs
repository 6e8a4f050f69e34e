//! Registries of sessions as nodes have them: ids made of tablet and epoch, the limits as they come.

use std::sync::Arc;

use anyhow::Result;
use tidegate_guard::{FrozenGuard, Label, SessionId, SharedGuard, Thaw as _};
use tidegate_session::{SessionConfig, SessionRegistry, Sessions as _};
use tidegate_tablets::{Epoch, TabletId};

/// The epoch at which a move writes its first session.
const EPOCH: u64 = 3;

/// The first sessions of the moves of that many tablets, in order.
pub(super) fn ids(count: u32) -> Vec<SessionId> {
    ids_at(EPOCH, count)
}

/// Those tablets' sessions of another epoch, in order.
pub(super) fn ids_at(epoch: u64, count: u32) -> Vec<SessionId> {
    (0..count).map(|tablet| id(tablet, epoch)).collect()
}

/// The session that a tablet's metadata opens at an epoch.
pub(super) fn id(tablet: u32, epoch: u64) -> SessionId {
    TabletId::new(u64::from(tablet)).session_at(Epoch::new(epoch))
}

/// The same in the order in which tablets come when many move at once: none.
pub(super) fn shuffled<T>(mut all: Vec<T>) -> Vec<T> {
    // Seeded: both sides of a case, and every run, have the same order.
    fastrand::Rng::with_seed(7).shuffle(&mut all);
    all
}

/// A registry in which these are open.
pub(super) fn open(ids: &[SessionId]) -> Arc<SessionRegistry> {
    let sessions = SessionRegistry::new(SessionConfig::default());
    sessions.apply(&[], ids);
    sessions
}

/// Enters a session that is open.
pub(super) fn thaw(sessions: &SessionRegistry, session: SessionId) -> Result<SharedGuard> {
    let frozen = FrozenGuard {
        session,
        epoch: EPOCH,
    };
    // What a receiver is called: an activity, and the peer.
    let label = Label::new("stream.receive").with("peer", 3);
    Ok(sessions.thaw(&frozen, EPOCH, label)?)
}
