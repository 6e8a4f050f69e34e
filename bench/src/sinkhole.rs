//! An engine that keeps nothing: it checks its guard and lets go of what comes.

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Staging, TargetEngine, UnitId};
use tidegate_transport::PeerId;

/// The engine, and its staging area.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sinkhole;

#[async_trait]
impl TargetEngine for Sinkhole {
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
impl Staging for Sinkhole {
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
