//! A snapshot of a tablet, read batch by batch.

use async_trait::async_trait;
use bytes::Bytes;
use tidegate_streaming::{Batch, EngineError, Position, Scan};

use super::state::{Rows, rows_after};
use crate::RowBatchBuilder;

/// A snapshot of a tablet, read batch by batch.
#[derive(Debug)]
pub(super) struct MemoryScan {
    pub(super) rows: Rows,
    pub(super) after: Option<Bytes>,
}

#[async_trait]
impl Scan for MemoryScan {
    async fn next(&mut self, bytes_max: usize) -> Result<Option<Batch>, EngineError> {
        let mut rows = rows_after(&self.rows, self.after.as_deref()).peekable();
        // Room for a batch is taken where there is one: an empty tablet has none.
        if rows.peek().is_none() {
            return Ok(None);
        }
        let mut batch = RowBatchBuilder::with_capacity(bytes_max.min(1 << 20));
        let mut last = None;
        for (key, held) in rows {
            let row = held.row_ref(key);
            if !batch.is_empty() && batch.len() + row.encoded_len() > bytes_max {
                break;
            }
            batch
                .push(row)
                .map_err(|error| EngineError::Failed(Box::new(error)))?;
            last = Some(key.clone());
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
