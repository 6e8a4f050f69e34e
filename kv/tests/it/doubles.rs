//! An engine that can be held in the middle of a call.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::{MemoryEngine, Row, RowStore};
use tidegate_streaming::{EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_tablets::TabletId;
use tokio::sync::watch;

/// A memory engine whose writes wait while it is held.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldEngine {
    pub(crate) inner: MemoryEngine,
    held: Arc<watch::Sender<bool>>,
    waiting: Arc<watch::Sender<usize>>,
}

impl HeldEngine {
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    /// Waits until a write is held.
    pub(crate) async fn writes_held(&self, count: usize) {
        self.waiting
            .subscribe()
            .wait_for(|waiting| *waiting >= count)
            .await
            .unwrap();
    }
}

#[async_trait]
impl SourceEngine for HeldEngine {
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
impl TargetEngine for HeldEngine {
    async fn staging(
        &self,
        unit: UnitId,
        session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        self.inner.staging(unit, session, guard).await
    }

    async fn discard(&self, unit: UnitId, session: SessionId) -> Result<(), EngineError> {
        self.inner.discard(unit, session).await
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        self.inner.staged().await
    }
}

#[async_trait]
impl RowStore for HeldEngine {
    async fn write(&self, tablet: TabletId, guard: SharedGuard, rows: Vec<Row>) -> Result<(), EngineError> {
        let mut held = self.held.subscribe();
        if *held.borrow() {
            self.waiting.send_modify(|waiting| *waiting += 1);
            held.wait_for(|held| !held).await.unwrap();
            self.waiting.send_modify(|waiting| *waiting -= 1);
        }
        self.inner.write(tablet, guard, rows).await
    }

    async fn read(&self, tablet: TabletId, keys: Vec<Bytes>) -> Result<Vec<Option<Row>>, EngineError> {
        self.inner.read(tablet, keys).await
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
