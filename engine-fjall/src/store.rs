//! What an engine holds, and how its parts are found.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use tidegate_guard::SessionId;
use tidegate_streaming::{EngineError, UnitId, staging_area_dropped};
use tokio::sync::Semaphore;

use crate::area::Area;
use crate::committer::Committer;
use crate::config::FjallConfig;
use crate::error::{Stopped, engine_error, failed};
use crate::quota::Quota;
use crate::record::tablet_keyspace;
use crate::tablet::{Space, Tablet, TabletState, View};

pub(crate) type AreaKey = (UnitId, SessionId);

/// What an engine holds. Maps change in the committer's turns alone.
pub(crate) struct Store {
    pub(crate) db: Database,
    pub(crate) meta: Keyspace,
    pub(crate) config: FjallConfig,
    pub(crate) committer: Arc<Committer>,
    pub(crate) quota: Quota,
    pub(crate) tablets: Mutex<BTreeMap<u64, Arc<Tablet>>>,
    pub(crate) areas: Mutex<BTreeMap<AreaKey, Arc<Area>>>,
    /// The latest time of a row written or attached.
    pub(crate) latest: AtomicU64,
    /// One fold at a time.
    pub(crate) folds: Semaphore,
    pub(crate) closing: AtomicBool,
}

impl Store {
    pub(crate) fn tablets(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Tablet>>> {
        self.tablets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn areas(&self) -> MutexGuard<'_, BTreeMap<AreaKey, Arc<Area>>> {
        self.areas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tablet(&self, tablet: u64) -> Option<Arc<Tablet>> {
        self.tablets().get(&tablet).cloned()
    }

    pub(crate) fn tablet_or_new(&self, tablet: u64) -> Arc<Tablet> {
        Arc::clone(
            self.tablets()
                .entry(tablet)
                .or_insert_with(|| Tablet::new(TabletState::default())),
        )
    }

    pub(crate) fn view(&self, tablet: u64) -> Option<View> {
        self.tablet(tablet).map(|tablet| tablet.view(&self.db))
    }

    pub(crate) fn area(&self, key: AreaKey) -> Option<Arc<Area>> {
        self.areas().get(&key).cloned()
    }

    /// The keyspace of a tablet's rows, made if there is none.
    pub(crate) fn main_of(&self, id: u64, tablet: &Tablet) -> Result<Arc<Space>, EngineError> {
        if let Some(main) = &tablet.state().main {
            return Ok(Arc::clone(main));
        }
        let main = self.space(&tablet_keyspace(id))?;
        tablet.state_mut().main = Some(Arc::clone(&main));
        Ok(main)
    }

    pub(crate) fn space(&self, name: &str) -> Result<Arc<Space>, EngineError> {
        let keyspace = self
            .db
            .keyspace(name, || keyspace_options(&self.config))
            .map_err(engine_error)?;
        Ok(Space::new(keyspace, 0))
    }

    /// Deletes a keyspace; its files go when the last reader has let go of it.
    pub(crate) fn delete(&self, space: &Space) -> Result<(), EngineError> {
        self.db
            .delete_keyspace(space.keyspace.clone())
            .map_err(engine_error)?;
        self.quota.give_back(space.bytes());
        Ok(())
    }

    /// The tablets of which a row is held, or anything is staged or marked, in order.
    pub(crate) fn held(&self) -> Result<BTreeSet<u64>, EngineError> {
        let mut held: BTreeSet<u64> = self.areas().keys().map(|(unit, _)| unit.as_u64()).collect();
        let tablets: Vec<_> = self
            .tablets()
            .iter()
            .map(|(id, tablet)| (*id, Arc::clone(tablet)))
            .collect();
        for (id, tablet) in tablets {
            if !held.contains(&id) && tablet.view(&self.db).rows_after(None)?.next()?.is_some() {
                held.insert(id);
            }
        }
        Ok(held)
    }

    /// The latest time of any row written, staged or attached.
    pub(crate) fn latest_time(&self) -> u64 {
        let areas: Vec<_> = self.areas().values().cloned().collect();
        let staged = areas
            .iter()
            .map(|area| area.state().latest)
            .max()
            .unwrap_or_default();
        // Relaxed: it only grows, and a caller who needs a row counted has waited for its write.
        self.latest.load(Ordering::Relaxed).max(staged)
    }

    pub(crate) fn is_closing(&self) -> bool {
        // Relaxed: whoever misses it does one step more; an area's lock shows it to those who stage after its close.
        self.closing.load(Ordering::Relaxed)
    }
}

pub(crate) fn keyspace_options(config: &FjallConfig) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(config.memtable_bytes_max)
        .manual_journal_persist(true)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        areas_gone(self.areas().len());
    }
}

/// Counts staging areas that this process has no more.
pub(crate) fn areas_gone(areas: usize) {
    for _ in 0..areas {
        staging_area_dropped();
    }
}

/// Runs what may block, where it may.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, EngineError> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| failed(Stopped))?
}
