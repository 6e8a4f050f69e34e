//! Engines without a store: one reads what is in memory, the other lets go of what it is given.

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, Staging, TargetEngine, UnitId};
use tidegate_transport::PeerId;

use super::load::Load;

/// Has the load in every unit.
#[derive(Debug)]
pub(super) struct Loaded(pub(super) Load);

#[async_trait]
impl SourceEngine for Loaded {
    async fn snapshot(
        &self,
        _unit: UnitId,
        guard: SharedGuard,
        _from: Option<Position>,
    ) -> Result<Box<dyn Scan>, EngineError> {
        guard.check()?;
        Ok(Box::new(LoadScan {
            load: self.0.clone(),
            next: 0,
        }))
    }
}

#[derive(Debug)]
struct LoadScan {
    load: Load,
    next: u64,
}

#[async_trait]
impl Scan for LoadScan {
    async fn next(&mut self, _bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        if self.next == self.load.batches {
            return Ok(None);
        }
        let payload = self.load.payload(self.next);
        self.next += 1;
        Ok(Some(Batch {
            payload,
            // As many as there are of 1 KiB.
            rows: u32::try_from(self.load.batch_bytes >> 10).unwrap_or(u32::MAX),
            // A key of sixteen bytes.
            last: Position(u128::from(self.next).to_be_bytes().to_vec().into()),
        }))
    }
}

/// Keeps nothing.
#[derive(Debug)]
pub(super) struct Sinkhole;

#[async_trait]
impl TargetEngine for Sinkhole {
    async fn staging(
        &self,
        _unit: UnitId,
        _session: SessionId,
        guard: SharedGuard,
    ) -> Result<Box<dyn Staging>, EngineError> {
        guard.check()?;
        Ok(Box::new(Nothing))
    }

    async fn discard(&self, _unit: UnitId, _session: SessionId) -> Result<(), EngineError> {
        Ok(())
    }

    async fn staged(&self) -> Result<Vec<(UnitId, SessionId)>, EngineError> {
        Ok(Vec::new())
    }
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Staging for Nothing {
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

    async fn sync(&self, _guard: SharedGuard) -> Result<(), EngineError> {
        Ok(())
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        guard.check()?;
        Ok(())
    }
}
