//! A snapshot of a tablet, read batch by batch.

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_kv::{RowBatchBuilder, RowRef};
use tidegate_streaming::{Batch, EngineError, Position, Scan};

use super::state::rows_after;
use super::{Rows, SimEngine};

/// A snapshot of a tablet, read batch by batch.
#[derive(Debug)]
pub(super) struct SimScan {
    engine: SimEngine,
    rows: Rows,
    after: Option<Bytes>,
}

impl SimScan {
    pub(super) const fn new(engine: SimEngine, rows: Rows, after: Option<Bytes>) -> Self {
        Self { engine, rows, after }
    }
}

#[async_trait]
impl Scan for SimScan {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        self.engine.look(|_| Ok(())).await?;
        let mut batch = RowBatchBuilder::with_capacity(256.min(bytes_max));
        let mut last = None;
        for row in rows_after(&self.rows, self.after.as_deref()) {
            let row_ref = RowRef::from(row);
            if !batch.is_empty() && batch.len() + row_ref.encoded_len() > bytes_max {
                break;
            }
            batch
                .push(row_ref)
                .map_err(|error| EngineError::Failed(Box::new(error)))?;
            last = Some(row.key.clone());
        }
        let Some(last) = last else { return Ok(None) };
        self.after = Some(last.clone());
        let rows = batch.rows();
        Ok(Some(Batch {
            payload: batch.finish(),
            rows,
            last: Position(last),
        }))
    }
}
