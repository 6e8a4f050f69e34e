//! Engines that are no store: one that has its batches in memory, one that drops them.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_kv::KvStorage;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_transport::PeerId;

/// What the source has: a store, and one unit in memory.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) storage: KvStorage,
    pub(crate) in_memory: UnitId,
    pub(crate) batches: Arc<Vec<Batch>>,
}

#[async_trait]
impl SourceEngine for Offered {
    async fn snapshot(
        &self,
        unit: UnitId,
        guard: SharedGuard,
        from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        if unit != self.in_memory {
            return self.storage.snapshot(unit, guard, from).await;
        }
        guard.check()?;
        Ok(Box::new(InMemory {
            batches: Arc::clone(&self.batches),
            next: 0,
        }))
    }
}

#[derive(Debug)]
struct InMemory {
    batches: Arc<Vec<Batch>>,
    next: usize,
}

#[async_trait]
impl Scan for InMemory {
    async fn next(&mut self, _bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        let batch = self.batches.get(self.next).cloned();
        self.next += 1;
        Ok(batch)
    }
}

/// A target, and its staging area, that checks its guard and drops what comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropping;

#[async_trait]
impl TargetEngine for Dropping {
    async fn staging(
        &self,
        _unit: UnitId,
        _session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        guard.check()?;
        Ok(Box::new(Self))
    }

    async fn discard(&self, _unit: UnitId, _session: SessionId) -> Result<(), EngineError> {
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Staging for Dropping {
    async fn attached(&self) -> Result<bool, EngineError> {
        Ok(false)
    }

    async fn position(&self, _source: PeerId) -> Result<Option<Position>, EngineError> {
        Ok(None)
    }

    async fn stage(&self, guard: SharedGuard, _source: PeerId, batch: Batch) -> Result<(), EngineError> {
        guard.check()?;
        drop(batch);
        Ok(())
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        Ok(guard.check()?)
    }
}
