//! An engine without a store: it reads what is in memory.

use async_trait::async_trait;
use tidegate_guard::SharedGuard;
use tidegate_streaming::{Batch, EngineError, Position, Scan, SourceEngine, UnitId};

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
