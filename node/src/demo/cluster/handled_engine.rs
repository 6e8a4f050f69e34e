//! A node's engine, with the scenario's hand in its staging areas.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::{Row, RowStore, Timestamp};
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;

use super::stage_hand::StageHand;
use super::unfenced::Attempts;

/// Passes everything on to the engine; staging areas go through the scenario's hand.
#[derive(Debug)]
pub(super) struct HandledEngine {
    inner: Arc<dyn RowStore>,
    hand: StageHand,
    /// Staging keyed by attempt, on a cluster without sessions.
    attempts: Option<Attempts>,
}

impl HandledEngine {
    pub(super) fn new(inner: Arc<dyn RowStore>, hand: StageHand, attempts: Option<Attempts>) -> Self {
        Self {
            inner,
            hand,
            attempts,
        }
    }
}

#[async_trait]
impl SourceEngine for HandledEngine {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        self.inner.snapshot(unit, guard, from).await
    }
}

#[async_trait]
impl TargetEngine for HandledEngine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        let inner = match &self.attempts {
            Some(attempts) => attempts.staging(&*self.inner, unit, guard).await?,
            None => self.inner.staging(unit, session, guard).await?,
        };
        Ok(self.hand.wrap(unit, inner))
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        match &self.attempts {
            // Nothing names an attempt's area after the attempt.
            Some(_) => Ok(()),
            None => self.inner.discard(unit, session).await,
        }
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        match &self.attempts {
            Some(_) => Ok(Vec::new()),
            None => self.inner.staged().await,
        }
    }
}

#[async_trait]
impl RowStore for HandledEngine {
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError> {
        self.inner.write(tablet, guard, rows).await
    }

    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        self.inner.read(tablet, keys).await
    }

    async fn latest(
        &self,
        tablet: TabletId,
        keys: Vec<Bytes>,
    ) -> Result<Vec<Option<Timestamp>>, EngineError> {
        self.inner.latest(tablet, keys).await
    }

    async fn scan(
        &self,
        tablet: TabletId,
        after: Option<Bytes>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        self.inner.scan(tablet, after, rows_max, bytes_max).await
    }

    async fn tombstones(
        &self,
        tablet: TabletId,
        floor: u64,
        after: Option<Bytes>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        self.inner.tombstones(tablet, floor, after, rows_max).await
    }

    async fn purge(&self, tablet: TabletId, guard: SharedGuard, floor: u64) -> Result<u64, EngineError> {
        self.inner.purge(tablet, guard, floor).await
    }

    async fn remove(&self, tablet: TabletId, guard: SharedGuard) -> Result<(), EngineError> {
        self.inner.remove(tablet, guard).await
    }

    async fn tablets(&self) -> Result<Vec<TabletId>, EngineError> {
        self.inner.tablets().await
    }

    async fn latest_time(&self) -> Result<u64, EngineError> {
        self.inner.latest_time().await
    }
}
