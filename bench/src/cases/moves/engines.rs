//! What a source has: a store, and a unit that is none.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_kv::KvStorage;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, UnitId};

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
