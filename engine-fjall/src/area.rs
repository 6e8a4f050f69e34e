//! What was received of one unit under one session, and is no part of the tablet yet.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::Slice;
use tidegate_guard::SessionId;
use tidegate_streaming::{EngineError, Position, UnitId};

use crate::error::{RunLost, failed};
use crate::run::Run;
use crate::tablet::Space;

/// A staging area. Its lock is held while a batch is staged, so that an attach, a discard or a removal comes
/// before or after each batch, never in the middle of one.
pub(crate) struct Area {
    pub(crate) unit: UnitId,
    pub(crate) session: SessionId,
    state: Mutex<AreaState>,
    /// Whether there was ever a run: who need not wait for one does not.
    had_run: AtomicBool,
    /// How many runs failed or were given up. Batches that were staged went with them, so who staged them must not go on.
    losses: AtomicU64,
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
    /// What is on its way into a table file.
    pub(crate) run: Option<Run>,
    /// The run before it, that was told to finish; its position is not recorded yet.
    pub(crate) ending: Option<Run>,
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
            had_run: AtomicBool::new(false),
            losses: AtomicU64::new(0),
        })
    }

    /// The state, if nobody else has it.
    pub(crate) fn try_state(&self) -> Option<MutexGuard<'_, AreaState>> {
        self.state.try_lock().ok()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, AreaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Relaxed, both: who asks has waited for the stage that began the run, or does not wait for it.
    pub(crate) fn run_begins(&self) {
        self.had_run.store(true, Ordering::Relaxed);
    }

    pub(crate) fn may_have_run(&self) -> bool {
        self.had_run.load(Ordering::Relaxed)
    }

    // SeqCst, both: counted under the lock, and compared under it; a handle that is being made may miss one, and is
    // refused for nothing.
    pub(crate) fn lose_run(&self) {
        self.losses.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn losses(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// Fails if a run was lost since a handle that had seen `losses` of them was made: some of what it staged may be
    /// missing, and whatever follows would lie behind a gap. To be called with the lock held.
    pub(crate) fn intact(&self, losses: u64) -> Result<(), EngineError> {
        if self.losses() == losses {
            Ok(())
        } else {
            Err(failed(RunLost))
        }
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
            run: None,
            ending: None,
        }
    }

    /// Whether rows are on their way into table files, or may be.
    pub(crate) const fn has_runs(&self) -> bool {
        self.run.is_some() || self.ending.is_some()
    }

    /// Gives up what is on its way, before its keyspace goes; waits for what cannot be given up any more.
    pub(crate) fn drop_runs(&mut self) {
        self.run = None;
        self.ending = None;
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
