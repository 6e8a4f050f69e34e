//! A staging area in memory.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, Staging, UnitId};
use tidegate_transport::PeerId;

use super::{Shared, held_rows};
use crate::decode_rows;

/// A handle on a staging area.
#[derive(Debug)]
pub(super) struct MemoryStaging {
    pub(super) shared: Arc<Shared>,
    pub(super) name: (UnitId, SessionId),
    pub(super) number: u64,
}

#[async_trait]
impl Staging for MemoryStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        Ok(self.shared.state().area(self.name, self.number)?.attached)
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        Ok(self
            .shared
            .state()
            .area(self.name, self.number)?
            .positions
            .get(&source)
            .cloned())
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        let rows = decode_rows(&batch.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
        if rows.len() != batch.rows as usize {
            let error = format!("{} rows where {} were announced", rows.len(), batch.rows);
            return Err(EngineError::Decode(error));
        }
        let rows = held_rows(rows);
        let place = (source, batch.last);
        self.shared
            .state()
            .stage((self.name, self.number), &guard, place, rows, self.shared.quota)
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.shared.state().area(self.name, self.number)?;
        Ok(guard.check()?)
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        self.shared.state().attach(self.name, self.number, &guard)
    }
}
