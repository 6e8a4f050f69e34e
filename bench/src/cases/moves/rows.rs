//! The rows of a tablet that is moved.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use tidegate_kv::{RowBatchBuilder, RowRef, Timestamp};
use tidegate_streaming::{Batch, Position};

/// What a scan asks for at a time, by the streams' default.
pub(crate) const BATCH_BYTES: usize = 256 << 10;
const KEY_LEN: usize = 16;
/// Between the numbers of two keys, so that they look less alike than neighbours.
const STRIDE: u64 = 0x1_0000_01b3;

/// Rows with keys of 16 bytes, in order, and values that nothing could compress.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) value_len: usize,
    /// How much of keys and values there is.
    pub(crate) mib: u64,
}

impl Rows {
    pub(crate) fn count(&self) -> u64 {
        (self.mib << 20) / (KEY_LEN + self.value_len) as u64
    }

    /// The rows as a scan would give them.
    pub(crate) fn batches(self) -> impl Iterator<Item = Result<Batch>> {
        let mut next = 0;
        let mut value = vec![0; self.value_len];
        let mut random = fastrand::Rng::with_seed(self.mib);
        std::iter::from_fn(move || {
            (next < self.count()).then(|| self.batch(&mut next, &mut value, &mut random))
        })
    }

    fn batch(self, next: &mut u64, value: &mut [u8], random: &mut fastrand::Rng) -> Result<Batch> {
        let mut builder = RowBatchBuilder::with_capacity(BATCH_BYTES);
        let mut last = [0; KEY_LEN];
        loop {
            last[..8].copy_from_slice(&(*next * STRIDE).to_be_bytes());
            random.fill(value);
            let row = RowRef {
                key: &last,
                timestamp: Timestamp {
                    time: *next + 1,
                    node: 1,
                    start: 1,
                },
                value: Some(value),
            };
            builder.push(row).context("a row of a batch")?;
            *next += 1;
            if *next == self.count() || builder.len() + row.encoded_len() > BATCH_BYTES {
                break;
            }
        }
        Ok(Batch {
            rows: builder.rows(),
            payload: builder.finish(),
            last: Position(Bytes::copy_from_slice(&last)),
        })
    }
}

/// What a run of batches came to: so that what arrived can be compared with what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Total {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The CRC-32C of all payloads.
    pub(crate) digest: u32,
}

impl Total {
    pub(crate) fn add(&mut self, batch: &Batch) {
        self.rows += u64::from(batch.rows);
        self.bytes += batch.payload.len() as u64;
        self.digest = crc32c::crc32c_append(self.digest, &batch.payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_and_as_many_as_were_announced() {
        let rows = Rows {
            value_len: 100,
            mib: 1,
        };
        let mut total = Total::default();
        let mut last = Position(Bytes::new());
        for batch in rows.batches() {
            let batch = batch.unwrap();
            assert!(last < batch.last);
            assert!(batch.payload.len() <= BATCH_BYTES);
            total.add(&batch);
            last = batch.last;
        }
        assert_eq!(total.rows, rows.count());
    }
}
