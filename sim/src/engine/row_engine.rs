//! The engine's calls.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::{Row, RowRef, RowStore, Timestamp};
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tokio::time::sleep;

use super::Rows;
use super::call::Call;
use super::disk::Shared;
use super::scan::SimScan;
use super::staging::SimStaging;
use super::state::{Effect, State, rows_after, tombstones};

/// An engine that was opened on a [`SimDisk`](super::SimDisk). After a crash all its calls fail.
#[derive(Clone)]
pub struct SimEngine {
    pub(super) shared: Arc<Shared>,
    number: u64,
}

impl SimEngine {
    pub(super) const fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number }
    }

    /// A call with an effect: started before it is waited for.
    pub(super) async fn run(&self, effect: Effect, guard: Option<SharedGuard>) -> Result<u64, EngineError> {
        Call::start(&self.shared, self.number, effect, guard)?
            .wait()
            .await
    }

    /// A call that takes its time and then looks.
    pub(super) async fn look<T>(
        &self,
        look: impl FnOnce(&mut State) -> Result<T, EngineError> + Send,
    ) -> Result<T, EngineError> {
        let (time, result) = {
            let mut inner = self.shared.lock();
            inner.lives(self.number)?;
            inner.throw_read()
        };
        if !time.is_zero() {
            sleep(time).await;
        }
        result?;
        let mut inner = self.shared.lock();
        inner.lives(self.number)?;
        look(&mut inner.state)
    }

    async fn rows(&self, tablet: TabletId) -> Result<Rows, EngineError> {
        self.look(|state| Ok(state.rows(unit_of(tablet)))).await
    }
}

#[async_trait]
impl SourceEngine for SimEngine {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        let rows = self
            .look(|state| {
                guard.check()?;
                Ok(state.rows(unit))
            })
            .await?;
        let after = from.map(|position| position.0);
        Ok(Box::new(SimScan::new(self.clone(), rows, after)))
    }
}

#[async_trait]
impl TargetEngine for SimEngine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        // An area without rows is no effect that anybody sees: it is made in one step, after all waiting.
        let area = self
            .look(|state| {
                guard.check()?;
                Ok(state.open_area((unit, session)))
            })
            .await?;
        Ok(Box::new(SimStaging::new(self.clone(), area)))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        let name = (unit, session);
        self.run(Effect::Discard { name }, None).await.map(|_| ())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.look(|state| Ok(state.staged())).await
    }
}

#[async_trait]
impl RowStore for SimEngine {
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError> {
        let unit = unit_of(tablet);
        self.run(Effect::Write { unit, rows }, Some(guard))
            .await
            .map(|_| ())
    }

    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        let rows = self.rows(tablet).await?;
        Ok(keys.iter().map(|key| rows.get(key).cloned()).collect())
    }

    async fn latest(
        &self,
        tablet: TabletId,
        keys: Vec<Bytes>,
    ) -> Result<Vec<Option<Timestamp>>, EngineError> {
        let rows = self.rows(tablet).await?;
        let latest = |key| rows.get(key).map(|row| row.timestamp);
        Ok(keys.iter().map(latest).collect())
    }

    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let rows = self.rows(tablet).await?;
        let mut page = Vec::new();
        let mut bytes = 0;
        for row in rows_after(&rows, after.as_deref()).take(rows_max) {
            bytes += RowRef::from(row).encoded_len();
            if !page.is_empty() && bytes > bytes_max {
                break;
            }
            page.push(row.clone());
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
        let rows = self.rows(tablet).await?;
        let page = tombstones(&rows, floor, after.as_deref()).take(rows_max);
        Ok(page.cloned().collect())
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError> {
        let unit = unit_of(tablet);
        self.run(Effect::Purge { unit, floor }, Some(guard)).await
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        let unit = unit_of(tablet);
        self.run(Effect::Remove { unit }, Some(guard)).await.map(|_| ())
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        self.look(|state| Ok(state.tablets())).await
    }

    async fn latest_time(&self) -> Result<u64, EngineError> {
        self.look(|state| Ok(state.latest_time())).await
    }
}

impl fmt::Debug for SimEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimEngine")
            .field("node", &self.shared.node)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

const fn unit_of(tablet: TabletId) -> UnitId {
    UnitId::new(tablet.as_u64())
}
