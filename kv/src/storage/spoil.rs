//! Wrong lines about staged rows, in builds made for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_guard::{SessionId, SharedGuard};
use tidegate_streaming::{Batch, EngineError, Position, UnitId};
use tidegate_transport::PeerId;

use super::ClockedStaging;
use crate::{RowBatchBuilder, RowRef, decode_rows};

/// How far each source of a unit was staged, and under which session that was.
pub(super) type Kept = Arc<Mutex<BTreeMap<(UnitId, PeerId), (SessionId, Position)>>>;

impl ClockedStaging {
    /// What is staged in the place of `batch`.
    pub(super) async fn spoil(
        &self,
        guard: &SharedGuard,
        source: PeerId,
        batch: Batch,
    ) -> Result<Batch, EngineError> {
        self.keep(source, batch.last.clone());
        if tidegate_mutants::on("staged-visible-early") {
            let staged = self.staging.stage(Arc::clone(guard), source, batch.clone());
            staged.await?;
            self.staging.attach(Arc::clone(guard)).await?;
        } else if tidegate_mutants::on("attach-overwrites") {
            let rows = decode_rows(&batch.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
            let mut newest = RowBatchBuilder::with_capacity(batch.payload.len());
            for row in rows {
                let timestamp = self.clock.now();
                let _ = newest.push(RowRef { timestamp, ..row });
            }
            let payload = newest.finish();
            return Ok(Batch { payload, ..batch });
        }
        Ok(batch)
    }

    fn keep(&self, source: PeerId, position: Position) {
        let (kept, unit, session) = &self.kept;
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((*unit, source), (*session, position));
    }

    /// How far a source was staged under another session.
    pub(super) fn kept(&self, source: PeerId) -> Option<Position> {
        let (kept, unit, session) = &self.kept;
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, position) = kept.get(&(*unit, source))?;
        (of != session).then(|| position.clone())
    }
}
