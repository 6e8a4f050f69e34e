//! Reading rows out of a view.

use bytes::Bytes;
use tidegate_kv::{Row, TabletSize};
use tidegate_streaming::EngineError;

use crate::error::failed;
use crate::merge::Merge;
use crate::record::{row_key, user_key};
use crate::tablet::{View, decode};

/// Bytes that a row counts beside key and value.
const ROW_OVERHEAD: usize = 32;

/// Rows, and bytes of them, by which the size of a tablet is estimated.
const SAMPLE_ROWS: usize = 512;
const SAMPLE_BYTES: usize = 512 << 10;

fn to_row(key: &[u8], stored: &[u8]) -> Result<Row, EngineError> {
    Ok(decode(stored)?.under(user_key(key)).to_row())
}

impl View {
    /// All rows from just after a key.
    pub(crate) fn rows_after(&self, key: Option<&[u8]>) -> Result<Merge, EngineError> {
        Ok(self.after(stored(key)?.as_deref()))
    }

    /// The rows of some keys, in the order of the keys.
    pub(crate) fn read(&self, keys: &[Bytes]) -> Result<Vec<Option<Row>>, EngineError> {
        let mut rows = Vec::with_capacity(keys.len());
        for key in keys {
            // What cannot be stored is not there.
            let row = match row_key(key) {
                Ok(stored_key) => self
                    .latest(&stored_key)?
                    .map(|stored| to_row(&stored_key, &stored))
                    .transpose()?,
                Err(_) => None,
            };
            rows.push(row);
        }
        Ok(rows)
    }

    /// Rows in key order from just after `after`: at most `rows_max`, and about `bytes_max` bytes of them.
    pub(crate) fn scan(
        &self,
        after: Option<&[u8]>,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let mut merge = self.rows_after(after)?;
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < rows_max && (bytes < bytes_max || rows.is_empty()) {
            let Some((key, stored)) = merge.next()? else { break };
            bytes += key.len() + stored.len() + ROW_OVERHEAD;
            rows.push(to_row(&key, &stored)?);
        }
        Ok(rows)
    }

    /// About how much the view shows: exactly, where it is little.
    pub(crate) fn size(&self) -> Result<TabletSize, EngineError> {
        let sample = self.scan(None, SAMPLE_ROWS, SAMPLE_BYTES)?;
        let seen = TabletSize {
            rows: sample.len() as u64,
            bytes: sample.iter().map(Row::bytes).sum(),
        };
        let more = match sample.last() {
            Some(last) => !self.scan(Some(&last.key), 1, 1)?.is_empty(),
            None => false,
        };
        if !more {
            return Ok(seen);
        }
        let rows = self.rows_counted().max(seen.rows + 1);
        let bytes = u128::from(seen.bytes) * u128::from(rows) / u128::from(seen.rows.max(1));
        Ok(TabletSize {
            rows,
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
        })
    }

    /// Tombstones in key order whose time is not later than `floor`, from just after `after`.
    pub(crate) fn tombstones(
        &self,
        floor: u64,
        after: Option<&[u8]>,
        rows_max: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let mut merge = self.rows_after(after)?;
        let mut rows = Vec::new();
        while rows.len() < rows_max {
            let Some((key, stored)) = merge.next()? else { break };
            let row = decode(&stored)?;
            if row.value.is_none() && row.timestamp.time <= floor {
                rows.push(row.under(user_key(&key)).to_row());
            }
        }
        Ok(rows)
    }
}

fn stored(after: Option<&[u8]>) -> Result<Option<Vec<u8>>, EngineError> {
    after.map(row_key).transpose().map_err(failed)
}
