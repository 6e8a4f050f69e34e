//! A handle on a staging area.

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_kv::share_rows;
use tidegate_streaming::{Batch, EngineError, Position, Staging};
use tidegate_transport::PeerId;

use super::SimEngine;
use super::state::{AreaKey, Effect};

/// A handle on a staging area.
#[derive(Debug)]
pub(super) struct SimStaging {
    engine: SimEngine,
    area: AreaKey,
}

impl SimStaging {
    pub(super) const fn new(engine: SimEngine, area: AreaKey) -> Self {
        Self { engine, area }
    }
}

#[async_trait]
impl Staging for SimStaging {
    async fn attached(&self) -> Result<bool, EngineError> {
        self.engine
            .look(|state| Ok(state.area(self.area)?.attached))
            .await
    }

    async fn position(&self, source: PeerId) -> Result<Option<Position>, EngineError> {
        // What is shown is durable from then on, so it is made so first.
        self.engine
            .look(|state| {
                let area = state.area(self.area)?;
                area.sync();
                Ok(area.now.positions.get(&source).cloned())
            })
            .await
    }

    async fn stage(&self, guard: SharedGuard, source: PeerId, batch: Batch) -> Result<(), EngineError> {
        let rows = share_rows(&batch.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
        if rows.len() != batch.rows as usize {
            let error = format!("{} rows where {} were announced", rows.len(), batch.rows);
            return Err(EngineError::Decode(error));
        }
        let effect = Effect::Stage {
            area: self.area,
            source,
            rows,
            last: batch.last,
        };
        self.engine.run(effect, Some(guard)).await.map(|_| ())
    }

    async fn sync(&self, guard: SharedGuard) -> Result<(), EngineError> {
        let area = self.area;
        self.engine
            .run(Effect::Sync { area }, Some(guard))
            .await
            .map(|_| ())
    }

    async fn attach(&self, guard: SharedGuard) -> Result<(), EngineError> {
        let area = self.area;
        self.engine
            .run(Effect::Attach { area }, Some(guard))
            .await
            .map(|_| ())
    }
}
