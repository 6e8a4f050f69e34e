//! What was received of one unit under one session, and is no part of the tablet yet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::Slice;
use tidegate_guard::SessionId;
use tidegate_streaming::{Position, UnitId};

use crate::tablet::Space;

/// A staging area. Its lock is held while a batch is staged, so that an attach, a discard or a removal comes
/// before or after each batch, never in the middle of one.
pub(crate) struct Area {
    pub(crate) unit: UnitId,
    pub(crate) session: SessionId,
    state: Mutex<AreaState>,
}

#[derive(Debug)]
pub(crate) struct AreaState {
    pub(crate) status: Status,
    /// By peer.
    pub(crate) positions: BTreeMap<u64, Position>,
    /// The greatest key staged: what comes after it can have no row here yet.
    pub(crate) greatest: Option<Slice>,
    /// The latest time staged.
    pub(crate) latest: u64,
    /// Whether something was staged since the last sync.
    pub(crate) dirty: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Status {
    Collecting(Arc<Space>),
    Attached,
    Gone,
}

impl Area {
    pub(crate) fn new(unit: UnitId, session: SessionId, state: AreaState) -> Arc<Self> {
        Arc::new(Self {
            unit,
            session,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, AreaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AreaState {
    pub(crate) const fn new(status: Status) -> Self {
        Self {
            status,
            positions: BTreeMap::new(),
            greatest: None,
            latest: 0,
            dirty: false,
        }
    }
}

impl fmt::Debug for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Area")
            .field("unit", &self.unit)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
