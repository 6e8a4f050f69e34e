//! An engine that holds its rows in memory.

mod scan;
mod staging;
mod state;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use metrics::gauge;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;

use self::scan::MemoryScan;
use self::staging::MemoryStaging;
use self::state::{Area, Held, Rows, State, rows_after, tombstones};
use crate::{Row, RowRef, RowStore, Timestamp};

/// An engine that holds its rows in memory: for tests, for simulation, and to read how an engine is made.
///
/// What is durable elsewhere is what the engine holds here: a clone is a handle on the same rows, so a node that a
/// test restarts gets a clone. Snapshots share what did not change; no lock is held while one is read.
#[derive(Debug, Clone, Default)]
pub struct MemoryEngine {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    quota: Option<u64>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No call panics with the state half changed: what a panic left is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryEngine {
    /// An engine that holds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine that refuses, with [`EngineError::DiskFull`], what would make its keys and values, staged ones
    /// counted, more than `bytes_max`.
    #[must_use]
    pub fn with_quota(bytes_max: u64) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::default(),
                quota: Some(bytes_max),
            }),
        }
    }

    /// Bytes of the keys and values held, staged ones counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.state().bytes
    }

    /// The rows of a tablet as they are now.
    fn rows(&self, unit: UnitId) -> Rows {
        self.shared
            .state()
            .tablets
            .get(&unit)
            .cloned()
            .unwrap_or_default()
    }
}

#[async_trait]
impl SourceEngine for MemoryEngine {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        guard.check()?;
        Ok(Box::new(MemoryScan {
            rows: self.rows(unit),
            after: from.map(|position| position.0),
        }))
    }
}

#[async_trait]
impl TargetEngine for MemoryEngine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let name = (unit, session);
        let mut state = self.shared.state();
        guard.check()?;
        let number = match state.areas.get(&name) {
            Some(area) => area.number,
            None => {
                state.areas_made += 1;
                let number = state.areas_made;
                state.areas.insert(
                    name,
                    Area {
                        number,
                        ..Area::default()
                    },
                );
                gauge!("tidegate_staging_areas").increment(1.0);
                number
            }
        };
        Ok(Box::new(MemoryStaging {
            shared: Arc::clone(&self.shared),
            name,
            number,
        }))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        if self.shared.state().discard(unit, session) {
            gauge!("tidegate_staging_areas").decrement(1.0);
        }
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(self.shared.state().areas.keys().copied().collect())
    }
}

#[async_trait]
impl RowStore for MemoryEngine {
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError> {
        let rows = held_rows(rows.iter().map(RowRef::from));
        self.shared
            .state()
            .write(unit_of(tablet), &guard, rows, self.shared.quota)
    }

    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        let rows = self.rows(unit_of(tablet));
        Ok(keys
            .iter()
            .map(|key| rows.get(key).map(|held| held.to_row(key)))
            .collect())
    }

    async fn latest(
        &self,
        tablet: TabletId,
        keys: Vec<Bytes>,
    ) -> Result<Vec<Option<Timestamp>>, EngineError> {
        let rows = self.rows(unit_of(tablet));
        Ok(keys
            .iter()
            .map(|key| rows.get(key).map(|held| held.timestamp))
            .collect())
    }

    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let rows = self.rows(unit_of(tablet));
        let mut page = Vec::new();
        let mut bytes = 0;
        for (key, held) in rows_after(&rows, after.as_deref()).take(rows_max) {
            bytes += held.row_ref(key).encoded_len();
            if !page.is_empty() && bytes > bytes_max {
                break;
            }
            page.push(held.to_row(key));
        }
        Ok(page)
    }

    async fn tombstones(
        &self,
        tablet: TabletId,
        floor: u64,
        after: Option<Bytes>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let rows = self.rows(unit_of(tablet));
        let page = tombstones(&rows, floor, after.as_deref()).take(rows_max);
        Ok(page.map(|(key, held)| held.to_row(key)).collect())
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError> {
        let mut state = self.shared.state();
        guard.check()?;
        Ok(state.purge(unit_of(tablet), floor))
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        let mut state = self.shared.state();
        guard.check()?;
        let areas = state.remove(unit_of(tablet));
        gauge!("tidegate_staging_areas").decrement(areas as f64);
        Ok(())
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        let state = self.shared.state();
        let staged = state.areas.keys().map(|(unit, _)| unit);
        let mut units: Vec<UnitId> = state.tablets.keys().chain(staged).copied().collect();
        units.sort_unstable();
        units.dedup();
        Ok(units
            .into_iter()
            .map(|unit| TabletId::new(unit.as_u64()))
            .collect())
    }

    async fn latest_time(&self) -> Result<u64, EngineError> {
        let held: Vec<Rows> = {
            let state = self.shared.state();
            let staged = state.areas.values().map(|area| &area.rows);
            state.tablets.values().chain(staged).cloned().collect()
        };
        let times = held.iter().flat_map(Rows::values).map(|held| held.timestamp.time);
        Ok(times.max().unwrap_or_default())
    }
}

const fn unit_of(tablet: TabletId) -> UnitId {
    UnitId::new(tablet.as_u64())
}

/// Rows with buffers of their own, so that none keeps the whole of a batch or frame alive.
fn held_rows<'a>(rows: impl Iterator<Item = RowRef<'a>>) -> Vec<(Bytes, Held)> {
    rows.map(|row| {
        let value = row.value.map(Bytes::copy_from_slice);
        (
            Bytes::copy_from_slice(row.key),
            Held {
                timestamp: row.timestamp,
                value,
            },
        )
    })
    .collect()
}
