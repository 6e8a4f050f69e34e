//! Wrong lines about staged rows, in builds made for them.

use std::sync::Arc;

use tidegate_guard::SharedGuard;
use tidegate_streaming::{Batch, EngineError};

use super::ClockedStaging;
use crate::{RowBatchBuilder, RowRef, decode_rows};

impl ClockedStaging {
    /// What is staged in the place of `batch`.
    pub(super) async fn spoil(&self, guard: &SharedGuard, batch: Batch) -> Result<Batch, EngineError> {
        let rows = decode_rows(&batch.payload).map_err(|error| EngineError::Decode(error.to_string()))?;
        if tidegate_mutants::on("staged-visible-early") {
            let (store, tablet) = &self.rows;
            let rows = rows.map(|row| row.to_row()).collect();
            store.write(*tablet, Arc::clone(guard), rows).await?;
        } else if tidegate_mutants::on("attach-overwrites") {
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
}
