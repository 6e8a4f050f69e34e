//! The rows of one tablet, and a view of them that stands still.

use std::fmt;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use fjall::{Database, Keyspace, Readable, Slice, Snapshot};
use tidegate_guard::SessionId;
use tidegate_kv::StoredValue;
use tidegate_streaming::EngineError;

use crate::error::{damaged, engine_error};
use crate::merge::Merge;

/// A keyspace of rows.
pub(crate) struct Space {
    pub(crate) keyspace: Keyspace,
    /// What it has taken of the quota.
    bytes: AtomicU64,
}

impl Space {
    pub(crate) fn new(keyspace: Keyspace, bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            keyspace,
            bytes: AtomicU64::new(bytes),
        })
    }

    // Relaxed, all: the number orders nothing else.
    pub(crate) fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn shrink(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("keyspace", &&**self.keyspace.name())
            .finish_non_exhaustive()
    }
}

/// After what a keyspace of rows is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// The tablet.
    Tablet,
    /// The session under which its rows were staged.
    Session(SessionId),
}

/// Rows that are not folded yet: attached ones, or the tablet's own from before, if those are more.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) named: Named,
    pub(crate) space: Arc<Space>,
}

/// Where the rows of a tablet are. Changed by the committer's turns alone; the lock is for readers.
#[derive(Debug)]
pub(crate) struct Tablet {
    state: RwLock<TabletState>,
}

#[derive(Debug)]
pub(crate) struct TabletState {
    pub(crate) main: Option<Arc<Space>>,
    /// After what `main` is named, or would be.
    pub(crate) main_named: Named,
    pub(crate) layers: Vec<Layer>,
    /// The last group that changed what readers see.
    pub(crate) group: u64,
}

impl Tablet {
    pub(crate) fn new(state: TabletState) -> Arc<Self> {
        Arc::new(Self {
            state: RwLock::new(state),
        })
    }

    pub(crate) fn state(&self) -> RwLockReadGuard<'_, TabletState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state_mut(&self) -> RwLockWriteGuard<'_, TabletState> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row of a key as it is now, in its stored form. For the committer's turns.
    pub(crate) fn current(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        let state = self.state();
        let mut latest = Latest::default();
        for space in state.spaces() {
            latest.offer(space.keyspace.get(key).map_err(engine_error)?)?;
        }
        Ok(latest.stored)
    }

    /// The rows as they are now, standing still.
    pub(crate) fn view(&self, db: &Database) -> View {
        // The snapshot is taken under the lock: an attach is either in both or in none.
        let state = self.state();
        View {
            snapshot: db.snapshot(),
            spaces: state.spaces().map(|space| space.keyspace.clone()).collect(),
            group: state.group,
        }
    }
}

impl Default for TabletState {
    fn default() -> Self {
        Self {
            main: None,
            main_named: Named::Tablet,
            layers: Vec::new(),
            group: 0,
        }
    }
}

impl TabletState {
    /// Whether the rows of a session are in it, folded or not under their own name.
    pub(crate) fn has(&self, session: SessionId) -> bool {
        let named = Named::Session(session);
        self.main_named == named || self.layers.iter().any(|layer| layer.named == named)
    }

    fn spaces(&self) -> impl Iterator<Item = &Arc<Space>> {
        self.main
            .iter()
            .chain(self.layers.iter().map(|layer| &layer.space))
    }
}

/// The rows of a tablet at one moment: main keyspace and layers, merged by timestamp.
pub(crate) struct View {
    snapshot: Snapshot,
    spaces: Vec<Keyspace>,
    /// What the view shows is durable once this group is.
    pub(crate) group: u64,
}

impl View {
    /// The row of a key, in its stored form.
    pub(crate) fn latest(&self, key: &[u8]) -> Result<Option<Slice>, EngineError> {
        let mut latest = Latest::default();
        for space in &self.spaces {
            latest.offer(self.snapshot.get(space, key).map_err(engine_error)?)?;
        }
        Ok(latest.stored)
    }

    /// Rows as the keyspaces count them: those that later ones have replaced may be among them.
    pub(crate) fn rows_counted(&self) -> u64 {
        self.spaces
            .iter()
            .map(|space| space.approximate_len() as u64)
            .sum()
    }

    /// All rows from just after a key, in order.
    pub(crate) fn after(&self, key: Option<&[u8]>) -> Merge {
        let runs = self.spaces.iter().map(|space| match key {
            Some(key) => self
                .snapshot
                .range::<&[u8], _>(space, (Bound::Excluded(key), Bound::Unbounded)),
            None => self.snapshot.iter(space),
        });
        Merge::new(self.spaces.clone(), runs)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("spaces", &self.spaces.len())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// The latest of the rows of one key that several keyspaces hold.
#[derive(Default)]
struct Latest {
    stored: Option<Slice>,
}

impl Latest {
    fn offer(&mut self, stored: Option<Slice>) -> Result<(), EngineError> {
        if let Some(stored) = stored {
            let later = match &self.stored {
                Some(held) => decode(&stored)?.timestamp > decode(held)?.timestamp,
                None => true,
            };
            if later {
                self.stored = Some(stored);
            }
        }
        Ok(())
    }
}

pub(crate) fn decode(stored: &[u8]) -> Result<StoredValue<'_>, EngineError> {
    StoredValue::decode(stored).map_err(damaged)
}
